"""A server on loopback that does to each connection what a script says, over raw sockets."""

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.waiting import WAIT


class Line:
    """One accepted connection."""

    def __init__(self, sock: socket.socket, server: "Hostile") -> None:
        self.sock = sock
        self.server = server
        self._rest = b""

    def head(self) -> bytes:
        """Read the request's line and headers."""
        data = self._rest
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionError
            data += piece
        head, self._rest = data.split(b"\r\n\r\n", 1)
        self.server.heads.append(head)
        return head

    def request(self) -> bytes:
        """Read a whole request and return its body."""
        fields = dict(
            line.lower().split(b": ", 1) for line in self.head().split(b"\r\n")[1:] if b": " in line
        )
        length = int(fields.get(b"content-length", 0))
        body = bytearray(self._rest)
        while len(body) < length:
            piece = self.sock.recv(1 << 20)
            if not piece:
                break
            body += piece
        self._rest = b""
        self.server.bodies.append(bytes(body))
        return bytes(body)

    def send(self, *pieces: bytes, every: float = 0.0) -> None:
        """Send pieces, with a pause after each."""
        for piece in pieces:
            self.sock.sendall(piece)
            time.sleep(every)

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait(self, seconds: float = 5 * WAIT) -> None:
        """Do nothing until the test is over."""
        self.server.over.wait(seconds)


class Hostile:
    """What it was sent, and how often."""

    def __init__(self, script: Callable[[Line], None], tls: ssl.SSLContext | None) -> None:
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.over = threading.Event()
        self._script = script
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def serve(self) -> None:
        """Accept until the listener is closed."""
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._socks.append(sock)
            thread = threading.Thread(target=self._talk, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _talk(self, sock: socket.socket) -> None:
        sock.settimeout(5 * WAIT)
        with contextlib.suppress(OSError):
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
            self._script(Line(sock, self))
        sock.close()

    def stop(self, acceptor: threading.Thread) -> None:
        """End everything, and wait for it."""
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._socks:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in [acceptor, *self._threads]:
            thread.join()


@contextmanager
def hostile(
    script: Callable[[Line], None], *, tls: ssl.SSLContext | None = None
) -> Iterator[Hostile]:
    """Run a server while the test runs."""
    server = Hostile(script, tls)
    acceptor = threading.Thread(target=server.serve)
    acceptor.start()
    try:
        yield server
    finally:
        server.stop(acceptor)


def http(status: int, body: bytes = b"", **headers: object) -> bytes:
    """Return an answer; a header set to None is left out, `_` in names is `-`."""
    fields = {"Content-Length": len(body), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} X"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def refusal(status: int, error: str, **headers: object) -> bytes:
    """Return an error as RemBG words it."""
    body = json.dumps({"error": error, "status": status}).encode()
    return http(status, body, Content_Type="application/json", **headers)


def always(answer: bytes) -> Callable[[Line], None]:
    """Return a script that reads the request and answers this."""

    def script(line: Line) -> None:
        line.request()
        line.send(answer)

    return script
