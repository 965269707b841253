"""The sandbox's HTTP server: a thread for each connection, faults on the wire, an orderly end."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import signal
import socket
import sys
import threading
import time
import uuid
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TextIO

from dashboard.sandbox import errors, exchange
from dashboard.sandbox.api import Sandbox
from dashboard.sandbox.errors import Refusal
from dashboard.sandbox.exchange import PIECE, Body, Request, Response
from dashboard.sandbox.settings import MEGABYTE, Settings

MAX_TARGET = 8 * 1024
DRIPS = 20
SEND_TIMEOUT = 30.0
LINGER = 2.0
# SO_LINGER on, with zero seconds: closing sends RST.
RST = b"\x01\x00\x00\x00\x00\x00\x00\x00"
# malloc.h: the size from which glibc maps memory of its own for a block.
M_MMAP_THRESHOLD = -3
FAILED = exchange.refusal(errors.plain(500))
BUSY = exchange.refusal(errors.busy("The sandbox has too many connections."))


class Handler(BaseHTTPRequestHandler):
    """One connection, from its first request to its last."""

    protocol_version = default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.settings.idle_timeout)
        self.idle = True
        self._sent = 0
        self._full = not self.server.enter(self)

    def finish(self) -> None:
        self.server.leave(self)
        super().finish()

    def expect_no_more(self) -> None:
        """Stop waiting for a next request; one that has begun goes on."""
        if self.idle:
            with contextlib.suppress(OSError):
                self.connection.shutdown(socket.SHUT_RD)

    def handle_expect_100(self) -> bool:
        """Leave the 100 to the first read of the body: whoever is refused need not send it."""
        return True

    def answer(self) -> None:
        """Answer one request; what was not foreseen is answered with 500, and raised."""
        self.idle = False
        started = time.monotonic()
        self.connection.settimeout(self.server.settings.read_timeout)
        request: Request | None = None
        response = FAILED
        try:
            if self._full:
                response = BUSY
            else:
                request = self._request()
                response = self.server.sandbox.answer(request)
        except Refusal as exc:
            response = exchange.refusal(exc)
        except TimeoutError:
            response, self.close_connection = exchange.refusal(errors.plain(408)), True
        except (EOFError, ConnectionError):
            # Perhaps it only closed its sending side, and still listens.
            cut = errors.plain(400, "The request was cut off.")
            response, self.close_connection = exchange.refusal(cut), True
        finally:
            self._respond(response, request, started)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = answer

    def _request(self) -> Request:
        if len(self.requestline.split()) != 3:
            raise errors.plain(400, "This is not an HTTP/1.1 request.")
        if len(self.path) > MAX_TARGET:
            raise errors.plain(414)
        waits = self.headers.get("expect", "").lower() == "100-continue"
        body = Body(
            self.rfile,
            exchange.body_length(self.headers),
            limit=self.server.settings.body_limit,
            before_first=self._say_continue if waits else None,
        )
        peer, moment = self.client_address[0], int(time.time())
        return Request(
            self.command, self.path, self.headers, body, peer, uuid.uuid4().hex, now=moment
        )

    def _say_continue(self) -> None:
        self.send_response_only(100)
        self.end_headers()

    def _respond(self, response: Response, request: Request | None, started: float) -> None:
        """Send the response, write the log, and close unless another request may follow."""
        body = request.body if request else None
        if body is None or body.awaits_word or self.server.stopping:
            self.close_connection = True
        outcome = "sent" if response.delivery == exchange.WHOLE else response.delivery
        request_id = request.id if request else uuid.uuid4().hex
        self._sent = 0
        try:
            self._send(response, request_id)
        except OSError:
            outcome, self.close_connection = "gone", True
        finally:
            if not isinstance(response.body, bytes):
                response.body.close()
            self.server.log(
                method=self.command,
                route=self.server.sandbox.route_name(request),
                status=response.status,
                outcome=outcome,
                seconds=round(time.monotonic() - started, 4),
                received=body.received if body else None,
                sent=self._sent,
                request_id=request_id,
            )
        if response.delivery != exchange.RESET:
            self._end(body)

    def _send(self, response: Response, request_id: str) -> None:
        if response.delivery == exchange.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            self.close_connection = True
            self.connection.close()
            return
        self.connection.settimeout(SEND_TIMEOUT)
        body = io.BytesIO(response.body) if isinstance(response.body, bytes) else response.body
        length = body.seek(0, io.SEEK_END)
        body.seek(0)
        headers = {
            "X-RemBG-Sandbox": "1",
            "X-RemBG-Sandbox-Model": self.server.sandbox.segmenter.name,
            "X-Request-Id": request_id,
            "Content-Type": response.content_type,
            "Content-Length": str(length),
            "Connection": "close" if self.close_connection else "keep-alive",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **dict(response.headers),
        }
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(body, length, response.delivery)

    def _send_body(self, body: Any, length: int, delivery: str) -> None:
        left = length // 2 if delivery == exchange.CUT else length
        dripping = delivery == exchange.DRIPPING
        size = max(1, -(-length // DRIPS)) if dripping else PIECE
        while part := body.read(min(size, left)):
            if dripping:
                time.sleep(self.server.settings.slow / DRIPS)
            self.wfile.write(part)
            self._sent += len(part)
            left -= len(part)
        if delivery == exchange.CUT:
            self.close_connection = True

    def _end(self, body: Body | None) -> None:
        """Go on with the next request, or close so that the caller can still read the answer."""
        self.connection.settimeout(self.server.settings.read_timeout)
        if not self.close_connection and body and body.drain():
            self.idle = not self.server.stopping
            self.close_connection = not self.idle
            self.connection.settimeout(self.server.settings.idle_timeout)
            return
        self.close_connection = True
        deadline = time.monotonic() + LINGER
        try:
            # Closed at once, bytes that nobody read would reset the connection.
            self.connection.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.rfile.read1(PIECE):
                    return
        except OSError:
            return

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server refuses by itself in RemBG's form."""
        self._respond(exchange.refusal(errors.plain(code)), None, time.monotonic())

    def version_string(self) -> str:
        return "RemBG sandbox"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing here: these lines would hold the address with its query."""


class Server(ThreadingHTTPServer):
    """Listens and gives each connection a thread; `stop` lets what runs finish."""

    request_queue_size = 256

    def __init__(self, settings: Settings, log: TextIO = sys.stderr) -> None:
        self.settings = settings
        self.sandbox = Sandbox(settings)
        self.stopping = False
        self._log = log
        self._lock = threading.Condition()
        self._handlers: set[Handler] = set()
        if ":" in settings.host:
            self.address_family = socket.AF_INET6
        super().__init__((settings.host, settings.port), Handler)

    @property
    def address(self) -> str:
        """Where it listens, with the port that it was given."""
        host, port = self.server_address[:2]
        name = str(host)
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

    def serve(self) -> None:
        """Answer until `stop`, then finish what was begun."""
        self.serve_forever(poll_interval=0.2)
        # Whoever connected before we stopped, and was not let in yet.
        self.timeout, self._waiting = 0, True
        while self._waiting:
            self.handle_request()
        self.socket.close()
        with self._lock:
            for handler in self._handlers:
                handler.expect_no_more()
            self._lock.wait_for(lambda: not self._handlers, self.settings.drain_timeout)
        self.sandbox.close()

    def handle_timeout(self) -> None:
        self._waiting = False

    def stop(self) -> None:
        """End soon; may be called in a signal handler, where waiting for the end would block."""
        self.stopping = True
        threading.Thread(target=self.shutdown).start()

    def enter(self, handler: Handler) -> bool:
        """Remember a connection; False when there are too many."""
        with self._lock:
            self._handlers.add(handler)
            return len(self._handlers) <= self.settings.connections

    def leave(self, handler: Handler) -> None:
        with self._lock:
            self._handlers.discard(handler)
            self._lock.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what was not foreseen; that somebody went away is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def log(self, **entry: object) -> None:
        """One line of JSON; no query, no key."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            self._log.write(json.dumps({"at": moment, **entry}) + "\n")
            self._log.flush()


def return_memory() -> None:
    """Give large buffers back to the system when they are freed, where the C library can (glibc).

    Otherwise the memory of one 100-megapixel picture stays with the process.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MEGABYTE)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 when everything begun was finished."""
    return_memory()
    server = Server(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    if server.sandbox.segmenter.name == "none":
        server.log(warning="no model: pictures get a plain cut", fix="dashboard.sandbox.model")
    sys.stdout.write(f"listening on {server.address}\n")
    sys.stdout.flush()
    server.serve()
    return 0
