"""What is left of a refused request's body is taken off the wire, so that its sender hears why.

The server closes a connection whose body was not read to its end, and a client that is still
sending then sees a broken pipe in place of the answer (RFC 9112, 9.6). Whoever sends nothing, or
asked before sending, is answered at once; few threads are spent on all of this.
"""

from __future__ import annotations

import threading
import time
from typing import Any

from django.http import HttpRequest

from dashboard.lib.uploads import MAX_BODY

BLOCK = 256 * 1024
AT_ONCE = 16
SILENCE, IN_ALL = 1.0, 5.0  # seconds

_seats = threading.BoundedSemaphore(AT_ONCE)


def drain(request: HttpRequest) -> None:
    """Read and forget the rest of the body, as long as it comes; none that is too large."""
    length = request.META.get("CONTENT_LENGTH") or ""
    too_large = length.isdigit() and int(length) > MAX_BODY
    if not too_large and "Expect" not in request.headers and _seats.acquire(blocking=False):
        drainage = _Drainage(request.META["wsgi.input"])
        drainage.start()
        drainage.wait()


class Bounded:
    """A body that ends where its announced length does, as WSGI leaves to the application."""

    def __init__(self, body: Any, length: int) -> None:
        self._body = body
        self._left = length

    def read(self, size: int) -> bytes:
        """Return at most so many bytes, b"" at the end."""
        data: bytes = self._body.read(min(size, self._left)) if self._left else b""
        self._left -= len(data)
        return data


def bound(request: HttpRequest) -> None:
    """Let nobody read more of a body than was announced; a chunked one has an end of its own."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if "HTTP_TRANSFER_ENCODING" not in request.META and length.isascii() and length.isdigit():
        request.META["wsgi.input"] = Bounded(request.META["wsgi.input"], int(length))


class _Drainage(threading.Thread):
    """Reads in a thread of its own: a read has no time-out; it ends with the connection."""

    def __init__(self, body: Any) -> None:
        super().__init__(daemon=True)
        self._body = body
        self._progress = threading.Event()
        self._over = threading.Event()

    def run(self) -> None:
        left = MAX_BODY
        try:
            while left > 0 and (block := self._body.read(min(BLOCK, left))):
                left -= len(block)
                self._progress.set()
        except (OSError, ValueError):
            pass  # It broke off, or was closed after the answer: nobody wants it.
        finally:
            self._over.set()
            self._progress.set()
            _seats.release()

    def wait(self) -> None:
        """Return at the end of the body, or when its sender is silent or slow."""
        until = time.monotonic() + IN_ALL
        while not self._over.is_set() and time.monotonic() < until:
            self._progress.clear()
            if not self._over.is_set() and not self._progress.wait(SILENCE):
                return
