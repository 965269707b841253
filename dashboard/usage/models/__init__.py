"""What accounts used: readings, billing cycles, calendar months, and history rolled up."""

from dashboard.usage.models.history import RollUp, Tick, UsageSpan
from dashboard.usage.models.outlook import AccountOutlook
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
    "RollUp",
    "Snapshot",
    "SnapshotQuerySet",
    "Tick",
    "UsageSpan",
]
