"""What accounts used: readings, billing cycles, calendar months, and what lies ahead."""

from dashboard.usage.models.outlook import AccountOutlook
from dashboard.usage.models.periodic import Thinning, Tick
from dashboard.usage.models.reading import LATE, Kind, Snapshot, SnapshotQuerySet
from dashboard.usage.models.window import (
    SURE_ENDS,
    CalendarMonth,
    Cycle,
    CycleQuerySet,
    EndSource,
    Refresh,
)

__all__ = [
    "LATE",
    "SURE_ENDS",
    "AccountOutlook",
    "CalendarMonth",
    "Cycle",
    "CycleQuerySet",
    "EndSource",
    "Kind",
    "Refresh",
    "Snapshot",
    "SnapshotQuerySet",
    "Thinning",
    "Tick",
]
