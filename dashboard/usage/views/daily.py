"""Use by the day and by the hour: which day did the credits go?"""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Team
from dashboard.usage.daily_page import CYCLE, DailyPage
from dashboard.usage.forms import SpanForm
from dashboard.usage.views.accounts import page_of


@require_safe
@team_view()
def days(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Show use by the day or the hour; to htmx only the chart with its controls."""
    use = use_of(request, team, pk)
    fragment = request.htmx and not request.htmx.history_restore_request
    context = {"use": use, "page": use.page, "account": use.page.account}
    return render(request, f"usage/days.html{'#use' if fragment else ''}", context)


@require_safe
@team_view()
def days_json(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """Answer that chart."""
    return JsonResponse(use_of(request, team, pk).chart)


def use_of(request: HttpRequest, team: Team, pk: UUID) -> DailyPage:
    """Return the stretch that was asked for, as of now; raise Http404."""
    form = SpanForm(request.GET)
    if not form.is_valid():
        raise Http404
    said = form.cleaned_data
    page = page_of(request, team, pk)
    return DailyPage(page, said["span"] or CYCLE, said["day"], said["kind"])
