"""Periodic tasks: how far an account's readings are thinned, and that a task was done."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models

from dashboard.keys.models import Account

TICKS_KEPT = timedelta(days=7)


class Thinning(models.Model):
    """How far an account's readings are thinned (`polling.thinning`), and when it had its turn."""

    account = models.OneToOneField(
        Account, models.CASCADE, primary_key=True, related_name="thinning"
    )
    # A UTC midnight: what was asked before it is thinned by hours, and what is older by days.
    until_at = models.DateTimeField(null=True)
    turn_at = models.DateTimeField(null=True)

    class Meta:
        # The task asks each hour whose turn it is, the longest waiting first.
        indexes: ClassVar = [models.Index(fields=["turn_at"], name="thinning_turn")]

    def __str__(self) -> str:
        return f"{self.account} until {self.until_at}"


class TickManager(models.Manager["Tick"]):
    """Claims of periodic tasks."""

    def claim(self, name: str, *, at: datetime) -> bool:
        """Take a task's tick; False if another worker was faster. Old ticks are forgotten."""
        _tick, created = self.get_or_create(name=name, at=at)
        if created:
            self.filter(name=name, at__lt=at - TICKS_KEPT).delete()
        return created


class Tick(models.Model):
    """That a periodic task was done for a moment: each worker's clock rings for it."""

    name = models.CharField(max_length=40)
    at = models.DateTimeField()

    objects = TickManager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "at"], name="tick_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.at:%Y-%m-%d %H:%M}"
