"""What lies ahead of an account, as told at its newest good reading."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from dashboard.keys.models import Account
from dashboard.usage.models.reading import Kind, Snapshot


class AccountOutlook(models.Model):
    """The forecast of an account's running window: made once by the poller, only read by pages.

    It belongs to the window `[start_at, end_at)` and to the reading `snapshot`, asked `as_of`.
    """

    account = models.OneToOneField(
        Account, models.CASCADE, primary_key=True, related_name="outlook"
    )
    kind = models.CharField(max_length=8, choices=Kind)
    start_at = models.DateTimeField()
    end_at = models.DateTimeField()
    as_of = models.DateTimeField()
    snapshot = models.ForeignKey(Snapshot, models.SET_NULL, null=True, related_name="+")
    # Verdicts, run-outs and rates (`usage.outlook`): what a list of accounts needs of a forecast.
    said = models.JSONField(default=dict)
    # The band of the chart, a step a day.
    course = models.JSONField(default=list)
    # The use of the days before the window, in this zone: they do not change while it runs.
    days = models.JSONField(default=dict)
    days_zone = models.CharField(max_length=64, blank=True)
    days_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(start_at__lt=F("end_at")), name="accountoutlook_window_has_length"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} as of {self.as_of:%Y-%m-%d %H:%M}"
