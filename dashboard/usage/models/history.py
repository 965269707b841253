"""History rolled up: what was used by the hour and by the day, kept when readings are deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.usage.models.reading import Kind

TICKS_KEPT = timedelta(days=7)


class UsageSpanQuerySet(models.QuerySet["UsageSpan"]):
    """Named questions about rolled-up use."""

    def touching(self, *, start: datetime, end: datetime) -> UsageSpanQuerySet:
        """Those with a part in `[start, end)`."""
        return self.filter(end_at__gt=start, start_at__lt=end)


class UsageSpan(models.Model):
    """What a window used in an hour, in a UTC day, or in a gap between readings.

    Credits are None where they are unknown, and `…_known` says for how much of the time they are
    known. What a correction took back, or what was bought of prepaid credits, stands beside.
    """

    class Span(models.TextChoices):
        """What stretch of time it is."""

        HOUR = "hour", _("hour")
        DAY = "day", _("day (UTC)")
        GAP = "gap", _("gap between readings")

    account = models.ForeignKey(Account, models.CASCADE, related_name="usage_spans")
    span = models.CharField(max_length=4, choices=Span)
    kind = models.CharField(max_length=8, choices=Kind)
    window_start_at = models.DateTimeField()
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    app_usage = models.BigIntegerField(null=True)
    app_known = models.DurationField(default=timedelta)
    app_corrected = models.BigIntegerField(default=0)
    api_usage = models.BigIntegerField(null=True)
    api_known = models.DurationField(default=timedelta)
    api_corrected = models.BigIntegerField(default=0)
    prepaid_used = models.BigIntegerField(null=True)
    prepaid_known = models.DurationField(default=timedelta)
    prepaid_bought = models.BigIntegerField(default=0)
    # Names of counters whose credits were shared out by time over a border.
    estimated = models.CharField(max_length=20, blank=True)
    # What happened in it (`history.values.Mark`), and what its last reading said, for charts.
    marks = models.JSONField(null=True)
    levels = models.JSONField(null=True)
    readings = models.PositiveIntegerField(default=0)
    # It was counted after the window's end: the renewal's webhook was late (D16).
    is_after = models.BooleanField(default=False, db_default=False)

    objects = UsageSpanQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    *("account", "span", "kind", "window_start_at"),
                    *("start_at", "end_at", "is_after"),
                ],
                name="usagespan_once_a_window",
            ),
            models.CheckConstraint(
                condition=Q(start_at__lt=F("end_at")), name="usagespan_has_length"
            ),
            models.CheckConstraint(
                condition=Q(app_corrected__gte=0, api_corrected__gte=0, prepaid_bought__gte=0),
                name="usagespan_corrections_stand_beside",
            ),
        ]
        indexes: ClassVar = [
            # A page reads the hours or days of one account in a range: it finds the first of the
            # range at once and reads on from there, whatever lies before it.
            models.Index(fields=["account", "span", "end_at"], name="usagespan_range"),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.span} {self.start_at:%Y-%m-%d %H:%M}"


class RollUp(models.Model):
    """How far an account's readings are rolled up, and what they were then.

    `readings` and `closings` say what stood before `until_at`: when that changes, because an
    answer came late (D6) or a cycle was closed, it is rolled up again.
    """

    account = models.OneToOneField(
        Account, models.CASCADE, primary_key=True, related_name="rolled_up"
    )
    until_at = models.DateTimeField(null=True)
    readings = models.PositiveIntegerField(default=0)
    closings = models.CharField(max_length=64, blank=True)
    # Before these moments readings, and hours, are not kept any more.
    readings_from_at = models.DateTimeField(null=True)
    hours_from_at = models.DateTimeField(null=True)
    turn_at = models.DateTimeField(null=True)

    class Meta:
        # The task asks each hour whose turn it is, the longest waiting first.
        indexes: ClassVar = [models.Index(fields=["turn_at"], name="rollup_turn")]

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
