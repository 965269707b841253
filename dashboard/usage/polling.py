"""Reading an account: every answer is a row as it came, and the rows it changes follow."""

from __future__ import annotations

from datetime import datetime

from dashboard.keys.models import Account
from dashboard.rembg.usage import Month
from dashboard.usage.models import Snapshot
from dashboard.usage.outlook import look_ahead
from dashboard.usage.readings import CYCLES, Mode, Question
from dashboard.usage.schedule import MOST_REQUESTS
from dashboard.usage.turns import Steps, Turn


def poll(account: Account, *, at: datetime, requests: int = MOST_REQUESTS) -> Snapshot:
    """Read the running cycle, and one more thing that is due; return the first reading.

    At most `requests`, two or fewer (`schedule.requests_left`). What RemBG, the way to it or the
    keys refuse is written down, not raised.
    """
    snapshot = finish(Turn(account, at, requests).steps())
    if snapshot.is_good:
        look_ahead(account, snapshot)
    return snapshot


def read_cycles(account: Account, *, at: datetime) -> Snapshot:
    """Read the list of cycles; one request a key, two at most."""
    return finish(Turn(account, at).read(CYCLES))


def read_month(account: Account, month: Month, *, at: datetime) -> Snapshot:
    """Read one UTC calendar month; one request a key, two at most."""
    return finish(Turn(account, at).read(Question(Mode.MONTH, month)))


def read_window(account: Account, start: datetime, *, at: datetime) -> Snapshot:
    """Read the billing window that starts then; one request a key, two at most.

    Its `includedCredits` is today's allowance (contract 2), so no past cycle takes it over.
    """
    return finish(Turn(account, at).read(Question(Mode.WINDOW, start)))


def finish(steps: Steps) -> Snapshot:
    """Make each call at once, until the steps are done."""
    try:
        call = next(steps)
        while True:
            call = steps.send(call.make())
    except StopIteration as end:
        snapshot: Snapshot = end.value
        return snapshot
