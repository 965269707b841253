"""A bound on bodies read at once, so that slow ones leave threads for everybody else (SAFETY A13).

The server reads a body as slowly as it comes and has no deadline for it, and whoever waits for one
holds a thread. In production a proxy buffers requests (docs/operations.md); this holds without one.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

AT_ONCE = 48  # of the 64 threads
PER_PEER = 24
BUSY = b'{"error": "Too many uploads at once. Try again soon.", "status": 503, "code": "busy"}'

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
            headers = [("Content-Type", "application/json"), ("Retry-After", "5")]
            start_response("503 Service Unavailable", headers)
            return [BUSY]
        try:
            return self.application(environ, start_response)
        finally:
            # Views read the body before they answer; what streams afterwards reads none.
            self._leave(peer)

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


def has_body(environ: Environ) -> bool:
    """Say whether the request announces a body."""
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or bool(
        environ.get("HTTP_TRANSFER_ENCODING")
    )
