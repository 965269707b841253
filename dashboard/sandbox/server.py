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
from argparse import ArgumentParser
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import IO, Any

from dashboard.sandbox import errors, messages
from dashboard.sandbox.api import Sandbox
from dashboard.sandbox.errors import Refusal
from dashboard.sandbox.messages import MEGABYTE, PIECE, Request, Response
from dashboard.sandbox.segmentation import NO_MODEL
from dashboard.sandbox.settings import BadSetting, Settings

DRIPS = 20
CONNECTIONS = 256
# Seconds.
IDLE_TIMEOUT, SEND_TIMEOUT, LINGER = 75.0, 30.0, 2.0
# SO_LINGER on, with zero seconds: closing sends RST.
RST = b"\x01\x00\x00\x00\x00\x00\x00\x00"
# malloc.h: the size from which glibc maps memory of its own for a block.
M_MMAP_THRESHOLD = -3
FAILED = messages.refusal(errors.plain(500))
TOO_SLOW = messages.refusal(errors.plain(408))
CUT_OFF = messages.refusal(errors.plain(400, "The request was cut off."))


class Handler(BaseHTTPRequestHandler):
    """One connection, from its first request to its last."""

    protocol_version = default_request_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.idle = True
        self.server.handlers.add(self)
        self._is_too_many = len(self.server.handlers) > CONNECTIONS
        # One that comes in at the end is not there to be told so.
        late = self.server.settings.read_timeout
        self.connection.settimeout(late if self.server.stopping else IDLE_TIMEOUT)

    def finish(self) -> None:
        self.server.handlers.discard(self)
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
            if self._is_too_many:
                raise errors.busy("The sandbox has too many connections.")
            request = Request(self)
            response = self.server.sandbox.answer(request)
        except Refusal as exc:
            response = messages.refusal(exc)
        except TimeoutError:
            response, self.close_connection = TOO_SLOW, True
        except (EOFError, ConnectionError):
            # Perhaps it only closed its sending side, and still listens.
            response, self.close_connection = CUT_OFF, True
        finally:
            self._respond(response, request, started)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_TRACE = answer

    def _respond(self, response: Response, request: Request | None, started: float) -> None:
        """Send the response, write the log, and close unless another request may follow."""
        if request is None or request.awaits_word or self.server.stopping:
            self.close_connection = True
        outcome = response.delivery
        request_id = request.id if request else uuid.uuid4().hex
        try:
            with response.open() as body:
                self._send(response, body, request_id)
        except OSError:
            outcome, self.close_connection = "gone", True
        finally:
            self.server.log(
                method=self.command,
                route=self.server.sandbox.route_name(request),
                status=response.status,
                outcome=outcome,
                seconds=round(time.monotonic() - started, 4),
                request_id=request_id,
            )
        if response.delivery != messages.RESET:
            self._end(request)

    def _send(self, response: Response, body: IO[bytes], request_id: str) -> None:
        if response.delivery == messages.RESET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            self.close_connection = True
            self.connection.close()
            return
        self.connection.settimeout(SEND_TIMEOUT)
        length = body.seek(0, io.SEEK_END)
        body.seek(0)
        headers = {
            "X-RemBG-Sandbox": "1",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-RemBG-Sandbox-Model": self.server.sandbox.segmenter.name,
            "X-Request-Id": request_id,
            "Content-Type": response.content_type,
            "Content-Length": str(length),
            "Connection": "close" if self.close_connection else "keep-alive",
            **dict(response.headers),
        }
        self.send_response(response.status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(body, length, response.delivery)

    def _send_body(self, body: IO[bytes], length: int, delivery: str) -> None:
        if delivery == messages.CUT:
            self.close_connection = True
            length //= 2
        dripping = delivery == messages.DRIPPING
        size = -(-length // DRIPS) if dripping else PIECE
        for start in range(0, length, size):
            if dripping:
                time.sleep(self.server.settings.slow / DRIPS)
            self.wfile.write(body.read(min(size, length - start)))

    def _end(self, request: Request | None) -> None:
        """Go on with the next request, or close so that the caller can still read the answer."""
        self.connection.settimeout(self.server.settings.read_timeout)
        if not self.close_connection and request and request.drain():
            self.idle = not self.server.stopping
            self.close_connection = not self.idle
            self.connection.settimeout(IDLE_TIMEOUT)
            return
        self.close_connection = True
        deadline = time.monotonic() + LINGER
        # Closed at once, bytes that nobody read would reset the connection.
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self.connection.settimeout(left)
                if not self.rfile.read1(PIECE):
                    return

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what http.server refuses by itself in RemBG's form."""
        self._respond(messages.refusal(errors.plain(code)), None, time.monotonic())

    def version_string(self) -> str:
        return "RemBG sandbox"

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing here: these lines would hold the address with its query."""


class Server(ThreadingHTTPServer):
    """Listens and gives each connection a thread; `stop` lets what runs finish."""

    request_queue_size = 256
    daemon_threads = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sandbox = Sandbox(settings)
        self.stopping = False
        self.handlers: set[Handler] = set()
        self._log_lock = threading.Lock()
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
        for handler in list(self.handlers):
            handler.expect_no_more()
        # Waits for the threads of all connections.
        self.server_close()
        self.sandbox.close()

    def handle_timeout(self) -> None:
        self._waiting = False

    def stop(self) -> None:
        """End soon; may be called in a signal handler, where waiting for the end would block."""
        self.stopping = True
        threading.Thread(target=self.shutdown).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Show what was not foreseen; that somebody went away is no error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def log(self, **entry: object) -> None:
        """One line of JSON; no query, no key."""
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._log_lock:
            sys.stderr.write(json.dumps({"at": moment, **entry}) + "\n")
            sys.stderr.flush()


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--host")
    parser.add_argument("--port", type=int, help="0 takes a free one")


def run(host: str | None, port: int | None) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 when everything begun was finished.

    Without a host or port there are those of the settings.
    """
    # Give large buffers back to the system when they are freed, where the C library can (glibc):
    # otherwise the memory of one 100-megapixel picture stays with the process.
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MEGABYTE)
    try:
        settings = Settings.from_environment()
        port = settings.port if port is None else port
        server = Server(replace(settings, host=host or settings.host, port=port))
    except (BadSetting, OSError) as exc:
        sys.stderr.write(f"Cannot start: {exc}\n")
        return 2 if isinstance(exc, BadSetting) else 1
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    if server.sandbox.segmenter.name == NO_MODEL:
        server.log(warning="no model: pictures get a plain cut", fix="dashboard.sandbox.model")
    sys.stdout.write(f"listening on {server.address}\n")
    sys.stdout.flush()
    server.serve()
    return 0
