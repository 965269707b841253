"""The runs of an account's cycles, out of its history."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dashboard.keys.models import Account
from dashboard.usage.comparing import Run
from dashboard.usage.history import asking
from dashboard.usage.history.values import HOUR
from dashboard.usage.windows import Window

UTC = ZoneInfo("UTC")
# Hours are kept for 13 months; of older cycles the days are, in UTC.
HOURS_KEPT = timedelta(days=390)


def run_of(account: Account, window: Window, *, at: datetime) -> Run:
    """Return what is known of one cycle (4 queries, a few more where readings lack a number)."""
    end = min(window.end_at, at + HOUR)
    if at - window.start_at > HOURS_KEPT:
        return Run.of(window, asking.days(account, window.start_at, end, UTC, window=window))
    return Run.of(window, asking.hours(account, window.start_at, end, window=window))
