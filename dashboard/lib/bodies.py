"""A bound on bodies read at once, so that slow ones leave threads for everybody else (SAFETY A13).

The server reads a body as slowly as it comes and has no deadline for it, and whoever waits for one
holds a thread. In production a proxy buffers requests (docs/operations.md); this holds without one.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from dashboard.lib import early

AT_ONCE = 112  # of the 160 threads
PER_PEER = 96
READ = "dashboard.body_is_read"
BUSY = ("503 Service Unavailable", "crowded", "Too many uploads at once. Try again soon.")

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class BoundedBodies:
    """Answers 503 to a request with a body while too many others are being read."""

    def __init__(
        self,
        application: Application,
        *,
        per_peer: int = PER_PEER,
        at_once: int = AT_ONCE,
    ) -> None:
        self.application = application
        self.per_peer = per_peer
        self.at_once = at_once
        self.lock = threading.Lock()
        self.reading: Counter[str] = Counter()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not has_body(environ):
            return self.application(environ, start_response)
        peer = str(environ.get("REMOTE_ADDR", ""))
        if not self._enter(peer):
            return early.refuse(start_response, *BUSY, Retry_After="5")
        slot = _Slot(self, peer)
        environ[READ] = slot.leave
        try:
            return self.application(environ, start_response)
        finally:
            # Views read the body before they answer; what streams afterwards reads none.
            slot.leave()

    def _enter(self, peer: str) -> bool:
        with self.lock:
            if self.reading.total() >= self.at_once or self.reading[peer] >= self.per_peer:
                return False
            self.reading[peer] += 1
            return True

    def _leave(self, peer: str) -> None:
        with self.lock:
            self.reading[peer] -= 1
            if not self.reading[peer]:
                del self.reading[peer]


class _Slot:
    """One body's place, left once, however often that is said."""

    def __init__(self, bodies: BoundedBodies, peer: str) -> None:
        self._bodies: BoundedBodies | None = bodies
        self._peer = peer

    def leave(self) -> None:
        bodies, self._bodies = self._bodies, None
        if bodies is not None:
            bodies._leave(self._peer)


def body_is_read(environ: Environ) -> None:
    """Say that a request's body has been read, so that another can be while this one works."""
    leave = environ.get(READ)
    if leave:
        leave()


def has_body(environ: Environ) -> bool:
    """Say whether the request announces a body."""
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or bool(
        environ.get("HTTP_TRANSFER_ENCODING")
    )
