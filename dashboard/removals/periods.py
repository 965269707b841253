"""The cycle that a budget counts in: its account's running one, or else the calendar month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from dashboard.keys.models import Account
from dashboard.lib.renewals import anchor_day, month_start, months_in, next_month, renewal_after
from dashboard.removals.models import Budget


@dataclass(frozen=True)
class Period:
    """A cycle `[start_at, end_at)`, UTC."""

    start_at: datetime
    end_at: datetime

    @property
    def last_at(self) -> datetime:
        """Return the second before the renewal, whose day people take for the last one."""
        return self.end_at - timedelta(seconds=1)


def periods(budgets: Iterable[Budget], *, at: datetime) -> dict[Budget, Period]:
    """Return the cycle that each counts in: its account's, else that of its team's first one."""
    first: dict[int, Account | None] = {}
    found: dict[Budget, Period] = {}
    for budget in budgets:
        if budget.account is None and budget.team_id not in first:
            first[budget.team_id] = first_accounts(budget.team_id).first()
        account = budget.account or first[budget.team_id]
        found[budget] = running_cycle(account, at=at) if account else calendar_month(at)
    return found


def first_accounts(team: Any) -> QuerySet[Account]:
    """Return a team's accounts, that first whose cycle a budget follows where none is named."""
    return Account.objects.counted().filter(team=team).order_by("created_at", "pk")


def running_cycle(account: Account, *, at: datetime) -> Period:
    """Return the account's running cycle; after a renewal not yet read, the one that follows."""
    start, end = account.cycle_start_at, account.cycle_end_at
    if start is None or end is None or at < start or start >= end:
        return calendar_month(at)
    months, day = months_in(start, end), anchor_day(end, [start])
    while end <= at:
        start, end = end, renewal_after(end, months=months, day=day)
    return Period(start, end)


def calendar_month(at: datetime) -> Period:
    """Return the UTC calendar month of a moment."""
    return Period(month_start(at), next_month(at))
