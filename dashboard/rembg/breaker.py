"""Breakers: what keeps failing is asked seldom, and nobody else is held up by it (F28, R2, R20).

Each call belongs to a host and, below it, to whoever it is made for: a team, and its account. Each
of these has a breaker. An account's opens at half of at least 20 calls failed within 60 s; a team's
and a host's only where at least two of their members fail so, and half of those heard. Then one
call every 30 s passes; after a good one ever more do, and after some seconds of these all.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from dashboard.rembg import errors

WINDOW = 60.0
LEAST = 20
SHARE = 0.5
PAUSE = 30.0
RAMP = (4, 8, 16)  # Calls a second that pass after a good one; each step lasts a second.
STEP = 1.0
SEPARATOR = "|"
TRIES = 5  # Somebody else may change an opening at the same moment.

# What counts against the host. A refusal, a limit or a bad key is an answer, and so a good sign.
FAILURES = (
    errors.Unreachable,
    errors.ConnectTimeout,
    errors.TlsFailed,
    errors.OutcomeUnknown,
    errors.BadAnswer,
)


@dataclass(frozen=True)
class Opening:
    """An open breaker: when the next call may pass, and how far the recovery is; Unix seconds.

    `step` 0 is one call every 30 s. `version` changes with each change.
    """

    next_at: float
    step: int = 0
    step_at: float = 0.0
    version: int = 0

    def wait(self, now: float) -> float:
        """Return the seconds until a call may pass; after a clock that went back, none."""
        left = self.next_at - now
        return 0.0 if left > PAUSE else max(0.0, left)

    def passed(self, now: float) -> Opening:
        """Return it after a call that passes now."""
        pause = 1.0 / RAMP[self.step - 1] if self.step else PAUSE
        return replace(self, next_at=now + pause)

    def recovered(self, now: float) -> Opening | None:
        """Return it after a good call: as it is, a step further, or None when it is over."""
        if self.step and 0 <= now - self.step_at < STEP:
            return self
        if self.step == len(RAMP):
            return None
        return replace(self, next_at=now, step=self.step + 1, step_at=now)


class Store(Protocol):
    """Where openings are kept, so that all who ask the same host see them."""

    def openings(self) -> Mapping[str, Opening]:
        """Return all by name; they may be a second old."""

    def find(self, name: str) -> Opening | None:
        """Return one as it is."""

    def swap(self, name: str, before: Opening | None, after: Opening | None) -> bool:
        """Put `after` in the place of `before` (None: there is none); False if it was not there."""


class Memory:
    """A store for one process. Thread-safe."""

    def __init__(self) -> None:
        self._openings: dict[str, Opening] = {}
        self._lock = threading.Lock()

    def openings(self) -> Mapping[str, Opening]:
        return self._openings

    def find(self, name: str) -> Opening | None:
        return self._openings.get(name)

    def swap(self, name: str, before: Opening | None, after: Opening | None) -> bool:
        with self._lock:
            if self._openings.get(name) != before:
                return False
            if after is None:
                self._openings.pop(name, None)
            else:
                self._openings[name] = replace(after, version=after.version + 1)
            return True


class FailureWindow:
    """How the calls of the last minute ended, by the member of a group that made them."""

    def __init__(self, *, least_members: int) -> None:
        self._least_members = least_members
        self._results: deque[tuple[float, str, bool]] = deque()
        self._failures = 0  # Of these; counted along, for there can be thousands.

    def note(self, now: float, member: str, *, good: bool) -> bool:
        """Add a result; say whether the group is down."""
        self._results.append((now, member, good))
        self._failures += not good
        while self._results[0][0] <= now - WINDOW:
            self._failures -= not self._results.popleft()[2]
        return self._failures >= SHARE * max(LEAST, len(self._results)) and self._is_everywhere()

    def _is_everywhere(self) -> bool:
        if len(self._results) < LEAST:
            return False
        heard = Counter(member for _, member, _ in self._results)
        failed = Counter(member for _, member, good in self._results if not good)
        failing = sum(count >= SHARE * heard[member] for member, count in failed.items())
        return failing >= max(self._least_members, SHARE * len(heard))


class Breakers:
    """The breakers of all hosts, teams and accounts that share a store. Thread-safe.

    A name is a host, or a host and the first parts of an owner, joined by "|". `clock` gives Unix
    seconds, for the store may be shared.
    """

    def __init__(
        self, store: Store | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._store = store or Memory()
        self._clock = clock
        self._windows: dict[str, FailureWindow] = {}
        self._held: set[str] = set()  # Seen open, and not yet seen closed.
        self._lock = threading.Lock()

    def held(self, host: str) -> set[tuple[str, ...]]:
        """Return the owners that are held back at a host, larger groups for all in them; () is all.

        As of a second ago.
        """
        paths = (name.split(SEPARATOR) for name in self._store.openings())
        return {tuple(path[1:]) for path in paths if path[0] == host}

    @contextmanager
    def watch(self, host: str, owner: tuple[str, ...] = ()) -> Iterator[None]:
        """Make one call to `host`, and learn from how it ends; raise BreakerOpen instead of it.

        `owner` names for whom: the larger group first.
        """
        path = (host, *owner)
        names = [SEPARATOR.join(path[: length + 1]) for length in range(len(path))]
        trial = self._enter(names)
        try:
            yield
        except errors.SourceChanged:
            raise  # Our own file; it says nothing about the host.
        except FAILURES:
            self._leave(names, path, trial, good=False)
            raise
        except errors.RembgError:
            self._leave(names, path, trial, good=True)
            raise
        self._leave(names, path, trial, good=True)

    def _enter(self, names: list[str]) -> str:
        """Return the innermost open breaker that this call tries out, "" if none is open."""
        openings = self._store.openings()
        self._forget_closed(names, openings)
        found = [(name, openings[name]) for name in names if name in openings]
        now = self._clock()
        wait = max((opening.wait(now) for _, opening in found), default=0.0)
        if wait > 0:
            raise errors.BreakerOpen(retry_after=max(1, math.ceil(wait)))
        for name, opening in found:
            if not self._store.swap(name, opening, opening.passed(now)):
                raise errors.BreakerOpen(retry_after=1)
        return found[-1][0] if found else ""

    def _leave(self, names: list[str], path: tuple[str, ...], trial: str, *, good: bool) -> None:
        if trial:
            self._note_trial(trial, good=good)
            return
        now = self._clock()
        openings = self._store.openings()
        for depth, name in enumerate(names):
            if name in openings:
                continue  # It was under way when this opened.
            member = path[depth + 1] if depth + 1 < len(path) else ""
            if self._note(name, now, member, good=good):
                self._store.swap(name, None, Opening(now + PAUSE))

    def _note(self, name: str, now: float, member: str, *, good: bool) -> bool:
        with self._lock:
            window = self._windows.get(name)
            if window is None:
                window = self._windows[name] = FailureWindow(least_members=2 if member else 1)
            return window.note(now, member, good=good)

    def _note_trial(self, name: str, *, good: bool) -> None:
        now = self._clock()
        for _ in range(TRIES):
            opening = self._store.find(name)
            if opening is None:
                return
            again = replace(opening, step=0, next_at=now + PAUSE)
            after = opening.recovered(now) if good else again
            if after == opening or self._store.swap(name, opening, after):
                return

    def _forget_closed(self, names: list[str], openings: Mapping[str, Opening]) -> None:
        """Begin anew with what was open: its failures are those that it was opened for."""
        with self._lock:
            for name in names:
                if name in openings:
                    self._held.add(name)
                elif name in self._held:
                    self._held.discard(name)
                    self._windows.pop(name, None)
