"""Named points at which a test lets the process die, as `kill -9` would (promises R1)."""

import os

from django.conf import settings

POINTS = (
    "after_picture_draft",
    "after_picture_stored",
    "after_row_queued",
    "after_claim",
    "after_sending",
    "mid_upload",
    "after_upload",
    "after_answer",
    "after_result_tmp",
    "after_result_stored",
    "after_done",
)
EXIT_CODE = 9


def reach(point: str) -> None:
    """End the process here and now if CRASH_AT names this point; nothing is cleaned up."""
    if point == settings.CRASH_AT:
        os._exit(EXIT_CODE)
