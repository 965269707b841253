"""One address family for every number that we computed: its formula, and what stood in it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from uuid import UUID

from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.gateway.models import VirtualKey
from dashboard.gateway.status import standing as key_standing
from dashboard.lib.explanation import Explanation, Operand
from dashboard.lib.template_tags import since_in_full, since_in_short
from dashboard.overview import cycle_books
from dashboard.overview.month_statements import MonthPart, MonthStatement, TeamCycles
from dashboard.overview.statement_views import find, find_month
from dashboard.overview.statements import Statement
from dashboard.removals.budgets import FIELDS, BudgetUse, uses
from dashboard.removals.models import Budget, Charged, Removal, Subject
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Membership, Team
from dashboard.usage import formatting
from dashboard.usage.cycle_runs import runs_of
from dashboard.usage.explain import compare, cycles, forecast, totals, used
from dashboard.usage.forms import ColumnForm
from dashboard.usage.pages.account import page_of, picked
from dashboard.usage.pages.compare import ComparePage, side_by_side
from dashboard.usage.pages.days import use_of
from dashboard.usage.standing import standings
from dashboard.usage.windows import chosen

TOTALS = ("spendable", "remaining", "prepaid")


@require_safe
@team_view()
def of_team(request: TeamRequest, team: Team, number: str) -> HttpResponse:
    """Explain a number of the whole team."""
    if number == "by-day":
        return _shown(request, compare.by_day(side_by_side(request, team)))
    if number == "month":
        month = find_month(TeamCycles(team), request.GET.get("month", ""))
        return _shown(request, explain_month(month, team))
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
    comparison = ComparePage(page, 1)
    if not key:
        return compare.same_day(comparison, comparison.past[0] if comparison.past else None)
    other = chosen(page.windows, key)
    if other is None or other.kind != page.window.kind:
        raise Http404
    [run] = runs_of(page.account, [other], cycles=page.cycles)
    return compare.same_day(comparison, run)


def _ahead(request: TeamRequest, team: Team, pk: UUID, *, number: str) -> Explanation:
    return forecast.of_the_future(page_of(request, team, pk, picks=False), number)


def _statement(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    return explain_statement(find(team, pk, picked(request)["cycle"]), team)


def _budget(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    return explain_budget(request.membership, pk, at=timezone.now())


def _virtual_key(request: TeamRequest, team: Team, pk: UUID) -> Explanation:
    key = get_object_or_404(VirtualKey.objects.seen_by(request.membership), pk=pk)
    use = key_standing(key, at=timezone.now()).use
    return explain_budget_use(use.budget, use, slug=team.slug)


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
    **{number: partial(_ahead, number=number) for number in forecast.AHEAD},
}


def explain_statement(found: Statement, team: Team) -> Explanation:
    """Explain the credits of a cycle, their parts, and the money."""
    span = formatting.span(found.window, team.zone, at=found.at)
    unknown = _("What is unknown is not counted as 0: it leaves its part and the total unknown.")
    return Explanation(
        _("Statement of %(account)s, %(span)s") % {"account": found.account.label, "span": span},
        _(
            "Counted by RemBG = credits used in its app + by API. Through this dashboard: one "
            "credit for each removal that cost one, by when it was sent; members, virtual keys and "
            "tags are the same removals, grouped. Other API use = RemBG's API counter − through "
            "this dashboard, at least 0; what we count beyond it is a line of its own. Money = "
            "credits × price, rounded half up, once, at the total; lines are rounded so that they "
            "add up to it."
        ),
        found.books.upstream,
        (*_counters(found, team), *_parts(found, team), *_money(found, team)),
        f"{unknown} {since_in_full(found.since)}".rstrip(),
    )


def explain_month(found: MonthStatement, team: Team) -> Explanation:
    """Explain what the cycles of a month make together, each with its own statement."""
    note, credits = _("What is unknown is not counted as 0: it is left out."), found.total.credits
    if found.undecided:
        note += " " + _("An account that may be the same as another one waits for a decision.")
    bound = _("at least %(credits)s") % {"credits": formatting.number(credits)}
    return Explanation(
        _("All accounts, %(month)s") % {"month": date_format(found.month, "F Y")},
        _(
            "The sum over the cycles whose last second lies in this month (UTC), of every account. "
            "Members, virtual keys and tags, and the money of each currency, are the sums of the "
            "same statements' lines."
        ),
        credits,
        tuple(_cycle(part, team) for part in found.parts),
        f"{note} {since_in_full(found.since)}".rstrip(),
        said=bound if found.is_lower_bound and credits is not None else "",
    )


def _cycle(part: MonthPart, team: Team) -> Operand:
    one = part.statement
    span = formatting.span(one.window, team.zone, at=one.at)
    left_out = _("not added: %(why)s") % {"why": part.left_out} if part.left_out else ""
    note = ", ".join(filter(None, (since_in_short(one.since), left_out)))
    label = f"{one.account.label}, {span}"
    return Operand(label, one.books.upstream, one.why_url, one.window.asked_at, note)


def _counters(found: Statement, team: Team) -> tuple[Operand, ...]:
    window, source, later = found.window, "", since_in_short(found.since)
    if window.source:
        source = reverse("usage:reading", args=[team.slug, found.account.pk, window.source])
    return (
        Operand(_("RemBG's app"), window.app_usage, source, window.asked_at),
        Operand(_("RemBG's API counter"), window.api_usage, source, window.asked_at, later),
    )


def _parts(found: Statement, team: Team) -> tuple[Operand, ...]:
    books, window = found.books, found.window
    removals = reverse("removals:index", args=[team.slug])
    ends = {
        "start": formatting.clock(window.start_at, team.zone, at=found.at),
        "end": formatting.clock(cycle_books.read_until(window), team.zone, at=found.at),
    }
    sent = _("sent from %(start)s to before %(end)s") % ends
    parts = [
        Operand(_("Through this dashboard"), books.through, removals, window.asked_at, sent),
        Operand(_("Other API use"), books.outside_api),
    ]
    if books.only_here:
        parts.append(Operand(_("Counted here, not by RemBG"), books.only_here))
    if books.unknown:
        note = _("not added; each may be part of the other API use")
        url = f"{removals}?state=unknown"
        parts.append(Operand(_("Removals with an unknown outcome"), books.unknown, url, note=note))
    return tuple(parts)


def _money(found: Statement, team: Team) -> tuple[Operand, ...]:
    prices = reverse("overview:prices", args=[team.slug])
    if found.price is None:
        said = _("none held when the cycle began")
        return (Operand(_("Price of a credit"), None, prices, said=said),)
    note = _("the one that held when the cycle began")
    price = Operand(_("Price of a credit"), None, prices, note=note, said=str(found.price))
    return price, Operand(_("Amount"), None, said=found.total.said or _("unknown"))


def explain_budget(membership: Membership, pk: UUID, *, at: datetime) -> Explanation:
    """Explain the use of a budget that this person may see; raise Http404."""
    found = get_object_or_404(Budget.objects.seen_by(membership), pk=pk)
    return explain_budget_use(found, uses([found], at=at)[0], slug=membership.team.slug)


def explain_budget_use(found: Budget, use: BudgetUse, *, slug: str) -> Explanation:
    """Explain the use of a budget."""
    certain, open_ = _counted(use)
    url = reverse("removals:index", args=[slug])
    return Explanation(
        _("Budget of %(name)s, this cycle") % {"name": found.name},
        _(
            "One credit for each picture taken in the cycle that has cost one, may have, or still "
            "may: it is reserved before the picture is sent, and given back when it certainly "
            "cost nothing."
        ),
        use.taken,
        (
            Operand(_("Pictures that cost a credit"), certain, url),
            Operand(_("On their way, or with an unknown outcome"), open_, f"{url}?state=unknown"),
        ),
        _("Only what went through this dashboard counts: RemBG's own counters hold the rest too."),
    )


def _counted(use: BudgetUse) -> tuple[int, int]:
    """Return how many removals certainly cost a credit, and how many others are counted."""
    mine = Q(**{FIELDS[Subject(use.budget.kind)]: use.budget.subject}, team=use.budget.team_id)
    period = use.period
    counting = Removal.objects.counting(since=period.start_at, until=period.end_at).filter(mine)
    counts = counting.aggregate(
        every=Count("pk"), certain=Count("pk", filter=Q(charged=Charged.YES))
    )
    return counts["certain"], counts["every"] - counts["certain"]
