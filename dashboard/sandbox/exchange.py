"""A request as the sandbox reads it, and its response before it goes out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from email.message import Message
from io import BufferedIOBase
from typing import IO, Any

from dashboard.sandbox import errors
from dashboard.sandbox.errors import Refusal
from dashboard.sandbox.settings import MEGABYTE

PIECE = 64 * 1024
MAX_LINE = 8 * 1024
LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
BROKEN_HEAD = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)
Headers = tuple[tuple[str, str], ...]
# How a response reaches the caller.
WHOLE, CUT, RESET, DRIPPING = "whole", "cut", "reset", "dripping"


class Body:
    """The body of a request, read once and at most `limit` bytes of it; no length: in chunks."""

    def __init__(
        self,
        stream: BufferedIOBase,
        length: int | None,
        *,
        limit: int,
        before_first: Callable[[], object] | None = None,
    ) -> None:
        self._stream, self._limit, self._before_first = stream, limit, before_first
        self._chunked = length is None
        self._left = length or 0
        self.received = 0
        self.ended = length == 0

    def read(self) -> bytes:
        """Some bytes, b"" at the end.

        Raises EOFError when it breaks off, TimeoutError, and Refusal (413 beyond the limit).
        """
        if self.ended:
            return b""
        if self.received + self._left > self._limit:
            raise errors.plain(413, f"The request is larger than {self._limit // MEGABYTE} MB.")
        if self._before_first:
            self._before_first()
            self._before_first = None
        if not self._left:
            return self._next_chunk()
        part = self._stream.read1(min(PIECE, self._left))
        if not part:
            raise EOFError
        self._left -= len(part)
        self.received += len(part)
        if not self._left:
            self._end_of_chunk()
        return part

    def _next_chunk(self) -> bytes:
        match = CHUNK_SIZE.fullmatch(self._line())
        if match is None:
            raise errors.plain(400, "A chunk has no valid size.")
        self._left = int(match[1], 16)
        if self._left:
            return self.read()
        # Trailers are read and dropped (RFC 9112, 7.1).
        while self._line() != b"\r\n":
            pass
        self.ended = True
        return b""

    def _end_of_chunk(self) -> None:
        self.ended = not self._chunked
        if self._chunked and self._line() != b"\r\n":
            raise errors.plain(400, "A chunk is longer than it says.")

    def _line(self) -> bytes:
        line = self._stream.readline(MAX_LINE)
        if not line:
            raise EOFError
        return line

    @property
    def awaits_word(self) -> bool:
        """Whether the caller still waits for our 100 before it sends this body."""
        return self._before_first is not None and not self.ended

    def drain(self) -> bool:
        """Read what is left, so that the next request can follow; False where that fails."""
        try:
            while self.read():
                pass
        except (EOFError, OSError, Refusal):
            return False
        return True


def body_length(headers: Message) -> int | None:
    """The length that a head announces, None for chunks; raises Refusal where readers could differ.

    A request that can be read in two ways could smuggle another one past a proxy (RFC 9112, 6.3).
    """
    if any(isinstance(defect, BROKEN_HEAD) for defect in headers.defects):
        raise errors.plain(400, "A header line is malformed.")
    if len(headers.get_all("host", ())) != 1:
        raise errors.plain(400, "Send exactly one Host header.")
    lengths, coding = set(headers.get_all("content-length", ())), headers.get("transfer-encoding")
    if coding is not None and (lengths or coding.lower() != "chunked"):
        raise errors.plain(400, "Send either Content-Length or Transfer-Encoding: chunked.")
    if coding is not None:
        return None
    text = lengths.pop() if lengths else "0"
    if lengths or not LENGTH.fullmatch(text):
        raise errors.plain(400, "Send one Content-Length, a whole number of bytes.")
    return int(text)


@dataclass(frozen=True)
class Request:
    """One request, with what the server knows about it; `now` in Unix seconds."""

    method: str
    target: str
    headers: Message
    body: Body
    peer: str
    id: str
    now: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """A header's value; values of a repeated one joined by commas."""
        values = self.headers.get_all(name)
        return ", ".join(values) if values else None


@dataclass(frozen=True)
class Response:
    """Status, body and the way it is delivered; a file is closed once it is sent."""

    status: int
    content_type: str
    body: bytes | IO[bytes]
    headers: Headers = ()
    delivery: str = WHOLE


def document(content: Any, *, status: int = 200, headers: Headers = ()) -> Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(status, "application/json", body, headers)


def refusal(refused: Refusal) -> Response:
    return document(refused.document(), status=refused.status, headers=refused.headers)
