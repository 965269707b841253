"""A round of readings: due accounts, many asked at a time, their rows written one by one.

Only calls to RemBG leave this thread, so that there is one connection to the database and one
writer. A round begins with what is due; while RemBG answers nobody, one account a minute is asked
ahead of its time, so that its return is seen (promises R2, R9).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import Error

from dashboard.keys.models import Account
from dashboard.usage.models import Snapshot
from dashboard.usage.outlook import look_ahead
from dashboard.usage.polling import outages, schedule
from dashboard.usage.polling.ask import Outcome, PollTurn, Steps
from dashboard.usage.polling.schedule import Due

BATCH, TOGETHER = 200, 10  # Accounts found, and claimed, at a time.
log = logging.getLogger(__name__)


@dataclass
class Pace:
    """Lets at most `per_second` through; `clock` is monotonic, in seconds."""

    per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = 0.0

    def keep(self) -> None:
        """Wait until the next one may go."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + 1 / self.per_second


@dataclass
class Round:
    """One round: `clock` says the moment, `threads` how many accounts are asked at a time.

    No account's turn begins, and no forecast, later than `seconds` after the beginning.
    """

    clock: Callable[[], datetime]
    seconds: float
    threads: int
    pace: Pace = field(default_factory=lambda: Pace(outages.RECOVERED_A_SECOND))
    count: int = 0
    read: list[tuple[Account, Snapshot]] = field(default_factory=list)

    def run(self) -> int:
        """Read what is due, then look ahead for what was read; return how many were asked."""
        self.end = self.clock() + timedelta(seconds=self.seconds)
        outages.recover(at=self.clock())
        self._make(self._due())
        if not self.count:
            self._make(self._scout())
        for account, snapshot in self.read:
            if self.clock() >= self.end:
                break  # A forecast may wait until the next reading; a reading goes first.
            look_ahead(account, snapshot)
        return self.count

    def _due(self) -> Iterator[Due]:
        """Claim one due account after the other; those that were silent come back slowly."""
        is_last = False
        while not is_last:
            batch = schedule.due(at=self.clock(), limit=BATCH)
            is_last = len(batch) < BATCH
            for number in range(0, len(batch), TOGETHER):
                if self.clock() >= self.end:
                    return
                for one in schedule.claim_all(batch[number : number + TOGETHER], at=self.clock()):
                    if one.account.silent_since:
                        self.pace.keep()
                    yield one

    def _scout(self) -> Iterator[Due]:
        one = outages.scout(at=self.clock())
        if one is not None:
            yield one

    def _make(self, turns: Iterator[Due]) -> None:
        """Take each account's turn; as many calls are under way as there are threads."""
        under_way: dict[Future[Outcome], tuple[Account, Steps]] = {}
        with ThreadPoolExecutor(self.threads) as pool:

            def go_on(account: Account, steps: Steps, outcome: Outcome | None = None) -> None:
                try:
                    call = next(steps) if outcome is None else steps.send(outcome)
                except StopIteration as end:
                    self._note(account, end.value)
                except Error as exc:
                    # Its next turn comes; the answers to the others' questions are on their way.
                    log.error("account %s was not written: %s", account.pk, type(exc).__name__)
                else:
                    under_way[pool.submit(call.make)] = account, steps

            while True:
                while len(under_way) < self.threads and (one := next(turns, None)):
                    self.count += 1
                    go_on(one.account, PollTurn(one.account, self.clock(), one.requests).steps())
                if not under_way:
                    return
                for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                    go_on(*under_way.pop(future), future.result())

    def _note(self, account: Account, snapshot: Snapshot) -> None:
        if snapshot.is_good:
            self.read.append((account, snapshot))
        else:
            log.warning("account %s: %s", account.pk, snapshot.error or snapshot.outcome)
