"""Ports for the servers that tests start as processes of their own."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

# Below those that Linux gives to every connection and every `bind` to 0: between the choice and
# the server's start nobody else takes one of these by chance.
LOWEST, HIGHEST = 15_000, 31_999


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on; raise OSError if none is found."""
    for port in random.SystemRandom().choices(range(LOWEST, HIGHEST), k=50):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise OSError(f"No free port between {LOWEST} and {HIGHEST}.")


def is_listened_to(port: int) -> bool:
    """Whether anybody listens on a port of 127.0.0.1; found out without calling them."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return True
    return False


@contextmanager
def refusing() -> Iterator[str]:
    """The address of a port that refuses every connection, and that nobody else can take."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{closed.getsockname()[1]}"
