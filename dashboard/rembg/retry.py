"""The one layer that decides whether a removal is sent again, and when (promises 2.6 and 3).

Nothing of which a byte may have left is ever sent again by itself: it may have been charged.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from random import Random

from dashboard.rembg import errors
from dashboard.rembg.errors import RembgError

MOST_NOT_SENT = 3
MOST_UNKNOWN_LIMIT = 5
BASE, CAP = 1.0, 60.0  # Seconds: the first pause's upper end, and that of all others.
LIMIT_CAP = 900.0
TOKENS, PER_MINUTE = 10.0, 2.0
MOST_NAMES = 10_000


def pause(error: RembgError, *, retries: int, random: Random) -> float | None:
    """Return in how many seconds to try again after so many retries, or None for never.

    A short-term limit and an open breaker say themselves how long; the queue waits.
    """
    if not error.retriable or error.charged != "no":
        return None
    if isinstance(error, errors.RateUnknown):
        return _capped_limit(error, retries, random) if retries < MOST_UNKNOWN_LIMIT else None
    if error.retry_after is not None:
        return error.retry_after * random.uniform(1.0, 1.25)
    if retries >= MOST_NOT_SENT:
        return None
    return random.uniform(0.0, min(CAP, BASE * 2.0**retries))


def patience(waited: float, *, random: Random) -> float:
    """Return in how many seconds to look again after waiting so many: ever longer, at most 60."""
    return min(CAP, max(BASE, waited)) * random.uniform(0.5, 1.0)


def _capped_limit(error: RembgError, retries: int, random: Random) -> float:
    asked = float(error.retry_after or 0)
    return max(asked, min(LIMIT_CAP, asked * 2.0**retries)) * random.uniform(1.0, 1.25)


class Allowance:
    """How many retries each key has left: 10, and 2 more every minute. Thread-safe.

    `share`: so many processes count each for itself, and have that part of them, one at least.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, share: int = 1) -> None:
        self._clock = clock
        self._most, self._per_minute = max(1.0, TOKENS / share), PER_MINUTE / share
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, name: str) -> bool:
        """Use up one retry of the key that goes by `name` (an id, never the key); False if none."""
        with self._lock:
            now = self._clock()
            tokens = self._tokens(name, now)
            if tokens < 1.0:
                return False
            if len(self._buckets) >= MOST_NAMES:
                self._forget_full(now)
            self._buckets[name] = (tokens - 1.0, now)
            return True

    def wait(self, name: str) -> int:
        """Return the seconds until `take` would say yes; 0 if it would now."""
        with self._lock:
            missing = 1.0 - self._tokens(name, self._clock())
        return max(0, math.ceil(missing * 60.0 / self._per_minute))

    def _tokens(self, name: str, now: float) -> float:
        tokens, at = self._buckets.get(name, (self._most, now))
        return min(self._most, tokens + max(0.0, now - at) * self._per_minute / 60.0)

    def _forget_full(self, now: float) -> None:
        self._buckets = {
            name: bucket
            for name, bucket in self._buckets.items()
            if self._tokens(name, now) < self._most
        }
