"""One address family for every number that we computed: its formula, and what stood in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.gateway.models import VirtualKey
from dashboard.gateway.standing import standing as key_standing
from dashboard.lib.explanation import Explanation
from dashboard.removals import explaining as of_removals
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Membership, Team
from dashboard.usage import explaining as of_usage
from dashboard.usage.account_page import AccountPage
from dashboard.usage.compare_page import ComparePage
from dashboard.usage.standing import Standing, standing, standings
from dashboard.usage.views.compare import side_by_side

TOTALS = ("spendable", "remaining", "prepaid")


@require_safe
@team_view()
def of_team(request: TeamRequest, team: Team, number: str) -> HttpResponse:
    """Explain a number of the whole team."""
    if number == "by-day":
        return _shown(request, of_usage.by_day(side_by_side(request, team)))
    if number not in TOTALS:
        raise Http404
    found = standings(team, at=timezone.now())
    return _shown(request, of_usage.team_total(number, found, slug=team.slug))


@require_safe
@team_view()
def of_one(request: TeamRequest, team: Team, number: str, pk: UUID) -> HttpResponse:
    """Explain a number of one account or budget."""
    if number not in EXPLAINED:
        raise Http404
    return _shown(request, EXPLAINED[number](request.membership, pk, timezone.now()))


def _shown(request: TeamRequest, explanation: Explanation) -> HttpResponse:
    part = "#facts" if request.htmx and not request.htmx.history_restore_request else ""
    return render(request, f"overview/explanation.html{part}", {"explanation": explanation})


def _standing(membership: Membership, pk: UUID, at: datetime) -> Standing:
    accounts = membership.team.accounts.select_related("same_as")
    return standing(get_object_or_404(accounts, pk=pk), at=at)


def _spendable(membership: Membership, pk: UUID, at: datetime) -> Explanation:
    return of_usage.spendable(_standing(membership, pk, at), slug=membership.team.slug)


def _used(membership: Membership, pk: UUID, at: datetime) -> Explanation:
    return of_usage.used(_standing(membership, pk, at), slug=membership.team.slug)


def _same_day(membership: Membership, pk: UUID, at: datetime) -> Explanation:
    team = membership.team
    account = get_object_or_404(team.accounts.select_related("same_as"), pk=pk)
    page = ComparePage(AccountPage(account, team, at), 1)
    if page.window is None:
        raise Http404
    return of_usage.same_day(page)


def _budget(membership: Membership, pk: UUID, at: datetime) -> Explanation:
    return of_removals.budget(membership, pk, at=at)


def _virtual_key(membership: Membership, pk: UUID, at: datetime) -> Explanation:
    key = get_object_or_404(VirtualKey.objects.seen_by(membership), pk=pk)
    use = key_standing(key, at=at).use
    return of_removals.use_of(use.budget, use, slug=membership.team.slug)


EXPLAINED: dict[str, Callable[[Membership, UUID, datetime], Explanation]] = {
    "spendable": _spendable,
    "used": _used,
    "same-day": _same_day,
    "budget": _budget,
    "virtual-key": _virtual_key,
}
