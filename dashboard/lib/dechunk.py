"""Chunked bodies given a length, as WSGI wants one (SAFETY finding 7).

Django reads no more than CONTENT_LENGTH says, so that a chunked upload would reach it as an empty
form. Here the body is written to a temporary file first, at most 64 MB of it.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import IO, Any

MAX_BODY = 64 * 1024 * 1024
IN_MEMORY = 64 * 1024
BLOCK = 64 * 1024
# Without any of these nobody is signed in, and the body is not worth reading (finding 8).
CREDENTIALS = ("HTTP_COOKIE", "HTTP_X_API_KEY", "HTTP_AUTHORIZATION")

# Whoever answers here reads the body itself, after looking at the key.
STREAMED = ("/rmbg",)

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
FULL = b'{"error": "The server has no free space for uploads.", "status": 507, "code": "no_space"}'

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def dechunked(application: Application) -> Application:
    """Wrap an application so that it sees a chunked body's length; the rest passes untouched.

    A body above 64 MB arrives empty with its length said, so that the application answers 413; one
    that breaks off arrives with a length that it does not have, as a cut upload does (SAFETY U30).
    """

    def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if not _is_chunked(environ) or environ.get("PATH_INFO") in STREAMED:
            return application(environ, start_response)
        # A Content-Length beside it is not believed (RFC 9112, 6.3), nor handed on (SAFETY S1).
        del environ["HTTP_TRANSFER_ENCODING"]
        if not any(environ.get(name) for name in CREDENTIALS):
            environ |= {"CONTENT_LENGTH": "0", "wsgi.input": BytesIO()}
            return application(environ, start_response)
        return _spooled(application, environ, start_response)

    return wrapped


def _is_chunked(environ: Environ) -> bool:
    return "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()


def _spooled(
    application: Application, environ: Environ, start_response: Callable[..., Any]
) -> Iterable[bytes]:
    body: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115
    try:
        length = _copy(environ["wsgi.input"], body)
    except OSError as exc:
        body.close()
        if exc.errno not in NO_SPACE:
            raise
        start_response("507 Insufficient Storage", [("Content-Type", "application/json")])
        return [FULL]
    environ |= {"CONTENT_LENGTH": str(length), "wsgi.input": body}
    return _Closing(application(environ, start_response), body)


def _copy(source: Any, target: IO[bytes]) -> int:
    """Copy a body and return its length; beyond the cap, or cut, one that it does not have."""
    length = 0
    while length <= MAX_BODY:
        try:
            block = source.read(BLOCK)
        except ConnectionError:
            length += 1
            break
        if not block:
            break
        length += len(block)
        target.write(block)
    target.seek(0)
    if length > MAX_BODY:
        target.truncate()
    return length


class _Closing:
    """An answer that closes the request's body when it is done."""

    def __init__(self, answer: Iterable[bytes], body: IO[bytes]) -> None:
        self._answer = answer
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield from self._answer

    def close(self) -> None:
        self._body.close()
        if hasattr(self._answer, "close"):
            self._answer.close()
