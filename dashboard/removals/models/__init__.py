"""Pictures through us, whose turn it is, and what anybody may spend."""

from dashboard.removals.models.budget import Budget, Spending, Subject, hold
from dashboard.removals.models.queries import RemovalRow
from dashboard.removals.models.removal import Removal, Turn
from dashboard.removals.models.states import (
    FINAL,
    LOST_LEASES_UNTIL_PARKED,
    RUNNING,
    Charged,
    Phase,
    Source,
    State,
)

__all__ = [
    "FINAL",
    "LOST_LEASES_UNTIL_PARKED",
    "RUNNING",
    "Budget",
    "Charged",
    "Phase",
    "Removal",
    "RemovalRow",
    "Source",
    "Spending",
    "State",
    "Subject",
    "Turn",
    "hold",
]
