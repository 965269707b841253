"""Billing cycles and calendar months of accounts, as last read."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.usage.models.reading import Kind, Snapshot


class EndSource(models.TextChoices):
    """Where the end of a cycle comes from; only the first two are sure (contract 2, D15)."""

    TOLD = "told", _("told by RemBG")
    SHORTENED = "shortened", _("told by RemBG: the next cycle began earlier")
    LISTED = "listed", _("from RemBG's list, while the cycle ran")
    RHYTHM = "rhythm", _("inferred: one period of the subscription")
    NEXT = "next", _("inferred: the next cycle of its kind begins then")


SURE_ENDS = (EndSource.TOLD, EndSource.SHORTENED)


class CycleQuerySet(models.QuerySet["Cycle"]):
    """Named questions about cycles."""

    def oldest_first(self) -> CycleQuerySet:
        return self.order_by("start_at", "kind", "pk")

    def running(self, *, at: datetime) -> CycleQuerySet:
        return self.filter(start_at__lte=at, end_at__gt=at)


class Cycle(models.Model):
    """A billing window of an account, `[start, end)`, its kind and its counters."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="cycles")
    kind = models.CharField(max_length=8, choices=Kind)
    start_at = models.DateTimeField()
    # Where it ends, out of all that is known of the account's cycles (`usage.cycle_ends`).
    end_at = models.DateTimeField()
    end_source = models.CharField(
        max_length=9, choices=EndSource, default=EndSource.TOLD, db_default=EndSource.LISTED
    )
    # The newest end that `billingCycle` told, and the one that the list gave while it ran.
    told_end_at = models.DateTimeField(null=True)
    listed_end_at = models.DateTimeField(null=True)
    # When a reading first and last found RemBG counting in it: perhaps after its end, where a
    # renewal's webhook is late (D16).
    counted_from_at = models.DateTimeField(null=True)
    counted_until_at = models.DateTimeField(null=True)
    app_usage = models.BigIntegerField(null=True)
    api_usage = models.BigIntegerField(null=True)
    # The list of cycles does not tell the kind: then it is guessed from the window's start.
    kind_guessed = models.BooleanField(default=False)
    # The allowance that upstream gave while the cycle ran; unknown for those read from the list.
    included_credits = models.BigIntegerField(null=True)
    flags = models.JSONField(default=list)
    asked_at = models.DateTimeField()
    first_seen_at = models.DateTimeField()
    snapshot = models.ForeignKey(Snapshot, models.SET_NULL, null=True, related_name="+")

    objects = CycleQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "kind", "start_at"], name="cycle_once_an_account"
            ),
            models.CheckConstraint(condition=Q(kind__in=Kind.values), name="cycle_kind_is_known"),
            models.CheckConstraint(
                condition=Q(end_source__in=EndSource.values), name="cycle_end_source_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.start_at:%Y-%m-%d}"


class CalendarMonth(models.Model):
    """The counters of a UTC calendar month of an account; never mixed with cycles."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="months")
    year = models.PositiveSmallIntegerField()
    month = models.PositiveSmallIntegerField()
    app_usage = models.BigIntegerField(null=True)
    api_usage = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField()
    snapshot = models.ForeignKey(Snapshot, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "year", "month"], name="calendarmonth_once_an_account"
            ),
            models.CheckConstraint(
                condition=Q(month__gte=1, month__lte=12), name="calendarmonth_month_in_year"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.year}-{self.month:02}"


class Refresh(models.Model):
    """When a person last had an account read at once; the claim of it is one conditional UPDATE."""

    account = models.OneToOneField(
        Account, models.CASCADE, primary_key=True, related_name="refreshed"
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.account} {self.at:%Y-%m-%d %H:%M}"
