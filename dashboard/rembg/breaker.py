"""A breaker for each host: while RemBG is down it is asked twice a minute, not all the time (F28).

SAFETY 3: open at half of at least 20 requests failed within 60 s; then one probe every 30 s; closed
after 3 good ones.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from dashboard.rembg import errors

WINDOW = 60.0
LEAST = 20
SHARE = 0.5
PAUSE = 30.0
GOOD = 3

# What counts against the host. A refusal, a limit or a bad key is an answer, and so a good sign.
FAILURES = (
    errors.Unreachable,
    errors.ConnectTimeout,
    errors.TlsFailed,
    errors.OutcomeUnknown,
    errors.BadAnswer,
)


@dataclass
class Breaker:
    """The memory of one host. Thread-safe; `clock` is monotonic, in seconds."""

    clock: Callable[[], float] = time.monotonic
    _results: deque[tuple[float, bool]] = field(default_factory=deque)
    _failures: int = 0  # Of these; counted along, for there can be thousands.
    _probe_at: float | None = None  # None while closed.
    _good: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_open(self) -> bool:
        """Whether only probes are let through."""
        return self._probe_at is not None

    def enter(self) -> bool:
        """Let a request through and return whether it is a probe; raise BreakerOpen if not now."""
        with self._lock:
            if self._probe_at is None:
                return False
            wait = self._probe_at - self.clock()
            if wait > 0:
                raise errors.BreakerOpen(retry_after=max(1, math.ceil(wait)))
            self._probe_at = self.clock() + PAUSE
            return True

    def leave(self, *, good: bool, probe: bool) -> None:
        """Take note of how a request ended."""
        with self._lock:
            if probe:
                self._note_probe(good)
            elif self._probe_at is None:
                self._note(good)

    def _note_probe(self, good: bool) -> None:
        self._good = self._good + 1 if good else 0
        if self._good >= GOOD:
            self._probe_at, self._good = None, 0
            self._results.clear()
            self._failures = 0

    def _note(self, good: bool) -> None:
        now = self.clock()
        self._results.append((now, good))
        self._failures += not good
        while self._results[0][0] <= now - WINDOW:
            self._failures -= not self._results.popleft()[1]
        if len(self._results) >= LEAST and self._failures >= SHARE * len(self._results):
            self._probe_at, self._good = now + PAUSE, 0


class Breakers:
    """One breaker for each host, shared by every client of the process.

    `clock` is what all of them tell the time by, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def of(self, host: str) -> Breaker:
        """Return the breaker of `host` (scheme, name and port)."""
        with self._lock:
            return self._breakers.setdefault(host, Breaker(clock=lambda: self.clock()))

    @contextmanager
    def watch(self, host: str) -> Iterator[None]:
        """Do one request to `host`, and learn from how it ends; raise BreakerOpen instead of it."""
        breaker = self.of(host)
        probe = breaker.enter()
        try:
            yield
        except errors.SourceChanged:
            raise  # Our own file; it says nothing about the host.
        except FAILURES:
            breaker.leave(good=False, probe=probe)
            raise
        except errors.RembgError:
            breaker.leave(good=True, probe=probe)
            raise
        breaker.leave(good=True, probe=probe)
