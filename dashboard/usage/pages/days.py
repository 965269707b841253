"""Use by the day and by the hour: which day did the credits go?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Team
from dashboard.usage import formatting
from dashboard.usage.charts.chart import Chart, Frame
from dashboard.usage.charts.days import Ask, Bar, bars_of, use_chart
from dashboard.usage.forms import SpanForm
from dashboard.usage.history import queries
from dashboard.usage.history.values import HOUR, Course
from dashboard.usage.models import Kind
from dashboard.usage.pages.account import AccountPage, page_of
from dashboard.usage.polling.thinning import hours_from
from dashboard.usage.windows import sharing

CYCLE, HOURS = "cycle", "48"
DAYS = {"30": 30, "90": 90}
DAY = timedelta(days=1)
A_DAY = timedelta(hours=23)


@dataclass(frozen=True)
class Way:
    """A stretch that can be picked."""

    label: str
    url: str
    is_chosen: bool


@dataclass(frozen=True, eq=False)
class DailyPage:
    """Use of an account over a stretch; a day that was picked goes before `span`."""

    page: AccountPage
    span: str = CYCLE
    day: date | None = None
    kind: str = ""

    @property
    def by_hour(self) -> bool:
        """Say whether the columns are hours."""
        return self.day is not None or self.span == HOURS

    @cached_property
    def found(self) -> Course:
        """The history of the stretch."""
        account, team, at = self.page.account, self.page.team, self.page.at
        since, cycles = hours_from(at), self.page.cycles
        if self.day:
            ends = self._ends_of_day(self.day)
            return queries.hours(account, *ends, hours_from=since, cycles=cycles)
        if self.span == HOURS:
            return queries.hours(account, at - 47 * HOUR, at, hours_from=since, cycles=cycles)
        if self.span in DAYS:
            start = at - (DAYS[self.span] - 1) * DAY
            days = start, at, team.zone
            return queries.days(account, *days, hours_from=since, cycles=cycles)
        window = self.page.window
        if window is None:
            return Course(at, at)
        until = min(max(at, window.start_at + HOUR), window.end_at)
        days = window.start_at, until, team.zone
        return queries.days(account, *days, hours_from=since, window=window, cycles=cycles)

    def _ends_of_day(self, day: date) -> tuple[datetime, datetime]:
        zone = self.page.team.zone
        start = datetime.combine(day, time(), zone)
        return start, datetime.combine(day + DAY, time(), zone)

    @property
    def kinds(self) -> list[str]:
        """The kinds of windows in the stretch; they are never added (D8)."""
        return list(self.found.series)

    @property
    def shown_kind(self) -> str:
        """The kind that is shown: the one picked, the window's, or the first."""
        window = self.page.window
        wanted = self.kind or (window.kind if window else Kind.STRIPE)
        return wanted if wanted in self.kinds or not self.kinds else self.kinds[0]

    @property
    def ask(self) -> Ask:
        """What is drawn."""
        page = self.page
        frame = Frame(page.at, page.team.zone, self.found.read_until, stale=page.standing.stale)
        link = None if self.by_hour else self._url_of_day
        every = timedelta(seconds=settings.POLL_SECONDS)
        kind = self.shown_kind
        return Ask(self.title, kind, self.by_hour, frame, every, link, self._shared)

    @cached_property
    def chart(self) -> Chart:
        """The chart of the stretch."""
        return use_chart(self.found, self.ask)

    @cached_property
    def bars(self) -> list[Bar]:
        """The columns, oldest first."""
        return bars_of(self.found, self.ask)

    @property
    def lines(self) -> list[tuple[list[str | int | None], str]]:
        """The rows of the chart's table, each with where its number is explained."""
        columns = {bar.label: self.why_url(bar.bucket.start_at) for bar in self.bars}
        # What stands in no column is explained with the stretch.
        stretch = self.why_url()
        return [(row, columns.get(row[0], stretch)) for row in self.chart["table"]["rows"]]

    def why_url(self, start: datetime | None = None) -> str:
        """Return where the stretch is explained, or the column that begins at a moment."""
        picked = {"cycle": self.page.picked} if self.page.picked else {}
        day = {"day": self.day.isoformat()} if self.day else {}
        column = {"column": str(int(start.timestamp()))} if start else {}
        query = {**picked, "span": self.span, **day, "kind": self.shown_kind, **column}
        return f"{self._root}?{urlencode(query)}"

    @cached_property
    def _root(self) -> str:
        return self.page.explained("use")

    @property
    def _shared(self) -> frozenset[datetime]:
        """The starts of windows that may not be added to others of their kind (D5)."""
        if self.day is None and self.span == CYCLE:
            return frozenset()
        kind = self.shown_kind
        return frozenset(one.start_at for one in sharing(self.page.windows, kind))

    @property
    def title(self) -> str:
        """What the chart shows, with its stretch."""
        page = self.page
        if self.day:
            start, _end = self._ends_of_day(self.day)
            day = formatting.day(start, page.team.zone, at=page.at)
            return _("Credits used by the hour, %(day)s") % {"day": day}
        if self.span == HOURS:
            return _("Credits used by the hour, 48 hours")
        if self.span in DAYS:
            return _("Credits used by the day, %(count)s days") % {"count": DAYS[self.span]}
        if not page.span:
            return _("Credits used by the day")
        return _("Credits used by the day, %(span)s") % {"span": page.span}

    @property
    def ways(self) -> list[Way]:
        """The stretches to pick from."""
        now = self.page.shows_now
        cycle = _("This cycle") if now else _("The cycle")
        labels = {CYCLE: cycle, "30": _("30 days"), "90": _("90 days"), HOURS: _("48 hours")}
        return [
            Way(label, self._url(span=span), self.day is None and self.span == span)
            for span, label in labels.items()
            if span != CYCLE or self.page.window
        ]

    @property
    def kind_ways(self) -> list[Way]:
        """The kinds of windows to pick from, where there are several."""
        if len(self.kinds) < 2:
            return []
        day = {"day": self.day.isoformat()} if self.day else {}
        return [
            Way(
                str(Kind(kind).label),
                self._url(span=self.span, kind=kind, **day),
                kind == self.shown_kind,
            )
            for kind in self.kinds
        ]

    @property
    def neighbours(self) -> list[Way]:
        """The days before and after the one that is shown."""
        if self.day is None:
            return []
        today = self.page.at.astimezone(self.page.team.zone).date()
        before = Way(_("Day before"), self._url_of(self.day - DAY), False)
        after = Way(_("Day after"), self._url_of(self.day + DAY), False)
        return [before, after] if self.day < today else [before]

    @property
    def back_url(self) -> str:
        """The days that the hours were opened from."""
        return self._url(span=self.span)

    @property
    def json_url(self) -> str:
        """The address of the chart's `.json`."""
        day = {"day": self.day.isoformat()} if self.day else {}
        kind = {"kind": self.kind} if self.kind else {}
        return self._url("usage:days_json", span=self.span, **day, **kind)

    def _url_of_day(self, moment: datetime) -> str:
        # Where days are UTC days their middle lies in the day that they are called.
        return self._url_of((moment + A_DAY / 2).astimezone(self.page.team.zone).date())

    def _url_of(self, day: date) -> str:
        return self._url(span=self.span, day=day.isoformat())

    def _url(self, name: str = "usage:days", **query: str) -> str:
        page = self.page
        picked = {"cycle": page.picked} if page.picked else {}
        where = reverse(name, args=[page.team.slug, page.account.pk])
        return f"{where}?{urlencode({**picked, **query})}"


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
