"""The audit trail."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings
from django.db import models

from dashboard.teams.models.people import Team


class AppendOnly(Exception):
    """Somebody tried to change or delete an entry of the audit trail."""


class AuditEntryQuerySet(models.QuerySet["AuditEntry"]):
    """Named questions about the audit trail; it refuses to change or delete rows."""

    def newest_first(self) -> AuditEntryQuerySet:
        return self.order_by("-at", "-pk")

    def of_action(self, action: str) -> AuditEntryQuerySet:
        """Those of one action, or all of them for an empty one."""
        return self.filter(action=action) if action else self

    def actions(self) -> list[str]:
        """Return the actions that occur, in the order of the alphabet."""
        return list(self.order_by("action").values_list("action", flat=True).distinct())

    def in_order(self) -> AuditEntryQuerySet:
        """In the order of the chain of digests."""
        return self.order_by("pk")

    def update(self, **kwargs: Any) -> int:
        raise AppendOnly("The audit trail is not changed.")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise AppendOnly("The audit trail is not deleted from.")


class AuditEntry(models.Model):
    """Who did what to what, when, from where; rows are added and never changed."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="audit_entries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    # The name stays readable after the person is gone.
    actor = models.CharField(max_length=254)
    action = models.CharField(max_length=40)
    subject = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    # Of this entry and the digest of the team's entry before it: a changed row breaks the chain.
    digest = models.CharField(max_length=64)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        # The audit page reads one team's entries, newest first.
        indexes: ClassVar = [models.Index(fields=["team", "-at"], name="audit_team_newest")]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.subject}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("The audit trail is not changed.")
        # Without force_insert, a row given the number of another would replace it.
        super().save(*args, **{**kwargs, "force_insert": True})

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnly("The audit trail is not deleted from.")
