"""Statements on pages and in files: what each cycle used, by whom, and what it cost."""

from __future__ import annotations

from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.overview import sheets
from dashboard.overview.forms import StatementsForm
from dashboard.overview.reconciled import StatementsPage
from dashboard.overview.statements import Statement, accounts_with_cycles, statement, windows_of
from dashboard.removals.downloads import HEADERS, disposition
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Role, Team
from dashboard.usage.windows import chosen


@require_safe
@team_view()
def index(request: TeamRequest, team: Team) -> HttpResponse:
    """Show an account's cycles: through us, outside, and the money."""
    accounts = accounts_with_cycles(team)
    form = StatementsForm(request.GET, accounts=accounts)
    page = StatementsPage(team, form.chosen, timezone.now()) if form.chosen else None
    context = {
        "form": form,
        "accounts": accounts,
        "page": page,
        "may_set": request.membership.may(Role.ADMIN),
    }
    return render(request, "overview/statements.html", context)


@require_safe
@team_view()
def chart(request: TeamRequest, team: Team, pk: UUID, kind: str) -> HttpResponse:
    """Answer the chart of an account's cycles of one kind."""
    account = next((one for one in accounts_with_cycles(team) if one.pk == pk), None)
    if account is None:
        raise Http404
    page = StatementsPage(team, account, timezone.now())
    if kind not in page.kinds:
        raise Http404
    return JsonResponse(page.chart(kind))


@require_safe
@team_view()
def one(request: TeamRequest, team: Team, pk: UUID, key: str) -> HttpResponse:
    """Show the statement of one cycle."""
    context = {
        "statement": find(team, pk, key),
        "key": key,
        "may_set": request.membership.may(Role.ADMIN),
    }
    return render(request, "overview/statement.html", context)


@require_safe
@team_view()
def as_csv(request: TeamRequest, team: Team, pk: UUID, key: str) -> HttpResponse:
    """Download the statement as CSV."""
    found = find(team, pk, key)
    return file_answer(sheets.csv_file(found), sheets.name_of(found, "csv"), sheets.CSV)


@require_safe
@team_view()
def as_xlsx(request: TeamRequest, team: Team, pk: UUID, key: str) -> HttpResponse:
    """Download the statement as a workbook."""
    found = find(team, pk, key)
    return file_answer(sheets.xlsx_file(found), sheets.name_of(found, "xlsx"), sheets.XLSX)


def find(team: Team, pk: UUID, key: str) -> Statement:
    """Return the statement of the team's account and cycle of this name; raise Http404."""
    account = next((one for one in accounts_with_cycles(team) if one.pk == pk), None)
    window = chosen(windows_of(account), key) if account else None
    if account is None or window is None:
        raise Http404
    return statement(account, window, at=timezone.now())


def file_answer(content: bytes, name: str, content_type: str) -> HttpResponse:
    """Answer a file to be saved under a name."""
    response = HttpResponse(content, content_type=content_type, headers=HEADERS)
    response["Content-Disposition"] = disposition(name, attached=True)
    return response
