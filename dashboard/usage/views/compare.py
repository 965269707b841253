"""Cycles beside each other, by the day of the cycle."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Team
from dashboard.usage.compare_page import ComparePage
from dashboard.usage.forms import AccountsForm, CompareForm
from dashboard.usage.side_by_side import SideBySide
from dashboard.usage.views.accounts import page_of


@require_safe
@team_view()
def account(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Show this cycle of an account against its last ones."""
    page = compared(request, team, pk)
    context = {"page": page, "account": page.page.account, "counts": CompareForm.COUNTS}
    return render(request, "usage/compare.html", context)


@require_safe
@team_view()
def account_json(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Answer the chart of that comparison."""
    page = compared(request, team, pk)
    if page.window is None:
        raise Http404
    return JsonResponse(page.chart)


@require_safe
@team_view()
def accounts(request: TeamRequest, team: Team) -> HttpResponse:
    """Show several accounts beside each other, each on the day of its own cycle."""
    page = side_by_side(request, team)
    return render(request, "usage/compare_accounts.html", {"page": page})


@require_safe
@team_view()
def accounts_json(request: TeamRequest, team: Team) -> HttpResponse:
    """Answer the chart of that comparison."""
    page = side_by_side(request, team)
    if not page.runs:
        raise Http404
    return JsonResponse(page.chart)


def side_by_side(request: HttpRequest, team: Team) -> SideBySide:
    """Return the accounts that were asked for, as of now; raise Http404."""
    form = AccountsForm(request.GET, team=team)
    if not form.is_valid():
        raise Http404
    return SideBySide(team, timezone.now(), frozenset(form.cleaned_data["account"]))


def compared(request: HttpRequest, team: Team, pk: UUID) -> ComparePage:
    """Return the comparison that was asked for, as of now; raise Http404."""
    form = CompareForm(request.GET)
    if not form.is_valid():
        raise Http404
    return ComparePage(page_of(request, team, pk), form.cleaned_data["last"] or CompareForm.USUAL)
