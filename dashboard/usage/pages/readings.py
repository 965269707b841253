"""Where a number comes from: the readings of an account, each as it came."""

from __future__ import annotations

import json
from uuid import UUID

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from dashboard.keys.wording import explain_question
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Role, Team
from dashboard.usage.models import Snapshot
from dashboard.usage.reading_notes import problem_sentences

A_PAGE = 25


@require_safe
@team_view()
def index(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """List the account's readings, newest first."""
    account = get_object_or_404(team.accounts, pk=pk)
    found = account.snapshots.select_related("api_key").defer("raw").newest_first()
    page = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    part = "#list" if request.htmx and not request.htmx.history_restore_request else ""
    context = {"account": account, "page": page}
    return render(request, f"usage/readings.html{part}", context)


@require_safe
@team_view()
def reading(request: TeamRequest, team: Team, pk: UUID, reading: UUID) -> HttpResponse:
    """Show one reading: the call, the moment, the status; the raw answer to admins only."""
    account = get_object_or_404(team.accounts, pk=pk)
    found = get_object_or_404(account.snapshots.select_related("api_key"), pk=reading)
    context = {
        "account": account,
        "reading": found,
        "refusal": explain_question(found.error) if found.status and found.error else None,
        "problems": problem_sentences(found.problems),
        "raw": pretty(found) if request.membership.may(Role.ADMIN) else None,
    }
    part = "#facts" if request.htmx and not request.htmx.history_restore_request else ""
    return render(request, f"usage/reading.html{part}", context)


def pretty(reading: Snapshot) -> str:
    """Return the raw answer, indented when it is JSON; text that was cut stays as it is."""
    try:
        return json.dumps(json.loads(reading.raw), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return reading.raw
