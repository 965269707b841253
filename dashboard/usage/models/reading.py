"""Readings of accounts, as upstream gave them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account, ApiKey
from dashboard.rembg.usage import LESS_LEFT, left_of, spendable_of, used_of

USABLE = ("ok", "partial")
LATE = timedelta(hours=1)  # An answer about a window may arrive a little after its end.


class Kind(models.TextChoices):
    """How a billing window came to be; the two are never merged (promises D8)."""

    STRIPE = "stripe", _("Billing cycle")
    CALENDAR = "calendar", _("Calendar month (UTC)")


class SnapshotQuerySet(models.QuerySet["Snapshot"]):
    """Named questions about readings."""

    def usable(self) -> SnapshotQuerySet:
        """Those that say something, of any mode."""
        return self.filter(outcome__in=(Snapshot.Outcome.OK, Snapshot.Outcome.PARTIAL))

    def good(self) -> SnapshotQuerySet:
        """Those whose counters of the running window can be shown."""
        return self.usable().filter(mode=Snapshot.Mode.CURRENT)

    def lists(self) -> SnapshotQuerySet:
        """Those that list the cycles."""
        return self.usable().filter(mode=Snapshot.Mode.CYCLES)

    def newest_first(self) -> SnapshotQuerySet:
        return self.order_by("-asked_at", "-pk")

    def newest_good(self) -> SnapshotQuerySet:
        """The good ones, newest first, for the first of them: whatever failed since is skipped.

        SQLite takes a partial index only where the query spells its condition out: a parameter
        could be anything.
        """
        spelt = [RawSQL(f"'{outcome}'", ()) for outcome in USABLE]
        return self.filter(mode=Snapshot.Mode.CURRENT, outcome__in=spelt).newest_first()

    def within(self, *, start: datetime, end: datetime) -> SnapshotQuerySet:
        return self.filter(asked_at__gte=start, asked_at__lt=end).order_by("asked_at", "pk")

    def of_window(self, *, start: datetime, end: datetime) -> SnapshotQuerySet:
        """Those that speak of the window starting then, oldest first; a late one counts too."""
        return self.good().filter(period_start_at=start).within(start=start, end=end + LATE)


class Snapshot(models.Model):
    """One reading of an account at a moment, as upstream gave it, with what was wrong with it."""

    class Mode(models.TextChoices):
        """Which of the modes of membership-usage was asked."""

        CURRENT = "current", _("running cycle")
        WINDOW = "window", _("one billing window")
        MONTH = "month", _("one calendar month")
        CYCLES = "cycles", _("list of cycles")

    class Outcome(models.TextChoices):
        """Whether the reading can be used."""

        OK = "ok", _("good")
        PARTIAL = "partial", _("partly usable")
        # Not believed until other readings confirm it (D18, D20, `usage.doubts`).
        DOUBTED = "doubted", _("not confirmed")
        INVALID = "invalid", _("not usable")
        FAILED = "failed", _("no answer")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.CASCADE, related_name="snapshots")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    mode = models.CharField(max_length=8, choices=Mode)
    outcome = models.CharField(max_length=8, choices=Outcome)
    # Ordered by the start of the request: a slow older answer never replaces a newer one (D6).
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    query = models.CharField(max_length=120)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=300, blank=True)
    problems = models.JSONField(default=list)
    raw = models.TextField(blank=True)
    membership = models.CharField(max_length=80, blank=True)
    # Credits; None is "unknown", never 0.
    included_credits = models.BigIntegerField(null=True)
    prepaid_credits = models.BigIntegerField(null=True)
    used_included_credits = models.BigIntegerField(null=True)
    remaining_included_credits = models.BigIntegerField(null=True)
    app_usage = models.BigIntegerField(null=True)
    api_usage = models.BigIntegerField(null=True)
    period_start_at = models.DateTimeField(null=True)
    period_end_at = models.DateTimeField(null=True)
    synced = models.BooleanField(null=True)
    kind = models.CharField(max_length=8, choices=Kind, blank=True)
    clock_skew_seconds = models.IntegerField(null=True)
    # The account's own `removed_credits` when this was asked; what came after is "since" (D21).
    removed_credits = models.BigIntegerField(null=True)

    objects = SnapshotQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The account page reads the newest reading, and those of one window.
            models.Index(fields=["account", "mode", "-asked_at"], name="snapshot_account_newest"),
            models.Index(
                fields=["account", "-asked_at"],
                condition=Q(mode="current", outcome__in=("ok", "partial")),
                name="snapshot_newest_good",
            ),
            # `newest_good` finds it at once, even after a year of failed ones. The one above it,
            # which SQLite never took, is to go once no older release runs beside this one.
            models.Index(
                fields=["account", "mode", "-asked_at"],
                condition=Q(outcome__in=USABLE),
                name="snapshot_good_of_mode",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.mode} {self.asked_at:%Y-%m-%d %H:%M}"

    @property
    def is_good(self) -> bool:
        """Say whether its numbers can be shown."""
        return self.outcome in (self.Outcome.OK, self.Outcome.PARTIAL)

    @property
    def is_doubted(self) -> bool:
        """Say whether it waits to be confirmed, or turned out to be an old or a wrong answer."""
        return self.outcome == self.Outcome.DOUBTED

    @property
    def adds_up(self) -> bool:
        """Say whether as much is left as the counters leave; else nothing is concluded from it."""
        return all(problem["code"] != LESS_LEFT for problem in self.problems)

    @property
    def used(self) -> int | None:
        """Return app and API credits of the window; upstream's own sum where one is unknown."""
        return used_of(self.app_usage, self.api_usage, self.used_included_credits)

    @property
    def spendable(self) -> int | None:
        """Return the included credits left and the prepaid ones, None unless both are known."""
        return spendable_of(self.left, self.prepaid_credits)

    @property
    def left(self) -> int | None:
        """Return the included credits left, by the contract's formula where upstream is silent."""
        return left_of(self.included_credits, self.remaining_included_credits, self.used)
