"""Connections that keep a total deadline and remember how far a request came.

A time-out of the HTTP library starts anew with each byte, so an answer that drips would hold a
worker for hours (promises 0.14). Here each wait is cut to what is left of the whole.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from dashboard.rembg.multipart import BLOCK, MultipartBody

GRACE = 2.0  # Seconds to wait for an early answer when the upload was cut off (F25).
MAX_HEAD = 512 * 1024  # Bytes of status line and headers, whatever their number.


@dataclass(frozen=True)
class Timeouts:
    """Seconds: to connect, between bytes, until a picture begins to come back, in all."""

    connect: float = 3.0
    read: float = 30.0
    answer: float = 120.0
    total: float = 120.0


@dataclass
class Exchange:
    """What is known about one request while it is under way: the facts that say how it failed."""

    timeouts: Timeouts
    body: MultipartBody | None = None
    clock: Callable[[], float] = time.monotonic
    is_connected: bool = False
    is_answered: bool = False  # Status line and headers are there.
    has_tls_failed: bool = False
    has_timed_out: bool = False
    is_cut: bool = False  # A write failed.
    received: int = 0

    def __post_init__(self) -> None:
        self.started_at = self.clock()
        self.deadline = self.started_at + self.timeouts.total

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self.clock() - self.started_at

    @property
    def is_late(self) -> bool:
        """Whether the total deadline has passed."""
        return self.clock() >= self.deadline

    def arm(self, sock: socket.socket, limit: float) -> None:
        """Allow the next operation `limit` seconds, or what is left of the whole."""
        left = self.deadline - self.clock()
        if left <= 0:
            raise TimeoutError("The total deadline has passed.")
        sock.settimeout(min(limit, left))

    def patience(self) -> float:
        """Return how many seconds the next bytes of the answer may take."""
        if self.received:
            return self.timeouts.read
        if self.is_cut:
            return min(GRACE, self.timeouts.read)
        return self.timeouts.answer if self.body else self.timeouts.read


current: ContextVar[Exchange] = ContextVar("current")


class TimedSocket:
    """A connected socket, as far as `http.client` and urllib3 use one."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def sendall(self, data: bytes) -> None:
        """Send everything; a failure looks like a broken pipe, after which the answer is read."""
        exchange = current.get()
        view = memoryview(data)
        try:
            while view:
                exchange.arm(self._sock, exchange.timeouts.read)
                view = view[self._sock.send(view) :]
        except OSError as exc:
            exchange.is_cut = True
            exchange.has_timed_out = isinstance(exc, TimeoutError)
            raise BrokenPipeError from None

    def makefile(self, mode: str) -> io.BufferedReader:
        """Return the reading end, for the exchange that is under way."""
        raw = self._sock.makefile(mode, buffering=0)  # type: ignore[call-overload]
        return io.BufferedReader(_TimedReader(raw, self._sock, current.get()), BLOCK)

    def settimeout(self, seconds: float | None) -> None:
        """Do nothing: each operation sets its own."""

    def fileno(self) -> int:
        """Return the descriptor, for the pool's check whether the connection was dropped."""
        return self._sock.fileno()

    def shutdown(self, how: int) -> None:
        """End one direction or both."""
        self._sock.shutdown(how)

    def close(self) -> None:
        """Close it once the reading end is closed, too."""
        self._sock.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, raw: socket.SocketIO, sock: socket.socket, exchange: Exchange) -> None:
        self._raw = raw
        self._sock = sock
        self._exchange = exchange

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        exchange = self._exchange
        if not exchange.is_answered and exchange.received > MAX_HEAD:
            raise ConnectionAbortedError("The headers do not end.")
        try:
            exchange.arm(self._sock, exchange.patience())
            count = self._raw.readinto(buffer)
        except TimeoutError:
            exchange.has_timed_out = True
            raise
        exchange.received += count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Timed:
    """What both kinds of connection do: note how far they came, and hand out timed sockets."""

    sock: Any

    def connect(self) -> None:
        exchange = current.get()
        try:
            super().connect()  # type: ignore[misc]
        except (ssl.SSLError, urllib3.exceptions.SSLError):
            exchange.has_tls_failed = True
            raise
        except urllib3.exceptions.NewConnectionError:
            raise  # Refused, or no such name; to urllib3 it is a kind of time-out.
        except (TimeoutError, urllib3.exceptions.TimeoutError):
            exchange.has_timed_out = True
            raise
        exchange.is_connected = True
        self.sock = TimedSocket(self.sock)


class _Connection(_Timed, HTTPConnection):
    pass


class _TlsConnection(_Timed, HTTPSConnection):
    pass


class _FreshForBodies:
    """A pool that never sends a body over a connection that was used before.

    Servers close idle connections when they like; a picture sent at that moment is an upload of
    which nobody knows whether it was charged.
    """

    def _get_conn(self, timeout: float | None = None) -> Any:
        exchange = current.get()
        conn = super()._get_conn(timeout)  # type: ignore[misc]
        if exchange.body is not None:
            conn.close()
            conn.blocksize = exchange.body.block
        exchange.is_connected = not conn.is_closed
        return conn


class _Pool(_FreshForBodies, HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(_FreshForBodies, HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def pool_manager(*, tls: ssl.SSLContext, pools: int, size: int) -> PoolManager:
    """Return a pool manager whose connections keep deadlines and trust what `tls` trusts."""
    manager = PoolManager(num_pools=pools, maxsize=size, blocksize=BLOCK, ssl_context=tls)
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
    return manager
