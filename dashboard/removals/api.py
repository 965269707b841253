"""Budgets for programs: read-only."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema

from dashboard.removals import budgets
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.models import Budget, Subject
from dashboard.teams.api import membership_for

router = Router(tags=["budgets"])


class TeamBudgetOut(Schema):
    """What one subject may spend in a cycle, and has; `remaining` is until the stop, or warning."""

    id: UUID
    kind: Subject
    subject: str
    name: str
    soft: int | None
    hard: int | None
    used: int
    remaining: int | None
    period_start_unix: int
    period_end_unix: int


class TeamBudgetsOut(Schema):
    """An admin sees all budgets; others their own and those of tags."""

    budgets: list[TeamBudgetOut]


@router.get("/teams/{slug}/budgets", response=TeamBudgetsOut, url_name="budgets")
def index(request: HttpRequest, slug: str) -> dict[str, object]:
    """List the budgets with what is taken of them in the running cycle, in credits."""
    seen = Budget.objects.seen_by(membership_for(request, slug))
    found = budgets.uses(seen, at=timezone.now())
    ordered = sorted(found, key=lambda use: (use.budget.kind, use.budget.name))
    return {"budgets": [_out(use) for use in ordered]}


def _out(use: BudgetUse) -> TeamBudgetOut:
    budget = use.budget
    return TeamBudgetOut(
        id=budget.pk,
        kind=Subject(budget.kind),
        subject=budget.subject,
        name=budget.name,
        soft=budget.soft,
        hard=budget.hard,
        used=use.taken,
        remaining=use.remaining,
        period_start_unix=int(use.period.start_at.timestamp()),
        # As RemBG counts it: the last second.
        period_end_unix=int(use.period.end_at.timestamp()) - 1,
    )
