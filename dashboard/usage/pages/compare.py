"""Cycles beside each other, by the day of the cycle: of one account, and of several."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Team
from dashboard.usage import formatting
from dashboard.usage.charts import compare
from dashboard.usage.charts.chart import Chart, Frame
from dashboard.usage.charts.compare import Lane
from dashboard.usage.cycle_runs import (
    CycleDifference,
    Run,
    common_moment,
    day_at,
    runs_of,
    same_kind_before,
)
from dashboard.usage.forms import AccountsForm, CompareForm
from dashboard.usage.pages.account import AccountPage, page_of
from dashboard.usage.standing import Standing, standings
from dashboard.usage.windows import Window

MOST_GREYS = 3


@dataclass(frozen=True)
class ComparedRow:
    """A cycle beside this one: what it had used at the same moment, and in all."""

    window: Window
    span: str
    url: str
    source_url: str
    why_url: str
    by_then: int | None
    total: int | None
    difference: CycleDifference | None
    is_read: bool
    days: int
    had_ended: bool

    @property
    def signed(self) -> str:
        """Return the difference with its sign; empty when unknown."""
        return compare.signed(self.difference) if self.difference else ""

    @property
    def percent(self) -> str:
        """Return the difference in per cent of this cycle's base; empty when there is none."""
        return compare.percent(self.difference)


@dataclass(frozen=True, eq=False)
class ComparePage:
    """This cycle against the last ones of its kind; each part is read when it is first used."""

    page: AccountPage
    last: int

    @property
    def window(self) -> Window | None:
        """The cycle that is compared: the running one, or the newest."""
        return self.page.window

    @cached_property
    def this(self) -> Run:
        """The run of that cycle."""
        return self._runs[0]

    @property
    def past(self) -> list[Run]:
        """The runs of the last cycles of the same kind, the newest first."""
        return self._runs[1:]

    @cached_property
    def _runs(self) -> list[Run]:
        assert self.window is not None
        earlier = same_kind_before(self.page.windows, self.window, most=self.last)
        return runs_of(self.page.account, [self.window, *earlier], cycles=self.page.cycles)

    @property
    def left_out(self) -> bool:
        """Say whether there are cycles of the other kind: the two are never compared (D8)."""
        return len(self.page.kinds) > 1

    @property
    def sentence(self) -> str:
        """The page's answer."""
        return compare.told(self.this, self.past)

    @cached_property
    def chart(self) -> Chart:
        """The chart of the cycles by day."""
        this = Lane(_("This cycle"), "this", self.this, word=_("so far"))
        return compare.by_day(
            _("Credits used since the renewal, by day of the cycle"),
            [this, *self._earlier()],
            frame=Frame(
                self.page.at,
                self.page.team.zone,
                self.as_of,
                stale=self.page.standing.stale,
            ),
            summary=self.sentence,
            base=self.past[0] if self.past else None,
        )

    @property
    def as_of(self) -> datetime | None:
        """When the newest credits were read."""
        if self.page.shows_now:
            return self.page.standing.as_of
        return self.window.asked_at if self.window else None

    @property
    def chart_url(self) -> str:
        """The address of the chart's `.json`."""
        return f"{self._url('usage:compare_json')}?last={self.last}"

    @property
    def why_url(self) -> str:
        """The address that explains the difference."""
        return self.page.explained("same-day")

    @property
    def day(self) -> int | None:
        """The number of the day that is compared."""
        return self.this.day

    @property
    def rows(self) -> Sequence[ComparedRow]:
        """The cycles beside this one, the newest first."""
        return [self._row(run) for run in self.past]

    def _row(self, run: Run) -> ComparedRow:
        newest = self.this.newest
        found = compare.same_moment(self.this, run)
        return ComparedRow(
            run.window,
            self._span(run.window),
            self.page.link(run.window),
            self.page.reading_url(run.window.source),
            self.page.explained("same-day", cycle=run.window.key),
            found.base if found else run.by(newest.after) if newest else None,
            run.final,
            found,
            run.is_read,
            run.days,
            bool(newest and self.this.final is None and newest.after > run.length),
        )

    def _earlier(self) -> list[Lane]:
        return [
            Lane(self._span(run.window), f"last-{min(index, MOST_GREYS)}", run, index > 1)
            for index, run in enumerate(self.past, start=1)
        ]

    def _span(self, window: Window) -> str:
        return formatting.span(window, self.page.team.zone, at=self.page.at)

    def _url(self, name: str) -> str:
        return reverse(name, args=[self.page.team.slug, self.page.account.pk])


