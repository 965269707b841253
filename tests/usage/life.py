"""The life of an account: what is read, listed, corrected, rolled up and deleted, in turns."""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, cycle, islice
from typing import Any

from django.db import connection

from dashboard.keys.models import Account
from dashboard.lib.renewals import month_start, next_month
from dashboard.rembg import usage
from dashboard.usage import bringing, rolling
from dashboard.usage.history.values import Reading
from dashboard.usage.models import RollUp, Snapshot
from tests.usage.test_random_sums import Upstream, row

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
# What an answer may leave out, or be silent about.
UNKNOWN: dict[str, dict[str, Any]] = {
    "app": {"app": None},
    "api": {"api": None},
    "both": {"app": None, "api": None},
    "prepaid": {"prepaid": None},
    "plan": {"included": None, "plan": ""},
    "end": {"end_at": None},
    "synced": {"synced": None},
}


def starts_of(turn: datetime, seconds: int, lengths: list[int]) -> list[datetime]:
    """Return when windows begin: some seconds before the turn, with lengths in turns, or months."""
    at = turn - seconds * SECOND
    if lengths:
        every = islice(cycle(lengths), 3000)
        return list(accumulate(every, lambda one, more: one + more * SECOND, initial=at))
    found = [month_start(at)]
    while len(found) < 100:
        found.append(next_month(found[-1]))
    return found


@dataclass
class Life:
    """An account, RemBG as it counts it, and all that was ever read; each verb is a step."""

    account: Account
    upstream: Upstream
    at: datetime
    readings: list[Reading] = field(default_factory=list)
    held: list[Reading] = field(default_factory=list)
    behind: timedelta = timedelta()

    @property
    def began(self) -> datetime:
        return self.upstream.starts[0]

    @property
    def state(self) -> RollUp | None:
        return RollUp.objects.filter(account=self.account).first()

    @property
    def is_settled(self) -> bool:
        """Say whether what is rolled up stands; if not, it waits for its turn."""
        state = self.state
        if state is None:
            return True
        seen = rolling.Seen.of(self.account, until=state.until_at)
        return seen == rolling.Seen(state.readings, state.closings)

    def read(self, seconds: int, facts: tuple[Any, ...]) -> None:
        """Use credits, then read the account; an answer may be held up on its way."""
        when, app, api, prepaid, without, event = facts
        before, self.at = self.at, self.at + seconds * SECOND
        self.upstream.use(before + (self.at - before) * when, app=app, api=api)
        self.upstream.prepaid += prepaid
        one = self.answer(without)
        if event == "held":
            self.held.append(one)
        else:
            self.keep(one)
        self.upstream.synced ^= event == "switch"
        self.upstream.included += 1000 * (event == "plan")

    def reads(self, seconds: int, count: int, facts: tuple[Any, ...]) -> None:
        """Read it so many times."""
        for _ in range(count):
            self.read(seconds, facts)

    def answer(self, without: str) -> Reading:
        """Return what RemBG answers, by a clock that may be behind."""
        one = self.upstream.answer(self.at - self.behind, without="")
        one = one._replace(**{"at": self.at, "kind": str(one.kind), **UNKNOWN.get(without, {})})
        if one.synced is not None:
            return one
        shape = usage.Window(one.start_at, one.end_at, None, None)
        return one._replace(kind=usage.kind_of(shape, synced=None))

    def keep(self, one: Reading) -> None:
        """Write a reading down as the poller does."""
        snapshot = row(self.account, one)
        snapshot.save()
        bringing.bring_running(self.account, snapshot)
        self.readings.append(one)

    def arrive(self) -> None:
        """Let answers that were held up come in at last (D6), if readings of then are kept."""
        kept = ((state := self.state) and state.readings_from_at) or self.began
        while self.held:
            if (one := self.held.pop()).at >= kept:
                self.keep(one)

    def list(self) -> None:
        """Read the list of cycles, as the poller does once a day."""
        windows = dict(self.upstream.counters)
        windows.setdefault(self.upstream.place(self.at), {"app": 0, "api": 0})
        told = {
            place.start_at: usage.Window(
                place.start_at, self.upstream.end(place), mine["app"], mine["api"]
            )
            for place, mine in windows.items()
        }
        asked = Snapshot.objects.create(
            account=self.account, mode="cycles", outcome="ok", asked_at=self.at
        )
        answer = usage.CyclesAnswer(windows=tuple(told.values()))
        bringing.bring_listed(self.account, answer, asked)

    def cut(self, seconds: int) -> None:
        """Let a new window begin in the middle of one, told of a while later (D5)."""
        start = self.at - seconds * SECOND
        if start > self.began and start not in self.upstream.starts:
            insort(self.upstream.starts, start)

    def lag(self, seconds: int) -> None:
        """Let RemBG's clock be behind from now on: it reads windows after their end."""
        self.behind = seconds * SECOND

    def correct(self, number: int) -> None:
        """Let RemBG correct a window that is over and whose readings are kept, and list it."""
        kept = (state := self.state) and state.readings_from_at
        over = [
            mine
            for place, mine in sorted(self.upstream.counters.items())
            if (kept or self.began) < self.upstream.end(place) <= self.at
        ]
        if over:
            mine = over[number % len(over)]
            mine["app"] = max(0, mine["app"] + number - 4)
        self.list()

    def roll(self, most: int, times: int) -> None:
        """Roll up a few pieces."""
        for _ in range(times):
            rolling.roll_up(self.account, most=most)

    def meet(self, most: int, other: int) -> None:
        """Let a second worker roll up just before the first one writes; and before it deletes."""
        for deed in (lambda: rolling.roll_up(self.account, most=most), self.delete):
            waiting = [other]

            def between(execute, sql, *more, waiting=waiting):
                if waiting and sql.startswith('UPDATE "usage_rollup"'):
                    rolling.roll_up(self.account, most=waiting.pop())
                return execute(sql, *more)

            with connection.execute_wrapper(between):
                deed()

    def tidy(self, days: int) -> None:
        """Let time pass, and tidy as the schedule does."""
        self.at += days * DAY
        self.list()
        rolling.tidy(self.account, at=self.at)

    def delete(self) -> None:
        """Delete what is too old, if it is rolled up; the cycles are listed daily before that."""
        self.list()
        rolling.delete_readings(self.account, at=self.at)
        rolling.delete_hours(self.account, at=self.at)
