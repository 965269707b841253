"""Cycles beside each other, by the day of the cycle."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Team
from dashboard.usage.compare_page import ComparePage
from dashboard.usage.forms import CompareForm
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


def compared(request: HttpRequest, team: Team, pk: UUID) -> ComparePage:
    """Return the comparison that was asked for, as of now; raise Http404."""
    form = CompareForm(request.GET)
    if not form.is_valid():
        raise Http404
    return ComparePage(page_of(request, team, pk), form.cleaned_data["last"] or CompareForm.USUAL)
