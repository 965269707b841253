"""A wire between browser and server that loses answers when it is told to."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

CHUNK = 65536
POST = b"POST "


class Wire:
    """Forwards to a server; while `loses` is set, the answer of a POST never arrives."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.loses = False
        self.lost = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def serve(self) -> None:
        """Take connections until the listener is closed."""
        with contextlib.suppress(OSError):
            while True:
                browser, _ = self.listener.accept()
                threading.Thread(target=self.join, args=[browser], daemon=True).start()

    def join(self, browser: socket.socket) -> None:
        """Carry one connection, both ways."""
        server = socket.create_connection(("127.0.0.1", self.port))
        with browser, server:
            state = {"posting": False}
            up = threading.Thread(target=self.up, args=[browser, server, state], daemon=True)
            up.start()
            with contextlib.suppress(OSError):
                while data := server.recv(CHUNK):
                    if self.loses and state["posting"]:
                        self.lost += 1
                        break
                    browser.sendall(data)
            for end in (browser, server):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            up.join()

    def up(self, browser: socket.socket, server: socket.socket, state: dict[str, bool]) -> None:
        """Carry what the browser sends; note whether its last request is a POST."""
        with contextlib.suppress(OSError):
            while data := browser.recv(CHUNK):
                if data.startswith((POST, b"GET ")):
                    state["posting"] = data.startswith(POST)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)


@contextmanager
def wired(port: int) -> Iterator[Wire]:
    """Lay a wire to a port of this machine."""
    wire = Wire(port)
    thread = threading.Thread(target=wire.serve, daemon=True)
    thread.start()
    try:
        yield wire
    finally:
        wire.listener.close()
