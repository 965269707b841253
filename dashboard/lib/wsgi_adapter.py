"""Serve a WSGI application from ASGI: each body is read to its end, with a deadline, beforehand.

The event loop writes the body to a temporary file, so that a slow one costs no thread; a thread
then runs the application, which sees a file with a length, chunked or not.
"""

from __future__ import annotations

import asyncio
import errno
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from dashboard.lib import request_limits
from dashboard.lib.request_limits import MAX_BODY

THREADS = 160
AT_ONCE, PER_PEER = 512, 128  # bodies being read, in all and of one address
READER_SILENCE = 60.0  # seconds for which a client may take no byte of its answer
LOOK_EVERY = 0.5  # seconds between two settings of a body's deadline, which cost time
IN_MEMORY = 256 * 1024  # bytes of a body that need no file
HAS_LEFT = "dashboard.caller_has_left"  # in environ: whether nobody waits for the answer any more
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

Environ = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class BodyPace(NamedTuple):
    """How slowly a body may come: seconds without a byte, and bytes a second after a grace."""

    silence: float
    grace: float
    slowest: int


WANTED = BodyPace(silence=10.0, grace=30.0, slowest=16 * 1024)
UNWANTED = BodyPace(silence=1.0, grace=5.0, slowest=1024 * 1024)


class WsgiAdapter:
    """An ASGI application that runs a WSGI one in threads, each request with its whole body.

    Where `reads` says no, the application answers from the headers; it must not need the body.
    """

    def __init__(
        self,
        application: Application,
        *,
        folder: Path,
        reads: Callable[[Environ], bool],
        at_once: int = AT_ONCE,
        per_peer: int = PER_PEER,
    ) -> None:
        self.application = application
        self.folder = str(folder)
        self.reads = reads
        self.at_once = at_once
        self.per_peer = per_peer
        self.reading: Counter[str] = Counter()
        self.threads = ThreadPoolExecutor(THREADS)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        environ = environ_of(scope)
        refusal = request_limits.refusal_of_head(scope)
        body = _Body(receive)
        has_body = _has_body(environ)
        with SpooledTemporaryFile(IN_MEMORY, dir=self.folder) as file:
            if has_body and refusal is None and self._wants(environ):
                refusal = await self._read(environ, body, file)
            environ["wsgi.input"] = file
            if refusal:
                request_limits.refuse(environ, refusal)
            answer = _Answer(send)
            loop = asyncio.get_running_loop()
            leaving = loop.create_task(body.until_left()) if body.has_ended else None
            if leaving is not None:
                environ[HAS_LEFT] = leaving.done
            await loop.run_in_executor(self.threads, answer.run, self.application, environ)
            if leaving is not None:
                leaving.cancel()
            if has_body and not refusal:
                await self._forget(environ, body)
            await answer.finish(closes=has_body and not body.has_ended)

    def _wants(self, environ: Environ) -> bool:
        return int(environ["CONTENT_LENGTH"] or 0) <= MAX_BODY and self.reads(environ)

    async def _read(
        self, environ: Environ, body: _Body, file: SpooledTemporaryFile[bytes]
    ) -> str | None:
        """Put the body into the file, and its length into environ; return why not.

        A body that is too long, or cut, keeps a length that it does not have.
        """
        peer = environ["REMOTE_ADDR"]
        if self.reading.total() >= self.at_once or self.reading[peer] >= self.per_peer:
            return "crowded"
        self.reading[peer] += 1
        try:
            length = await body.read(file.write, WANTED)
        except TimeoutError:
            return "too_slow"
        except OSError as exc:
            if exc.errno not in NO_SPACE:
                raise
            return "no_space"
        finally:
            self.reading -= Counter([peer])  # What is 0 leaves the counter.
        if environ.pop("HTTP_TRANSFER_ENCODING", None):
            length += body.was_cut
            environ["CONTENT_LENGTH"] = str(length)
        file.seek(0)
        return None

    async def _forget(self, environ: Environ, body: _Body) -> None:
        """Take the rest off the wire, so that its sender hears why it was not wanted.

        Who is still sending when a connection closes sees a broken pipe instead (RFC 9112, 9.6).
        """
        is_large = int(environ["CONTENT_LENGTH"] or 0) > MAX_BODY
        if is_large or "HTTP_EXPECT" in environ:
            return
        with suppress(TimeoutError):
            await body.read(len, UNWANTED)


class _Body:
    """A request's body as it comes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.has_ended = False
        self.was_cut = False

    async def until_left(self) -> None:
        """Wait until whoever sent it has gone; nothing else comes behind a body."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def read(self, write: Callable[[bytes], object], pace: BodyPace) -> int:
        """Pass on the blocks, at most 64 MB and one; return their bytes. Raises TimeoutError."""
        clock = asyncio.get_running_loop().time
        began = seen = clock()
        length = 0
        async with asyncio.timeout(pace.silence) as limit:
            while not self.has_ended and length <= MAX_BODY:
                message = await self._receive()
                block = message.get("body", b"")
                length += len(block)
                write(block)
                self.was_cut = message["type"] == "http.disconnect"
                self.has_ended = self.was_cut or not message["more_body"]
                if clock() - seen > LOOK_EVERY:
                    seen = clock()
                    latest = began + pace.grace + length / pace.slowest
                    limit.reschedule(min(seen + pace.silence, latest))
        return length


class _Answer:
    """What the application answers, from its thread to the connection."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._start: Message | None = None
        self._last = b""

    def run(self, application: Application, environ: Environ) -> None:
        """Run the application, and send all of its answer but the last block."""
        blocks = application(environ, self._start_response)
        try:
            for block in blocks:
                if self._last:
                    sending = asyncio.run_coroutine_threadsafe(self._pass_on(), self._loop)
                    sending.result(READER_SILENCE)
                self._last = block
        finally:
            if hasattr(blocks, "close"):
                blocks.close()

    async def finish(self, *, closes: bool) -> None:
        """Send the last block; the connection ends with it where its body was not read."""
        if closes and self._start:
            self._start["headers"].append((b"connection", b"close"))
        await self._pass_on(more=False)

    def _start_response(self, status: str, headers: list[tuple[str, str]], *_: object) -> None:
        encoded = [
            (name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in headers
        ]
        self._start = {"type": "http.response.start", "status": int(status[:3]), "headers": encoded}

    async def _pass_on(self, *, more: bool = True) -> None:
        if self._start:
            start, self._start = self._start, None
            await self._send(start)
        await self._send({"type": "http.response.body", "body": self._last, "more_body": more})


def environ_of(scope: Message) -> Environ:
    """Return what WSGI calls a request's head (PEP 3333)."""
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0],
        "CONTENT_LENGTH": "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for field, value in scope["headers"]:
        if b"_" in field:
            continue  # It would pass for the header with a hyphen (promises A20).
        name = field.decode("latin-1").upper().replace("-", "_")
        name = name if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{name}"
        text = value.decode("latin-1")
        joint = "; " if name == "HTTP_COOKIE" else ","
        environ[name] = f"{environ[name]}{joint}{text}" if environ.get(name) else text
    if "HTTP_TRANSFER_ENCODING" in environ:
        environ["CONTENT_LENGTH"] = ""  # RFC 9112, 6.3: not believed beside chunks (promises S1).
    return environ


def _has_body(environ: Environ) -> bool:
    return environ["CONTENT_LENGTH"] not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ
