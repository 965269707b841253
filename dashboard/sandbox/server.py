"""The sandbox's HTTP server: a thread for each connection, and an orderly end."""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TextIO

from dashboard.sandbox.connection import Connection
from dashboard.sandbox.settings import MEGABYTE, Settings
from dashboard.sandbox.wire import Sandbox

# malloc.h: the size from which glibc maps memory of its own for a block.
M_MMAP_THRESHOLD = -3


class Server:
    """Listens and gives each connection a thread; `stop` lets what runs finish."""

    def __init__(self, settings: Settings, log: TextIO = sys.stderr) -> None:
        self.settings = settings
        self.sandbox = Sandbox(settings)
        self.stopping = threading.Event()
        self._log = log
        self._lock = threading.Lock()
        self._connections: dict[Connection, threading.Thread] = {}
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=256
        )
        self._listener.settimeout(0.2)

    @property
    def address(self) -> str:
        """Where it listens, with the port that it was given."""
        host, port = self._listener.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def serve(self) -> None:
        """Answer until `stop`, then finish what was begun."""
        while not self.stopping.is_set():
            try:
                link, peer = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                # Too many files are open, say: somebody lets go of one soon.
                self.stopping.wait(0.1)
                continue
            self._welcome(Connection(self, link, peer[0]))
        self._welcome_the_last()
        self._listener.close()
        self._drain()
        self.sandbox.close()

    def _welcome_the_last(self) -> None:
        """Take in who connected before we stopped, and was not greeted yet."""
        self._listener.settimeout(0)
        while True:
            try:
                link, peer = self._listener.accept()
            except OSError:
                return
            link.setblocking(True)
            self._welcome(Connection(self, link, peer[0]))

    def stop(self) -> None:
        self.stopping.set()

    def _welcome(self, connection: Connection) -> None:
        with self._lock:
            full = len(self._connections) >= self.settings.connections
            thread = threading.Thread(target=connection.run, daemon=True)
            if not full:
                self._connections[connection] = thread
        if full:
            connection.turn_away()
        else:
            thread.start()

    def forget(self, connection: Connection) -> None:
        with self._lock:
            self._connections.pop(connection, None)

    def _drain(self) -> None:
        deadline = time.monotonic() + self.settings.drain_timeout
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            connection.expect_no_more()
        for thread in connections.values():
            thread.join(max(0.0, deadline - time.monotonic()))

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
        mallopt(M_MMAP_THRESHOLD, 4 * MEGABYTE)


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
