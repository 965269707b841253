"""Whose turn it is: the teams' removals are served one after the other."""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import Exists, F, OuterRef

from dashboard.removals.models.removal import Removal
from dashboard.teams.models import Team


class TurnQuerySet(models.QuerySet["Turn"]):
    """Named questions about turns."""

    def next_with_work(self, *, at: datetime) -> TurnQuerySet:
        """Teams that have something to do, the one that was served longest ago first."""
        work = Removal.objects.claimable(at=at).filter(team=OuterRef("team"))
        return self.filter(Exists(work)).order_by(F("served_at").asc(nulls_first=True), "pk")


class Turn(models.Model):
    """When a team's removals were last served, so that the teams take turns (R10)."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="turn")
    served_at = models.DateTimeField(null=True)

    objects = TurnQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.team_id} at {self.served_at}"
