"""How long tests wait: for events, never for a moment; a slow machine turns none of them red."""

import time
from collections.abc import Callable

WAIT = 120  # Seconds: for what comes at once, but not on every machine.


def wait_until(is_true: Callable[[], bool], what: object) -> None:
    """Return when it is true; fail with what was expected after two minutes."""
    deadline = time.monotonic() + WAIT
    while not is_true():
        assert time.monotonic() < deadline, what() if callable(what) else what
        time.sleep(0.02)
