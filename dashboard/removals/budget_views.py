"""The pages of budgets: what members, virtual keys and tags may spend in a cycle."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.removals import budgets
from dashboard.removals.forms import LimitsForm, TagBudgetForm
from dashboard.removals.models import Budget, Subject
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.models import Role, Team


@require_http_methods(["GET", "HEAD", "POST"])
@team_view()
def index(request: TeamRequest, team: Team) -> HttpResponse:
    """Show what the person may see of the team's budgets; an admin gives a tag one."""
    if request.method != "POST":
        return _list(request, team, TagBudgetForm(team=team))
    if not request.membership.may(Role.ADMIN):
        raise PermissionDenied
    form = TagBudgetForm(request.POST, team=team)
    if not form.is_valid():
        return _list(request, team, form, status=422)
    tag = form.cleaned_data["tag"]
    _put(request, Subject.TAG, tag, tag, form)
    return redirect("removals:budgets", team.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.ADMIN)
def member(request: TeamRequest, team: Team, pk: int) -> HttpResponse:
    """Set what a member may spend."""
    theirs = get_object_or_404(team.memberships.select_related("user"), pk=pk)
    subject, name = str(theirs.user_id), str(theirs.user)
    budget = Budget.objects.of_member(team, theirs.user_id).first()
    return _edit(request, team, Subject.MEMBER, subject, name, budget)


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.ADMIN)
def one(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Change a budget; a virtual key's is changed with the key."""
    budget = get_object_or_404(team.budgets.select_related("account"), pk=pk)
    if budget.kind == Subject.KEY:
        return redirect("gateway:key", team.slug, budget.subject)
    return _edit(request, team, Subject(budget.kind), budget.subject, budget.name, budget)


@require_POST
@team_view(role=Role.ADMIN)
def remove(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Take a member's or a tag's budget away."""
    own = team.budgets.exclude(kind=Subject.KEY)
    budget = get_object_or_404(own, pk=pk)
    budgets.drop(budget)
    record_for(request, "budget.removed", at=timezone.now(), subject=str(budget))
    messages.success(request, _("Budget removed."))
    return redirect(_back(team, Subject(budget.kind)))


def _list(
    request: TeamRequest, team: Team, form: TagBudgetForm, *, status: int = 200
) -> HttpResponse:
    seen = Budget.objects.seen_by(request.membership).bounded()
    found = budgets.uses(seen, at=timezone.now())
    # A key that is over may have spent in this cycle; one that has not is on its own page.
    listed = [use for use in found if use.budget.kind != Subject.KEY or use.taken]
    context = {
        "uses": sorted(listed, key=lambda use: (-use.nearness, use.budget.name)),
        "form": form,
        "may_change": request.membership.may(Role.ADMIN),
    }
    return render(request, "removals/budgets.html", context, status=status)


def _edit(
    request: TeamRequest,
    team: Team,
    kind: Subject,
    subject: str,
    name: str,
    budget: Budget | None,
) -> HttpResponse:
    back = _back(team, kind)
    given = request.POST if request.method == "POST" else None
    form = LimitsForm(given, team=team, budget=budget)
    if form.is_valid():
        _put(request, kind, subject, name, form, before=budget)
        return redirect(back)
    asked = budget or Budget(team=team, kind=kind, subject=subject, name=name)
    context = {
        "form": form,
        "name": name,
        "kind": kind,
        "budget": budget,
        "use": budgets.uses([asked], at=timezone.now())[0],
        "back": back,
    }
    status = 422 if form.is_bound else 200
    return render(request, "removals/budget.html", context, status=status)


def _put(
    request: TeamRequest,
    kind: Subject,
    subject: str,
    name: str,
    form: LimitsForm,
    *,
    before: Budget | None = None,
) -> None:
    at, given = timezone.now(), form.cleaned_data
    limits: dict[str, Any] = {field: given[field] for field in ("soft", "hard", "account")}
    budget = budgets.put(request.team, kind, subject, name=name, **limits, at=at)
    changes = {
        field: [_said(getattr(before, field, None)), _said(limits[field])]
        for field in limits
        if getattr(before, field, None) != limits[field]
    }
    record_for(request, "budget.set", at=at, subject=str(budget), **changes)
    messages.success(request, _("Budget saved."))


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def _back(team: Team, kind: Subject) -> str:
    name = "teams:members" if kind == Subject.MEMBER else "removals:budgets"
    return reverse(name, args=[team.slug])
