"""The life of an account: what is read, listed, corrected and thinned, in turns."""

from __future__ import annotations

from bisect import insort
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import accumulate, cycle, islice
from typing import Any

from django.db import connection

from dashboard.keys.models import Account
from dashboard.lib.renewals import month_start, next_month
from dashboard.rembg import usage
from dashboard.usage.history.values import Reading
from dashboard.usage.models import Snapshot, Thinning
from dashboard.usage.polling import record
from dashboard.usage.polling.thinning import thin
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


class Killed(Exception):
    """The end of a worker, at any moment."""


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
        shape = usage.BillingWindow(one.start_at, one.end_at, None, None)
        return one._replace(kind=usage.kind_of(shape, synced=None))

    def keep(self, one: Reading) -> None:
        """Write a reading down as the poller does."""
        snapshot = row(self.account, one)
        snapshot.save()
        record.bring_running(self.account, snapshot)
        self.readings.append(one)

    def arrive(self) -> None:
        """Let answers that were held up come in at last (D6), if readings of then are all kept."""
        state = Thinning.objects.filter(account=self.account).first()
        kept = (state and state.until_at) or self.began
        while self.held:
            if (one := self.held.pop()).at >= kept:
                self.keep(one)

    def list(self) -> None:
        """Read the list of cycles, as the poller does once a day."""
        windows = dict(self.upstream.counters)
        windows.setdefault(self.upstream.place(self.at), {"app": 0, "api": 0})
        told = {
            place.start_at: usage.BillingWindow(
                place.start_at, self.upstream.end(place), mine["app"], mine["api"]
            )
            for place, mine in windows.items()
        }
        asked = Snapshot.objects.create(
            account=self.account, mode="cycles", outcome="ok", asked_at=self.at
        )
        answer = usage.CyclesAnswer(windows=tuple(told.values()))
        record.bring_listed(self.account, answer, asked)

    def cut(self, seconds: int) -> None:
        """Let a new window begin in the middle of one, told of a while later (D5)."""
        start = self.at - seconds * SECOND
        if start > self.began and start not in self.upstream.starts:
            insort(self.upstream.starts, start)

    def lag(self, seconds: int) -> None:
        """Let RemBG's clock be behind from now on: it reads windows after their end."""
        self.behind = seconds * SECOND

    def correct(self, number: int) -> None:
        """Let RemBG correct a window that is over, and list it."""
        over = [
            mine
            for place, mine in sorted(self.upstream.counters.items())
            if self.began < self.upstream.end(place) <= self.at
        ]
        if over:
            mine = over[number % len(over)]
            mine["app"] = max(0, mine["app"] + number - 4)
        self.list()

    def thin(self, days: int) -> None:
        """Let time pass, and thin as the schedule does; the cycles are listed daily before that."""
        self.at += days * DAY
        self.list()
        thin(self.account, at=self.at)

    def meet(self, days: int) -> None:
        """Let a second worker thin just before the first one deletes."""
        waiting = [self.at + days * DAY]

        def between(execute, sql, *more):
            if waiting and sql.startswith('DELETE FROM "usage_snapshot"'):
                thin(self.account, at=waiting.pop())
            return execute(sql, *more)

        with connection.execute_wrapper(between):
            self.thin(days)

    def die(self, days: int, after: int) -> None:
        """Let a worker be killed after so many deletions; the next one begins again."""
        left = [after]

        def between(execute, sql, *more):
            left[0] -= sql.startswith('DELETE FROM "usage_snapshot"')
            if left[0] < 0:
                raise Killed
            return execute(sql, *more)

        with suppress(Killed), connection.execute_wrapper(between):
            self.thin(days)
