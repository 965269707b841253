"""A stand-in for RemBG that is never the slow part: reads whole bodies, answers one small picture.

`python -m benchmarks.upstream PORT ANSWER_FILE`, a process of its own. `GET /think/200` lets it
think 200 ms before each answer, `GET /count` tells how many pictures and questions it was sent.
Asked for usage, it answers for the account whose number ends the key.
"""

import heapq
import itertools
import json
import re
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

BLOCK = 1024 * 1024
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.I)
CLOSE = re.compile(rb"\r\nconnection: *close", re.I)
KEY = re.compile(rb"\r\nx-api-key: *[^\r]*?(\d+)\r", re.I)
FIRST_START, CYCLE = 1_764_000_000, 30 * 86_400
CONTINUE = re.compile(rb"\r\nexpect: *100-continue", re.I)


@dataclass
class Connection:
    """A client, and how much of its request is still to come."""

    sock: socket.socket
    head: bytes = b""
    missing: int = 0
    stays: bool = True
    waiting: bytes = field(default=b"", repr=False)


class Upstream:
    """One thread, one buffer: what is read of a body is counted and forgotten."""

    def __init__(self, listener: socket.socket, picture: bytes) -> None:
        self.listener = listener
        self.picture = picture
        self.think = 0.0
        self.count = 0
        self.buffer = bytearray(BLOCK)
        self.due: list[tuple[float, int, Connection, bytes, str]] = []
        self.numbers = itertools.count()
        self.selector = selectors.DefaultSelector()
        listener.setblocking(False)
        self.selector.register(listener, selectors.EVENT_READ)

    def run(self) -> None:
        """Serve until the process is ended."""
        while True:
            pause = max(0.0, self.due[0][0] - time.monotonic()) if self.due else None
            for key, _ in self.selector.select(pause):
                if key.data is None:
                    self._welcome()
                else:
                    self._hear(key.data)
            while self.due and self.due[0][0] <= time.monotonic():
                self._answer(*heapq.heappop(self.due)[2:])

    def _welcome(self) -> None:
        sock, _ = self.listener.accept()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.selector.register(sock, selectors.EVENT_READ, Connection(sock))

    def _hear(self, peer: Connection) -> None:
        try:
            size = peer.sock.recv_into(self.buffer)
            # A late acknowledgement would cost whoever sends the rest 40 ms.
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        except ConnectionError:
            size = 0
        if not size:
            self._part(peer)
        elif peer.missing:
            self._count(peer, size)
        else:
            self._begin(peer, peer.head + self.buffer[:size])

    def _begin(self, peer: Connection, data: bytes) -> None:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            peer.head = data
            return
        peer.head = b""
        line = head.split(b"\r\n", 1)[0]
        peer.stays = line.endswith(b"HTTP/1.1") and not CLOSE.search(head)
        if line.startswith(b"GET /api/membership-usage"):
            self._promise(peer, usage(int(KEY.search(head + b"\r\n")[1])), "application/json")
            return
        if line.startswith(b"GET "):
            self._answer(peer, self._told(line.split(b" ")[1]), "text/plain")
            return
        length = LENGTH.search(head)
        assert length is not None, "a body without Content-Length"
        peer.missing = int(length[1])
        if CONTINUE.search(head):
            peer.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if rest:
            self._count(peer, len(rest))

    def _count(self, peer: Connection, size: int) -> None:
        peer.missing -= size
        assert peer.missing >= 0, "more body than was announced"
        if not peer.missing:
            self._promise(peer, self.picture, "image/webp")

    def _promise(self, peer: Connection, body: bytes, kind: str) -> None:
        """Answer once it has thought."""
        self.count += 1
        moment = time.monotonic() + self.think
        heapq.heappush(self.due, (moment, next(self.numbers), peer, body, kind))

    def _told(self, path: bytes) -> bytes:
        if path.startswith(b"/think/"):
            self.think = int(path.rsplit(b"/", 1)[1]) / 1000
        return str(self.count).encode()

    def _answer(self, peer: Connection, body: bytes, kind: str) -> None:
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: {'keep-alive' if peer.stays else 'close'}\r\n\r\n"
        )
        try:
            # An answer of 20 KB fits into the socket's buffer.
            peer.sock.sendall(head.encode() + body)
        except OSError:
            peer.stays = False
        if not peer.stays:
            self._part(peer)

    def _part(self, peer: Connection) -> None:
        if peer.sock.fileno() >= 0:
            self.selector.unregister(peer.sock)
            peer.sock.close()


def usage(number: int) -> bytes:
    """Return what an account used: each has a window of its own, so that none look like twins."""
    now = int(time.time())
    start = FIRST_START + number * 7
    start += (now - start) // CYCLE * CYCLE
    used = (now - start) // 300
    window = {
        "periodStartUnix": start,
        "periodEndUnix": start + CYCLE - 1,
        "appUsage": used // 3,
        "apiUsage": used - used // 3,
        "includedCredits": 18500,
        "prepaidCredits": 2000,
        "usedIncludedCredits": used,
        "remainingIncludedCredits": 18500 - used,
        "stripeBillingSynced": True,
    }
    top = {"membership": "Premium-20000", "credits": 18500, "prepaidCredits": 2000}
    months = {"app_usage": used // 2, "api_usage": used}
    return json.dumps({**top, **months, "billingCycle": window}).encode()


def main() -> None:
    port, answer = int(sys.argv[1]), Path(sys.argv[2])
    Upstream(socket.create_server(("127.0.0.1", port), backlog=512), answer.read_bytes()).run()


if __name__ == "__main__":
    main()
