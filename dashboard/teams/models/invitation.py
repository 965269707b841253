"""Invitations into a team."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dashboard.teams.models.people import Role, Team, User

INVITATION_DAYS = 7


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Named questions about invitations."""

    def open(self, *, at: datetime) -> InvitationQuerySet:
        return self.filter(accepted_at=None, revoked_at=None, expires_at__gt=at)

    def to(self, email: str) -> InvitationQuerySet:
        return self.filter(email__iexact=email)

    def newest_first(self) -> InvitationQuerySet:
        return self.order_by("-created_at", "-pk")

    def revoke(self, *, at: datetime) -> int:
        """Revoke those of them that are open; return how many."""
        return self.open(at=at).update(revoked_at=at)


class Invitation(models.Model):
    """A link that lets one person join a team, once, until it expires."""

    PREFIX = "rbi"

    team = models.ForeignKey(Team, models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.MEMBER)
    digest = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("created_at")), name="invitation_expires_later"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} → {self.team}"

    @classmethod
    def expiry(cls, *, at: datetime) -> datetime:
        """Return when an invitation made at this moment ends."""
        return at + timedelta(days=INVITATION_DAYS)

    def is_for(self, user: User) -> bool:
        """Say whether it was sent to this person's address."""
        return self.email.lower() == user.email.lower()

    def claim(self, *, at: datetime) -> bool:
        """Use it up; False if it was used, revoked or expired before."""
        return bool(Invitation.objects.open(at=at).filter(pk=self.pk).update(accepted_at=at))
