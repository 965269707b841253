"""Named points at which a test lets the process die, as `kill -9` would (promises R1)."""

import os

from django.conf import settings

EXIT_CODE = 9


def reach(point: str) -> None:
    """End the process here and now if CRASH_AT names this point; nothing is cleaned up."""
    if point == settings.CRASH_AT:
        os._exit(EXIT_CODE)
