"""People, teams, what each person may do there, and who did what: a module for each noun."""

from dashboard.teams.models.invitation import INVITATION_DAYS, Invitation
from dashboard.teams.models.people import Membership, Role, Team, User
from dashboard.teams.models.token import AccessToken
from dashboard.teams.models.trail import AppendOnly, AuditEntry

__all__ = [
    "INVITATION_DAYS",
    "AccessToken",
    "AppendOnly",
    "AuditEntry",
    "Invitation",
    "Membership",
    "Role",
    "Team",
    "User",
]
