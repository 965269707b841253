"""The runs of an account's cycles, out of its history."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.keys.models import Account
from dashboard.usage.comparing import Run
from dashboard.usage.history import asking
from dashboard.usage.history.values import Place
from dashboard.usage.models import Cycle
from dashboard.usage.windows import Window


def runs_of(
    account: Account, windows: Sequence[Window], *, cycles: Sequence[Cycle] | None = None
) -> list[Run]:
    """Return what is known of these cycles, in their order (1 query where they touch)."""
    sound = [one for one in windows if one.is_sound]
    found = asking.levels(account, sound, cycles=cycles)
    return [Run.of(one, found.get(Place(one.kind, one.start_at), ())) for one in windows]
