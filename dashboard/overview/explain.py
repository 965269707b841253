"""One address family for every number that we computed: its formula, and what stood in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.gateway.models import VirtualKey
from dashboard.gateway.status import standing as key_standing
from dashboard.lib.explanation import Explanation
from dashboard.overview import accounted
from dashboard.overview import budget_explanations as of_removals
from dashboard.overview.month_pages import find as find_month
from dashboard.overview.month_statements import TeamCycles
from dashboard.overview.statement_pages import find
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Team
from dashboard.usage.compare_page import ComparePage
from dashboard.usage.explaining import ahead, compared, cycles, totals, used
from dashboard.usage.forms import ColumnForm
from dashboard.usage.runs import runs_of
from dashboard.usage.standing import standings
from dashboard.usage.views.accounts import page_of, picked
from dashboard.usage.views.compare import side_by_side
from dashboard.usage.views.daily import use_of
from dashboard.usage.windows import chosen

TOTALS = ("spendable", "remaining", "prepaid")


@require_safe
@team_view()
def of_team(request: TeamRequest, team: Team, number: str) -> HttpResponse:
    """Explain a number of the whole team."""
    if number == "by-day":
        return _shown(request, compared.by_day(side_by_side(request, team)))
    if number == "month":
        month = find_month(TeamCycles(team), request.GET.get("month", ""))
        return _shown(request, accounted.month(month, team))
    if number not in TOTALS:
        raise Http404
    found = standings(team, at=timezone.now())
    return _shown(request, totals.team_total(number, found, slug=team.slug))


@require_safe
@team_view()
def of_one(request: TeamRequest, team: Team, number: str, pk: UUID) -> HttpResponse:
    """Explain a number of one account or budget."""
    if number not in EXPLAINED:
        raise Http404
    return _shown(request, EXPLAINED[number](request, team, pk))


def _shown(request: TeamRequest, explanation: Explanation) -> HttpResponse:
    part = "#facts" if request.htmx and not request.htmx.history_restore_request else ""
    context = {"explanation": explanation, "in_panel": bool(part)}
    return render(request, f"overview/explanation.html{part}", context)


def _spendable(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    return totals.spendable(page_of(request, team, pk).standing, slug=team.slug)


def _used(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    return totals.used(page_of(request, team, pk))


def _burn_down(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    page = page_of(request, team, pk)
    if page.window is None:
        raise Http404
    return cycles.burn_down(page, page.window)


def _cycles(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    page = page_of(request, team, pk)
    if not page.kinds:
        raise Http404
    return cycles.cycles(page, picked(request)["kind"] or page.kinds[0])


def _months(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    return cycles.months(page_of(request, team, pk))


def _use(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    form = ColumnForm(request.GET)
    if not form.is_valid():
        raise Http404
    page, column = use_of(request, team, pk), form.cleaned_data["column"]
    if column is None:
        return used.of_stretch(page)
    found = used.of_column(page, datetime.fromtimestamp(column, UTC))
    if found is None:
        raise Http404
    return found


def _same_day(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    key = picked(request)["cycle"]
    # The cycle in the address is the other one; this one is the running, or the newest.
    page = page_of(request, team, pk, picks=False)
    if page.window is None:
        raise Http404
    compare = ComparePage(page, 1)
    if not key:
        return compared.same_day(compare, compare.past[0] if compare.past else None)
    other = chosen(page.windows, key)
    if other is None or other.kind != page.window.kind:
        raise Http404
    [run] = runs_of(page.account, [other], cycles=page.cycles)
    return compared.same_day(compare, run)


def _ahead(request: TeamRequest, team: Team, pk: UUID, *, number: str) -> Explanation:
    return ahead.of_the_future(page_of(request, team, pk, picks=False), number)


def _statement(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    return accounted.statement(find(team, pk, picked(request)["cycle"]), team)


def _budget(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    return of_removals.budget(request.membership, pk, at=timezone.now())


def _virtual_key(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    key = get_object_or_404(VirtualKey.objects.seen_by(request.membership), pk=pk)
    use = key_standing(key, at=timezone.now()).use
    return of_removals.use_of(use.budget, use, slug=team.slug)


EXPLAINED: dict[str, Callable[[TeamRequest, Team, UUID], Explanation]] = {
    "spendable": _spendable,
    "used": _used,
    "burn-down": _burn_down,
    "cycles": _cycles,
    "months": _months,
    "use": _use,
    "same-day": _same_day,
    "statement": _statement,
    "budget": _budget,
    "virtual-key": _virtual_key,
    **{number: partial(_ahead, number=number) for number in ahead.AHEAD},
}
