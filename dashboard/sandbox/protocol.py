"""HTTP/1.1 as the sandbox reads it: strict heads, and bodies that are capped and timed."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dashboard.sandbox import messages
from dashboard.sandbox.messages import Refusal

MAX_LINE = 8 * 1024
MAX_HEAD = 64 * 1024
MAX_HEADERS = 100
CHUNK = 64 * 1024
REQUEST_LINE = re.compile(rb"([A-Z]{1,20}) (\S+) HTTP/1\.([01])")
HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\x00\r\n]*?)[ \t]*")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")


class Gone(Exception):
    """The other side closed, or fell silent for too long."""


class Silent(Gone):
    """The other side sent nothing within its time."""


@dataclass(frozen=True)
class Head:
    """The head of a request. Names of headers are lower-case."""

    method: str
    target: str
    http10: bool
    headers: tuple[tuple[str, str], ...]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """A header's value; values of a repeated one joined by commas."""
        values = [value for each, value in self.headers if each == name]
        return ", ".join(values) if values else None

    @property
    def keeps_alive(self) -> bool:
        options = (self.header("connection") or "").lower()
        return "close" not in options and not self.http10

    @property
    def expects_continue(self) -> bool:
        return not self.http10 and (self.header("expect") or "").lower() == "100-continue"


class Reader:
    """What a connection sends, line by line or byte by byte, each read within a time limit."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        return bool(self._buffer)

    def wait(self, seconds: float) -> None:
        """Return when there is something to read; raises Gone."""
        if not self._buffer:
            self._fill(seconds)

    def line(self, seconds: float, *, limit: int = MAX_LINE) -> bytes:
        """A line without its end; raises Gone, and Refusal 431 beyond the limit."""
        deadline = time.monotonic() + seconds
        while (end := self._buffer.find(b"\n", 0, limit + 2)) < 0:
            if len(self._buffer) > limit:
                raise messages.plain(431)
            self._fill(deadline - time.monotonic())
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line.removesuffix(b"\r")

    def read(self, size: int, seconds: float) -> bytes:
        """At least one byte and at most `size`; raises Gone."""
        if not self._buffer:
            self._fill(seconds)
        part = bytes(self._buffer[:size])
        del self._buffer[:size]
        return part

    def _fill(self, seconds: float) -> None:
        if seconds <= 0:
            raise Silent
        self._connection.settimeout(seconds)
        try:
            part = self._connection.recv(CHUNK)
        except TimeoutError:
            raise Silent from None
        except OSError:
            raise Gone from None
        if not part:
            raise Gone
        self._buffer += part


def read_head(reader: Reader, seconds: float) -> Head:
    """Read a request's head; raises Gone, and Refusal for one that nobody should send."""
    deadline = time.monotonic() + seconds
    try:
        first = reader.line(seconds)
        first = first or reader.line(deadline - time.monotonic())
    except Refusal:
        raise messages.plain(414) from None
    match = REQUEST_LINE.fullmatch(first)
    if match is None:
        raise messages.plain(400, "This is not an HTTP/1.1 request.")
    headers = _read_headers(reader, deadline)
    head = Head(match[1].decode(), match[2].decode("latin-1"), match[3] == b"0", headers)
    hosts = sum(name == "host" for name, _ in headers)
    if hosts > 1 or (not hosts and not head.http10):
        raise messages.plain(400, "Send exactly one Host header.")
    return head


def _read_headers(reader: Reader, deadline: float) -> tuple[tuple[str, str], ...]:
    headers: list[tuple[str, str]] = []
    size = 0
    while line := reader.line(deadline - time.monotonic(), limit=MAX_HEAD):
        size += len(line)
        match = HEADER.fullmatch(line)
        if size > MAX_HEAD or len(headers) >= MAX_HEADERS:
            raise messages.plain(431)
        if match is None:
            raise messages.plain(400, "A header line is malformed.")
        headers.append((match[1].decode().lower(), match[2].decode("latin-1")))
    return tuple(headers)


