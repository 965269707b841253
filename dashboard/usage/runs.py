"""The runs of an account's cycles, out of its history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from dashboard.keys.models import Account
from dashboard.usage.comparing import Run
from dashboard.usage.history import asking
from dashboard.usage.history.loading import Known
from dashboard.usage.history.values import Place, floor_day
from dashboard.usage.windows import Window

# Hours are kept for 13 months; of older cycles the days are, in UTC.
HOURS_KEPT = timedelta(days=390)


def runs_of(
    account: Account, windows: Sequence[Window], *, at: datetime, known: Known
) -> list[Run]:
    """Return what is known of these cycles, in their order (2 queries where they touch)."""
    sound = [one for one in windows if one.is_sound]
    days_before = floor_day(at - HOURS_KEPT)
    found = asking.levels(account, sound, days_before=days_before, known=known)
    return [Run.of(one, found.get(Place(one.kind, one.start_at), ())) for one in windows]
