"""Pictures through us, whose turn it is, and what anybody may spend."""

from dashboard.removals.models.budget import Budget, Spending, Subject, hold
from dashboard.removals.models.removal import Removal
from dashboard.removals.models.states import (
    FINAL,
    LOST_LEASES_UNTIL_PARKED,
    RUNNING,
    Charged,
    Phase,
    Source,
    State,
)
from dashboard.removals.models.turn import Turn

__all__ = [
    "FINAL",
    "LOST_LEASES_UNTIL_PARKED",
    "RUNNING",
    "Budget",
    "Charged",
    "Phase",
    "Removal",
    "Source",
    "Spending",
    "State",
    "Subject",
    "Turn",
    "hold",
]
