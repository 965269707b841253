"""HTTP messages: a request as the sandbox reads it, and a response before it goes out."""

import io
import json
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import FirstHeaderLineIsContinuationDefect, MissingHeaderBodySeparatorDefect
from email.message import Message
from http.server import BaseHTTPRequestHandler
from typing import IO, Any

from dashboard.sandbox import errors
from dashboard.sandbox.errors import Headers, Refusal

MEGABYTE = 1024 * 1024
BODY_LIMIT = 64 * MEGABYTE
PIECE = 64 * 1024
MAX_LINE = MAX_TARGET = 8 * 1024
LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")
BROKEN_HEAD = (MissingHeaderBodySeparatorDefect, FirstHeaderLineIsContinuationDefect)
# How a response reaches the caller.
WHOLE, CUT, RESET, DRIPPING = "whole", "cut", "reset", "dripping"


class Request:
    """One request; `now` in Unix seconds. Raises Refusal for a bad head.

    `body` yields the bytes as they come, once. It raises EOFError when they break off,
    TimeoutError, and Refusal (413 beyond the limit).
    """

    def __init__(self, handler: BaseHTTPRequestHandler) -> None:
        if len(handler.requestline.split()) != 3:
            raise errors.plain(400, "This is not an HTTP/1.1 request.")
        if len(handler.path) > MAX_TARGET:
            raise errors.plain(414)
        self._handler = handler
        self.method, self.headers = handler.command, handler.headers
        self.peer = handler.client_address[0]
        self.path, _, self.query = handler.path.partition("?")
        self.id, self.now = uuid.uuid4().hex, int(time.time())
        length = _body_length(self.headers)
        self.body = self._read(length)
        self._received, self._ended = 0, False
        # Whether the caller waits for our 100 before it sends its body.
        self.awaits_word = self.headers.get("expect", "").lower() == "100-continue" and length != 0

    def header(self, name: str) -> str | None:
        """A header's value; values of a repeated one joined by commas."""
        values = self.headers.get_all(name)
        return ", ".join(values) if values else None

    def drain(self) -> bool:
        """Read what is left, so that the next request can follow; False where that fails."""
        try:
            for _ in self.body:
                pass
        except (EOFError, OSError, Refusal):
            pass
        return self._ended

    def _read(self, length: int | None) -> Iterator[bytes]:
        if length is not None:
            yield from self._read_bytes(length)
        else:
            self._give_word()
            while size := self._chunk_size():
                yield from self._read_bytes(size)
                if self._line() != b"\r\n":
                    raise errors.plain(400, "A chunk is longer than it says.")
            # Trailers are read and dropped (RFC 9112, 7.1).
            while self._line() != b"\r\n":
                pass
        self._ended = True

    def _read_bytes(self, left: int) -> Iterator[bytes]:
        self._received += left
        if self._received > BODY_LIMIT:
            raise errors.plain(413, f"The request is larger than {BODY_LIMIT // MEGABYTE} MB.")
        self._give_word()
        while left:
            part = self._handler.rfile.read1(min(PIECE, left))
            if not part:
                raise EOFError
            left -= len(part)
            yield part

    def _give_word(self) -> None:
        if self.awaits_word:
            self.awaits_word = False
            self._handler.send_response_only(100)
            self._handler.end_headers()

    def _chunk_size(self) -> int:
        match = CHUNK_SIZE.fullmatch(self._line())
        if match is None:
            raise errors.plain(400, "A chunk has no valid size.")
        return int(match[1], 16)

    def _line(self) -> bytes:
        line = self._handler.rfile.readline(MAX_LINE)
        if not line:
            raise EOFError
        return line


def _body_length(headers: Message) -> int | None:
    """The length that a head announces, None for chunks; raises Refusal where readers could differ.

    A request that can be read in two ways could smuggle another one past a proxy (RFC 9112, 6.3).
    """
    if any(isinstance(defect, BROKEN_HEAD) for defect in headers.defects):
        raise errors.plain(400, "A header line is malformed.")
    if len(headers.get_all("host", ())) != 1:
        raise errors.plain(400, "Send exactly one Host header.")
    lengths, coding = set(headers.get_all("content-length", ())), headers.get("transfer-encoding")
    if coding is not None:
        if lengths or coding.lower() != "chunked":
            raise errors.plain(400, "Send either Content-Length or Transfer-Encoding: chunked.")
        return None
    text = lengths.pop() if lengths else "0"
    if lengths or not LENGTH.fullmatch(text):
        raise errors.plain(400, "Send one Content-Length, a whole number of bytes.")
    return int(text)


@dataclass(frozen=True)
class Response:
    """Status, body and the way it is delivered; a file is closed once it is sent."""

    status: int
    content_type: str
    body: bytes | IO[bytes]
    headers: Headers = ()
    delivery: str = WHOLE

    def open(self) -> IO[bytes]:
        return io.BytesIO(self.body) if isinstance(self.body, bytes) else self.body


def document(content: Any, *, status: int = 200, headers: Headers = ()) -> Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(status, "application/json", body, headers)


def refusal(refused: Refusal) -> Response:
    return document(refused.document(), status=refused.status, headers=refused.headers)
