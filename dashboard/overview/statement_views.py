"""Statements of cycles and months, on pages and in files: what was used, by whom, for how much."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.overview import statement_files
from dashboard.overview.forms import MonthForm, StatementsForm
from dashboard.overview.month_statements import MonthStatement, TeamCycles
from dashboard.overview.reconciliation import StatementsPage
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
def cycle_statement(request: TeamRequest, team: Team, pk: UUID, key: str) -> HttpResponse:
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
    return file_answer(
        statement_files.csv_file(found), statement_files.name_of(found, "csv"), statement_files.CSV
    )


@require_safe
@team_view()
def as_xlsx(request: TeamRequest, team: Team, pk: UUID, key: str) -> HttpResponse:
    """Download the statement as a workbook."""
    found = find(team, pk, key)
    return file_answer(
        statement_files.xlsx_file(found),
        statement_files.name_of(found, "xlsx"),
        statement_files.XLSX,
    )


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


@require_safe
@team_view()
def newest_month(request: TeamRequest, team: Team) -> HttpResponse:
    """Lead to the month that was picked, or to the newest that is not ahead."""
    form = MonthForm(request.GET)
    if form.is_valid() and form.cleaned_data["month"]:
        return redirect("overview:month", team.slug, f"{form.cleaned_data['month']:%Y-%m}")
    today = timezone.now().date()
    months = TeamCycles(team).months
    month = next((one for one in months if one <= today), next(iter(months), None))
    if month is None:
        return redirect("overview:statements", team.slug)
    return redirect("overview:month", team.slug, f"{month:%Y-%m}")


@require_safe
@team_view()
def month_statement(request: TeamRequest, team: Team, month: str) -> HttpResponse:
    """Show what all accounts used in the cycles that ended in a month."""
    cycles = TeamCycles(team)
    context = {
        "statement": find_month(cycles, month),
        "name": month,
        "months": cycles.months,
        "may_set": request.membership.may(Role.ADMIN),
    }
    return render(request, "overview/month.html", context)


@require_safe
@team_view()
def month_as_csv(request: TeamRequest, team: Team, month: str) -> HttpResponse:
    """Download every line of the month's statements as CSV."""
    content = statement_files.month_csv(find_month(TeamCycles(team), month))
    return file_answer(content, f"{team.slug} {month}.csv", statement_files.CSV)


@require_safe
@team_view()
def month_as_xlsx(request: TeamRequest, team: Team, month: str) -> HttpResponse:
    """Download the month as a workbook: the sums, and every line."""
    content = statement_files.month_xlsx(find_month(TeamCycles(team), month))
    return file_answer(content, f"{team.slug} {month}.xlsx", statement_files.XLSX)


def find_month(cycles: TeamCycles, name: str) -> MonthStatement:
    """Return the month's statement; raise Http404 for a month in which no cycle ended."""
    found = cycles.statement(month_named(name), at=timezone.now())
    if not found.parts:
        raise Http404
    return found


def month_named(name: str) -> date:
    """Return the first day of a month such as "2026-10"; raise Http404."""
    form = MonthForm({"month": name})
    if not form.is_valid() or not form.cleaned_data["month"]:
        raise Http404
    day: date = form.cleaned_data["month"]
    return day
