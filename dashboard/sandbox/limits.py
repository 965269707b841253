"""The short-term rate limit: so many removals per key in ten seconds."""

from __future__ import annotations

import threading
import time
from collections import deque

from dashboard.sandbox import messages
from dashboard.sandbox.messages import Problem, Refusal

SPAN = 10.0


class RateLimit:
    """Counts calls per key; `most` in ten seconds, 0 for no limit (contract: about 200)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = {}

    def count(self, key: str) -> None:
        """Count a call; raises Refusal with the seconds to wait when it is one too many."""
        if not self._most:
            return
        now = time.monotonic()
        with self._lock:
            calls = self._calls.setdefault(key, deque())
            while calls and calls[0] <= now - SPAN:
                calls.popleft()
            if len(calls) >= self._most:
                wait = str(max(1, round(calls[0] + SPAN - now)))
                row = messages.RATE_SHORT
                raise Refusal(row.status, [Problem(row.sentence)], headers=(("Retry-After", wait),))
            calls.append(now)

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()
