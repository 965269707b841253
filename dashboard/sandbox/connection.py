"""One connection of the sandbox's server, with a hand on the socket so that it can misbehave."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from email.utils import formatdate
from http import HTTPStatus
from typing import IO, Protocol

from dashboard.sandbox import messages, responses
from dashboard.sandbox.messages import Refusal
from dashboard.sandbox.protocol import Body, Gone, Head, Reader, Silent, body_of, read_head
from dashboard.sandbox.responses import Response
from dashboard.sandbox.settings import Settings
from dashboard.sandbox.wire import Call, Sandbox

PIECE = 64 * 1024
DRIPS = 20
SEND_TIMEOUT = 30.0
LINGER = 2.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# SO_LINGER on, with zero seconds: closing sends RST.
RST = b"\x01\x00\x00\x00\x00\x00\x00\x00"
BUSY = messages.plain(503, "The sandbox has too many connections.")
CUT_OFF = messages.plain(400, "The request was cut off.")
FAILED = responses.refusal(messages.plain(500))


class Keeper(Protocol):
    """What a connection needs of its server."""

    settings: Settings
    sandbox: Sandbox
    stopping: threading.Event

    def log(self, **entry: object) -> None: ...

    def forget(self, connection: Connection) -> None: ...


class Connection:
    """One connection, from its first request to its last."""

    def __init__(self, server: Keeper, link: socket.socket, peer: str) -> None:
        self._server, self._link, self._peer = server, link, peer
        self._settings = server.settings
        self._reader = Reader(link)
        self._sent = 0
        self.idle = True
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        """Serve requests until one side has had enough."""
        try:
            patience = self._settings.read_timeout
            while self._serve_one(patience):
                patience = self._settings.idle_timeout
        except Gone:
            pass
        finally:
            self._link.close()
            self._server.forget(self)

    def expect_no_more(self) -> None:
        """Stop waiting for a next request; one that has begun goes on."""
        if not self.idle:
            return
        try:
            self._link.shutdown(socket.SHUT_RD)
        except OSError:
            self._server.forget(self)

    def turn_away(self) -> None:
        """Refuse the connection as a whole."""
        try:
            self._send(None, responses.refusal(BUSY), uuid.uuid4().hex, keep=False)
        except Gone:
            pass
        finally:
            self._link.close()

    def _serve_one(self, patience: float) -> bool:
        self.idle = True
        self._reader.wait(patience)
        started, self._sent = time.monotonic(), 0
        request_id = uuid.uuid4().hex
        head: Head | None = None
        body: Body | None = None
        response = FAILED
        again = False
        try:
            self.idle = False
            head = read_head(self._reader, self._settings.read_timeout)
            body = self._body(head)
            response = self._server.sandbox.answer(
                Call(head, body, self._peer, request_id, int(time.time()))
            )
        except Refusal as exc:
            response, body = responses.refusal(exc), None
        except Silent:
            response, body = responses.refusal(messages.plain(408)), None
        except Gone:
            # Perhaps it only closed its sending side, and still listens.
            response, body = responses.refusal(CUT_OFF), None
        finally:
            again = self._finish(head, body, response, request_id, started)
        return again

    def _body(self, head: Head) -> Body:
        return body_of(
            head,
            self._reader,
            limit=self._settings.body_limit,
            seconds=self._settings.read_timeout,
            before_first=self._say_continue if head.expects_continue else None,
        )

    def _say_continue(self) -> None:
        self._write(CONTINUE)

    def _finish(
        self,
        head: Head | None,
        body: Body | None,
        response: Response,
        request_id: str,
        started: float,
    ) -> bool:
        """Send the answer and write the log; True when another request may follow."""
        usable = head is not None and body is not None and head.keeps_alive
        keep = usable and not self._server.stopping.is_set() and not (body and body.wanted)
        outcome = "sent"
        try:
            self._send(head, response, request_id, keep=keep)
        except Gone:
            outcome, keep = "gone", False
        finally:
            if not isinstance(response.body, bytes):
                response.body.close()
            self._server.log(
                method=head.method if head else None,
                route=self._route(head),
                status=response.status,
                outcome=outcome if response.delivery == responses.WHOLE else response.delivery,
                seconds=round(time.monotonic() - started, 4),
                received=body.received if body else None,
                sent=self._sent,
                request_id=request_id,
            )
        if keep and body is not None and body.drain(seconds=self._settings.read_timeout):
            return True
        self._linger(response)
        return False

    def _route(self, head: Head | None) -> str:
        known = head is not None and head.path in self._server.sandbox.routes
        return head.path if head and known else "other"

    def _send(self, head: Head | None, response: Response, request_id: str, *, keep: bool) -> None:
        if response.delivery == responses.RESET:
            self._link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            raise Gone
        body, length = _opened(response)
        lines = [f"HTTP/1.1 {response.status} {_phrase(response.status)}"]
        lines += [f"{name}: {value}" for name, value in self._headers(response, request_id)]
        lines += [f"Content-Length: {length}", f"Connection: {'keep-alive' if keep else 'close'}"]
        self._write("\r\n".join([*lines, "", ""]).encode("latin-1"))
        if head is None or head.method != "HEAD":
            self._send_body(body, length, response.delivery)

    def _headers(self, response: Response, request_id: str) -> list[tuple[str, str]]:
        headers = {
            "Server": "RemBG sandbox",
            "Date": formatdate(usegmt=True),
            "X-RemBG-Sandbox": "1",
            "X-RemBG-Sandbox-Model": self._server.sandbox.segmenter.name,
            "X-Request-Id": request_id,
            "Content-Type": response.content_type,
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **dict(response.headers),
        }
        return list(headers.items())

    def _send_body(self, body: bytes | IO[bytes], length: int, delivery: str) -> None:
        left = length // 2 if delivery == responses.CUT else length
        dripping = delivery == responses.DRIPPING
        piece = max(1, -(-length // DRIPS)) if dripping else PIECE
        sent = 0
        while sent < left:
            size = min(piece, left - sent)
            part = body[sent : sent + size] if isinstance(body, bytes) else body.read(size)
            if dripping:
                time.sleep(self._settings.slow / DRIPS)
            self._write(part)
            sent += len(part)
        if delivery == responses.CUT:
            raise Gone

    def _write(self, data: bytes) -> None:
        self._link.settimeout(SEND_TIMEOUT)
        try:
            self._link.sendall(data)
        except OSError:
            raise Gone from None
        self._sent += len(data)

    def _linger(self, response: Response) -> None:
        """Close so that the caller can still read the answer: unread bytes would reset it."""
        if response.delivery == responses.RESET:
            return
        deadline = time.monotonic() + min(LINGER, self._settings.read_timeout)
        try:
            self._link.shutdown(socket.SHUT_WR)
            while time.monotonic() < deadline:
                self._reader.read(PIECE, deadline - time.monotonic())
        except (Gone, OSError):
            return


def _opened(response: Response) -> tuple[bytes | IO[bytes], int]:
    if isinstance(response.body, bytes):
        return response.body, len(response.body)
    length = response.body.seek(0, 2)
    response.body.seek(0)
    return response.body, length


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
