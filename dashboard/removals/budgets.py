"""Budgets at work: a credit is reserved before a picture is sent, by one conditional UPDATE."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from django.db import transaction
from django.db.models import Case, Count, F, Q, QuerySet, Subquery, When

from dashboard.keys.models import Account
from dashboard.removals.errors import BudgetRefusal, OverBudget
from dashboard.removals.models import Budget, Removal, Spending, Subject, hold
from dashboard.removals.periods import Period, first_accounts, periods, running_cycle
from dashboard.teams.models import Membership, Team

# What a removal says of each kind of subject.
FIELDS = {Subject.MEMBER: "user", Subject.KEY: "virtual_key", Subject.TAG: "tag"}


@dataclass(frozen=True)
class BudgetUse:
    """What is taken of a budget in its running cycle, in credits."""

    budget: Budget
    period: Period
    taken: int

    @property
    def limit(self) -> int | None:
        """Return where it stops, or else where it warns; None without either."""
        return self.budget.soft if self.budget.hard is None else self.budget.hard

    @property
    def remaining(self) -> int | None:
        """Return what is left until it stops, or else until it warns; None without a limit."""
        return None if self.limit is None else max(0, self.limit - self.taken)

    @property
    def is_warning(self) -> bool:
        """Say whether its soft limit, or all of the hard one, is taken."""
        limits = [limit for limit in (self.budget.soft, self.budget.hard) if limit is not None]
        return bool(limits) and self.taken >= min(limits)

    @property
    def is_spent(self) -> bool:
        """Say whether nothing more is granted in this cycle."""
        return self.budget.hard is not None and self.taken >= self.budget.hard

    @property
    def meter(self) -> str:
        """Return the kind of meter for it."""
        if self.is_spent:
            return "bad"
        return "warn" if self.is_warning else ""

    @property
    def nearness(self) -> float:
        """Return the part of the limit that is taken, for sorting; -1 without a limit."""
        if self.limit is None:
            return -1.0
        return self.taken / self.limit if self.limit else float("inf")


class Statements(Protocol):
    """What reserving asks of the database."""

    def binding(self, removal: Removal) -> list[Budget]:
        """Return the budgets that it counts against, with the cycles that they follow."""

    def covering(self, budget: Budget, *, at: datetime) -> list[Spending]:
        """Return what a budget has counted in the cycles that a moment lies in."""

    def take(self, spending: Spending, *, below: int | None) -> bool:
        """Take one credit if less than `below` are taken, by one conditional UPDATE."""


class Orm:
    """What reserving asks, asked by the ORM."""

    def binding(self, removal: Removal) -> list[Budget]:
        return list(binding_query(team=removal.team_id, **removal.subjects))

    def covering(self, budget: Budget, *, at: datetime) -> list[Spending]:
        return list(budget.spendings.covering(at))

    def take(self, spending: Spending, *, below: int | None) -> bool:
        return Spending.objects.filter(pk=spending.pk).take(below=below)


ORM = Orm()


def reserve(removal: Removal, by: Statements = ORM) -> list[BudgetUse]:
    """Take one credit of each budget that binds this new removal; return what is taken then.

    Call it in the transaction that inserts the removal: what one refuses, none has given. It is
    given back by `Removal.end` where it certainly cost nothing. Raises OverBudget.
    """
    hold(removal.team_id)
    at = removal.queued_at
    found = by.binding(removal)
    return [_take(budget, _followed(budget, at=at), by, at=at) for budget in found]


def put(
    team: Team,
    kind: Subject,
    subject: str,
    *,
    name: str,
    soft: int | None,
    hard: int | None,
    account: Account | None,
    at: datetime,
) -> Budget:
    """Give a subject its budget, or change it; the running cycle counts what is used already."""
    limits = {"name": name, "soft": soft, "hard": hard, "account": account}
    with transaction.atomic():
        hold(team.pk)
        budget, _ = Budget.objects.update_or_create(
            defaults=limits, team=team, kind=kind, subject=subject
        )
        _row(budget, periods([budget], at=at)[budget])
    return budget


def drop(budget: Budget) -> None:
    """Take a budget away, with what it has counted."""
    with transaction.atomic():
        hold(budget.team_id)
        budget.delete()


def uses(budgets: Iterable[Budget], *, at: datetime) -> list[BudgetUse]:
    """Return what is taken of each in its running cycle; nothing is written."""
    wanted = periods(budgets, at=at)
    starts = {period.start_at for period in wanted.values()}
    rows = Spending.objects.filter(budget__in=wanted, start_at__in=starts)
    taken = {(row.budget_id, Period(row.start_at, row.end_at)): row.taken for row in rows}
    # After a renewal nobody may have taken anything yet; then there is no row.
    rest = {budget: period for budget, period in wanted.items() if (budget.pk, period) not in taken}
    counted = _counts(rest)
    return [
        BudgetUse(budget, period, counted[budget] if budget in rest else taken[budget.pk, period])
        for budget, period in wanted.items()
    ]


def strained(membership: Membership, *, at: datetime) -> list[BudgetUse]:
    """Return what a person may see of budgets that warn or are spent, the fullest first.

    A cycle without a row has seen nothing taken (1 query, 2 if one follows the first account).
    """
    seen = Budget.objects.seen_by(membership)
    limited = Spending.objects.covering(at).at_a_limit().filter(budget__in=seen)
    rows = list(limited.select_related("budget__account"))
    followed = periods((row.budget for row in rows), at=at)
    uses = [
        BudgetUse(row.budget, followed[row.budget], row.taken)
        for row in rows
        if row.start_at == followed[row.budget].start_at
    ]
    return sorted(uses, key=lambda use: (-use.nearness, use.budget.name))


def binding_query(team: int, user: str, key: str, tag: str) -> QuerySet[Budget, Any]:
    """Return the budgets that bind, with `cycle_start_at` and `cycle_end_at` of each."""
    return Budget.objects.binding(team, user=user, key=key, tag=tag).annotate(**_cycle(team))


def _cycle(team: int) -> dict[str, Case]:
    """Return when the cycle that a budget follows starts and ends, as last read."""
    return {
        name: Case(
            When(account=None, then=Subquery(first_accounts(team).values(name)[:1])),
            default=F(f"account__{name}"),
        )
        for name in ("cycle_start_at", "cycle_end_at")
    }


def _followed(row: Any, *, at: datetime) -> Period:
    """Return the cycle that a budget counts in, out of what `_cycle` told of it."""
    account = Account(cycle_start_at=row.cycle_start_at, cycle_end_at=row.cycle_end_at)
    return running_cycle(account, at=at)


def tightest(found: Iterable[BudgetUse]) -> BudgetUse | None:
    """Return the budget with the least left, those that stop before those that warn."""
    limited = [use for use in found if use.remaining is not None]
    return min(limited, key=lambda use: (use.budget.hard is None, use.remaining), default=None)


def _take(budget: Budget, period: Period, by: Statements, *, at: datetime) -> BudgetUse:
    """Take one credit in the running cycle, and in the others that the moment lies in (D8)."""
    covering = by.covering(budget, at=at)
    same = (row for row in covering if Period(row.start_at, row.end_at) == period)
    row = next(same, None) or _row(budget, period)
    if not by.take(row, below=budget.hard):
        raise OverBudget.by(
            BudgetRefusal(budget.kind, budget.name, budget.hard or 0, period.end_at)
        )
    if any(other.pk != row.pk for other in covering):
        budget.spendings.covering(at).exclude(pk=row.pk).take()
    return BudgetUse(budget, period, row.taken + 1)


def _row(budget: Budget, period: Period) -> Spending:
    """Return the row of this cycle; a new one, or one whose end has moved, is counted first."""
    found = budget.spendings.filter(start_at=period.start_at).first()
    if found is not None and found.end_at == period.end_at:
        return found
    counted = {"end_at": period.end_at, "taken": _counts({budget: period})[budget]}
    row, _ = budget.spendings.update_or_create(defaults=counted, start_at=period.start_at)
    return row


def _counts(wanted: Mapping[Budget, Period]) -> dict[Budget, int]:
    """Count what each subject has used in a cycle: one query a team, kind and cycle."""
    groups: defaultdict[tuple[int, str, Period], list[Budget]] = defaultdict(list)
    for budget, period in wanted.items():
        groups[budget.team_id, budget.kind, period].append(budget)
    found: dict[Budget, int] = {}
    for (team, kind, period), group in groups.items():
        field = FIELDS[Subject(kind)]
        mine = Q(**{f"{field}__in": [budget.subject for budget in group]})
        counting = Removal.objects.counting(since=period.start_at, until=period.end_at)
        counts = counting.filter(mine, team=team).values_list(field).annotate(Count("pk"))
        by_subject = {str(subject): count for subject, count in counts}
        found |= {budget: by_subject.get(budget.subject, 0) for budget in group}
    return found