class Source(Protocol):
    """Something that gives a body's bytes, b"" at its end."""

    def read(self, size: int) -> bytes: ...


class _Counted:
    """A body of a known length."""

    def __init__(self, reader: Reader, length: int, seconds: float) -> None:
        self._reader, self._left, self._seconds = reader, length, seconds

    def read(self, size: int) -> bytes:
        if not self._left:
            return b""
        part = self._reader.read(min(size, self._left), self._seconds)
        self._left -= len(part)
        return part


class _Chunked:
    """A body in chunks (RFC 9112, 7.1); trailers are read and dropped."""

    def __init__(self, reader: Reader, seconds: float) -> None:
        self._reader, self._left, self._seconds = reader, 0, seconds
        self._ended = False

    def read(self, size: int) -> bytes:
        if self._left == 0 and not self._ended:
            self._next_chunk()
        if self._ended:
            return b""
        part = self._reader.read(min(size, self._left), self._seconds)
        self._left -= len(part)
        if self._left == 0 and self._reader.line(self._seconds):
            raise messages.plain(400, "A chunk is longer than it says.")
        return part

    def _next_chunk(self) -> None:
        match = CHUNK_SIZE.fullmatch(self._reader.line(self._seconds))
        if match is None:
            raise messages.plain(400, "A chunk has no valid size.")
        self._left = int(match[1], 16)
        if self._left == 0:
            self._ended = True
            _read_headers(self._reader, time.monotonic() + self._seconds)


class Body:
    """The body of a request, read once and at most `limit` bytes of it."""

    def __init__(
        self,
        source: Source,
        *,
        limit: int,
        length: int | None = None,
        before_first: Callable[[], None] | None = None,
    ) -> None:
        self._source, self._limit, self._before_first = source, limit, before_first
        self.length = length
        self.received = 0
        self.ended = length == 0

    def read(self, size: int = CHUNK) -> bytes:
        """Some bytes, b"" at the end; raises Gone, and Refusal 413 beyond the limit."""
        if self.ended:
            return b""
        if (self.length or 0) > self._limit:
            raise self._too_large()
        if self._before_first:
            self._before_first()
            self._before_first = None
        part = self._source.read(size)
        self.received += len(part)
        self.ended = not part or self.received == self.length
        if self.received > self._limit:
            raise self._too_large()
        return part

    @property
    def wanted(self) -> bool:
        """Whether somebody still waits for our word before sending this body."""
        return self._before_first is not None and not self.ended

    def drain(self, *, seconds: float) -> bool:
        """Read what is left, so that the next request can follow; False if that is too much."""
        deadline = time.monotonic() + seconds
        while not self.ended:
            if (self.length or 0) > self._limit or time.monotonic() > deadline:
                return False
            try:
                self.read()
            except (Gone, Refusal):
                return False
        return True

    def _too_large(self) -> Refusal:
        limit = self._limit // (1024 * 1024)
        return messages.plain(413, f"The request is larger than {limit} MB.")


def body_of(
    head: Head,
    reader: Reader,
    *,
    limit: int,
    seconds: float,
    before_first: Callable[[], None] | None,
) -> Body:
    """The body that a head announces; raises Refusal where two readers could disagree on it."""
    lengths = {value for name, value in head.headers if name == "content-length"}
    coding = head.header("transfer-encoding")
    if coding is not None:
        if lengths or head.http10 or coding.lower() != "chunked":
            raise messages.plain(400, "Send either Content-Length or Transfer-Encoding: chunked.")
        return Body(_Chunked(reader, seconds), limit=limit, before_first=before_first)
    if not lengths:
        return Body(_Counted(reader, 0, seconds), limit=limit, length=0)
    text = lengths.pop()
    if lengths or not re.fullmatch(r"[0-9]{1,18}", text, re.ASCII):
        raise messages.plain(400, "Send one Content-Length, a whole number of bytes.")
    source = _Counted(reader, int(text), seconds)
    return Body(source, limit=limit, length=int(text), before_first=before_first)