# More lines than this cannot be told apart.
MOST = 6


@dataclass(frozen=True)
class Side:
    """One account: where it stands, and its running cycle's run."""

    standing: Standing
    run: Run
    span: str
    url: str
    source_url: str
    by_then: int | None = None

    @property
    def day(self) -> int | None:
        """Return the number of the day it is on."""
        return self.run.day


@dataclass(frozen=True, eq=False)
class SideBySide:
    """The chosen accounts of a team, by default the first by name; nothing is added up."""

    team: Team
    at: datetime
    wanted: Collection[UUID] = field(default_factory=tuple)

    @cached_property
    def standings(self) -> list[Standing]:
        """Every account of which a running cycle is known; a twin waits to be decided (D14)."""
        found = standings(self.team, at=self.at)
        return [one for one in found if one.is_counted and one.renews_in_days is not None]

    @property
    def chosen(self) -> list[Standing]:
        """The accounts that are compared."""
        wanted = [one for one in self.standings if one.account_id in self.wanted]
        return (wanted or self.standings)[:MOST]

    @property
    def cut(self) -> bool:
        """Say whether more accounts were asked for, or there, than can be shown."""
        wanted = [one for one in self.standings if one.account_id in self.wanted]
        return len(wanted or self.standings) > MOST

    @cached_property
    def runs(self) -> list[Run]:
        """The runs of their cycles (2 queries, and 1 for each)."""
        chosen = [one.account_id for one in self.chosen]
        accounts = self.team.accounts.prefetch_related("cycles").in_bulk(chosen)
        found: list[Run] = []
        for one in self.chosen:
            if one.window:
                account = accounts[one.account_id]
                found += runs_of(account, [one.window], cycles=list(account.cycles.all()))
        return found

    @cached_property
    def moment(self) -> timedelta | None:
        """How long after its renewal the least far one is: all have come so far."""
        return common_moment(self.runs)

    @property
    def day(self) -> int | None:
        """The day of that moment."""
        return None if self.moment is None else day_at(self.moment)

    @cached_property
    def sides(self) -> Sequence[Side]:
        """The accounts with their runs."""
        return [self._side(*pair) for pair in zip(self.chosen, self.runs, strict=True)]

    @property
    def sentence(self) -> str:
        """The page's answer: the same day of each."""
        if self.day is None:
            return _("How far each account is in its cycle is not known yet.")
        said = [
            _("%(account)s %(used)s")
            % {"account": side.standing.label, "used": formatting.number(side.by_then)}
            for side in self.sides
        ]
        words = _("Credits used by day %(day)s, the last that all have reached: %(said)s.")
        return words % {"day": self.day, "said": ", ".join(said)}

    @cached_property
    def chart(self) -> Chart:
        """The chart of the accounts by day of the cycle."""
        ages = [one.as_of for one in self.chosen if one.as_of]
        stale = any(one.stale for one in self.chosen)
        return compare.by_day(
            _("Credits used since each account's renewal, by day of the cycle"),
            [self._lane(*one) for one in enumerate(self.sides, start=1)],
            frame=Frame(self.at, self.team.zone, min(ages, default=None), stale=stale),
            summary=self.sentence,
        )

    @property
    def chart_url(self) -> str:
        """The address of the chart's `.json`."""
        return self._with_choice(reverse("usage:compare_accounts_json", args=[self.team.slug]))

    @property
    def why_url(self) -> str:
        """Where the sentence is explained."""
        return self._with_choice(reverse("overview:explain", args=[self.team.slug, "by-day"]))

    def _with_choice(self, address: str) -> str:
        return f"{address}?{urlencode([('account', str(pk)) for pk in sorted(self.wanted)])}"

    def _lane(self, number: int, side: Side) -> Lane:
        label = side.standing.label
        now = _("%(account)s now") % {"account": label}
        return Lane(label, f"account-{number}", side.run, word=now)

    def _side(self, one: Standing, run: Run) -> Side:
        slug = self.team.slug
        return Side(
            one,
            run,
            formatting.span(run.window, self.team.zone, at=self.at),
            reverse("usage:compare", args=[slug, one.account_id]),
            reverse("usage:reading", args=[slug, one.account_id, one.source]),
            run.by(self.moment) if self.moment is not None else None,
        )


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
