"""The part of an account's page that looks ahead: what is said, since when, and from which days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from dashboard.keys.models import Account
from dashboard.teams.models import Team
from dashboard.usage import telling
from dashboard.usage.forecast import Forecast, Step
from dashboard.usage.models import AccountOutlook
from dashboard.usage.outlook import steps_of
from dashboard.usage.standing import Standing
from dashboard.usage.telling import Rate, Told


@dataclass(frozen=True, eq=False)
class OutlookPart:
    """What lies ahead of an account, and what that was made from; `account.outlook` is loaded."""

    account: Account
    team: Team
    standing: Standing
    at: datetime

    @property
    def found(self) -> Forecast | None:
        """The forecast of the running window; None where there is none."""
        return self.standing.outlook

    @property
    def row(self) -> AccountOutlook | None:
        """The row that it is kept in."""
        return self.account.outlook if self.found else None

    @property
    def as_of(self) -> datetime | None:
        """When the reading was asked that it was made from, and with it the forecast's age."""
        return self.found.as_of if self.found else None

    @property
    def reading_url(self) -> str:
        """The reading that it was made from; empty where that is not kept."""
        if self.row is None or self.row.snapshot_id is None:
            return ""
        where = [self.team.slug, self.account.pk, self.row.snapshot_id]
        return reverse("usage:reading", args=where)

    @property
    def steps(self) -> Sequence[Step]:
        """The steps to the renewal."""
        return steps_of(self.account) if self.found else ()

    @property
    def balances(self) -> list[Told]:
        """Whether the included credits, and everything spendable, last until the renewal."""
        return telling.balances(self.standing, self.team.zone, at=self.at)

    @property
    def rates(self) -> list[Rate]:
        """How fast credits go, how fast they may, and what will have gone; empty without one."""
        return telling.rates(self.found) if self.found else []
