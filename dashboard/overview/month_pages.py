"""A month's statement of all accounts, on a page and in files."""

from __future__ import annotations

from datetime import date

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.overview import month_sheets, sheets
from dashboard.overview.forms import MonthForm
from dashboard.overview.month_statements import MonthStatement, TeamCycles
from dashboard.overview.statement_pages import file_answer
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Role, Team


@require_safe
@team_view()
def newest(request: TeamRequest, team: Team) -> HttpResponse:
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
def one(request: TeamRequest, team: Team, month: str) -> HttpResponse:
    """Show what all accounts used in the cycles that ended in a month."""
    cycles = TeamCycles(team)
    context = {
        "statement": find(cycles, month),
        "name": month,
        "months": cycles.months,
        "may_set": request.membership.may(Role.ADMIN),
    }
    return render(request, "overview/month.html", context)


@require_safe
@team_view()
def as_csv(request: TeamRequest, team: Team, month: str) -> HttpResponse:
    """Download every line of the month's statements as CSV."""
    content = month_sheets.csv_file(find(TeamCycles(team), month))
    return file_answer(content, f"{team.slug} {month}.csv", sheets.CSV)


@require_safe
@team_view()
def as_xlsx(request: TeamRequest, team: Team, month: str) -> HttpResponse:
    """Download the month as a workbook: the sums, and every line."""
    content = month_sheets.xlsx_file(find(TeamCycles(team), month))
    return file_answer(content, f"{team.slug} {month}.xlsx", sheets.XLSX)


def find(cycles: TeamCycles, name: str) -> MonthStatement:
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
