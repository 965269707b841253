"""An account's cycles side by side: through us, in RemBG's app, and API use by others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.keys.models import Account
from dashboard.lib.template_tags import since_in_full
from dashboard.overview import cycle_books
from dashboard.overview.cycle_books import Books
from dashboard.overview.statements import Statement, price_of, prices_of, windows_of, written
from dashboard.teams.models import Team
from dashboard.usage import formatting
from dashboard.usage.charts.chart import Chart, Frame, chart, column
from dashboard.usage.charts.cycles import MOST_COLUMNS
from dashboard.usage.models import Kind
from dashboard.usage.windows import Window


@dataclass(frozen=True)
class KindOfCycles:
    """The statements of one kind of cycles, newest first, and their chart."""

    kind: str
    title: str
    statements: Sequence[Statement]
    chart: Chart
    url: str

    @property
    def why_url(self) -> str:
        """Where the newest cycle is explained: the chart's sentence is about it."""
        known = (one for one in self.statements if one.books.upstream is not None)
        newest = next(known, None) or self.statements[0]
        return newest.why_url


@dataclass(frozen=True, eq=False)
class StatementsPage:
    """The statements of one account at a moment; each part is read when it is first used."""

    team: Team
    account: Account
    at: datetime

    @cached_property
    def windows(self) -> list[Window]:
        """The newest cycles of each kind, newest first: those that a chart has room for."""
        every = windows_of(self.account)
        of_kind = ([one for one in every if one.kind == kind] for kind in Kind.values)
        return [window for windows in of_kind for window in windows[:MOST_COLUMNS]]

    @property
    def kinds(self) -> list[str]:
        """The kinds of cycles that the account had; they are never merged (D8)."""
        return list(dict.fromkeys(window.kind for window in self.windows))

    @cached_property
    def statements(self) -> list[Statement]:
        """A statement for each cycle, without its members, keys and tags."""
        prices = prices_of(self.account)
        summed = cycle_books.sums(self.account, self.windows)
        cycles = [(self.account, window) for window in self.windows]
        later = cycle_books.charged_since(cycles, at=self.at)
        return [
            written(self.account, window, books, price_of(prices, window), at=self.at, since=since)
            for window, books, since in zip(self.windows, summed, later, strict=True)
        ]

    @property
    def tables(self) -> list[KindOfCycles]:
        """A table and a chart for each kind."""
        return [
            KindOfCycles(
                kind, str(Kind(kind).label), self.of(kind), self.chart(kind), self.url(kind)
            )
            for kind in self.kinds
        ]

    def of(self, kind: str) -> list[Statement]:
        """Return the statements of one kind, newest first."""
        return [one for one in self.statements if one.window.kind == kind]

    def url(self, kind: str) -> str:
        """Return the address of that kind's chart as `.json`."""
        return reverse("overview:statements_chart", args=[self.team.slug, self.account.pk, kind])

    def chart(self, kind: str) -> Chart:
        """Return the chart of one kind."""
        shown = self.of(kind)[::-1]
        read = [one.window.asked_at for one in shown if one.window.asked_at]
        frame = Frame(self.at, self.team.zone, max(read, default=None))
        return rest_columns(shown, frame=frame, slug=self.team.slug)


def rest_columns(statements: Sequence[Statement], *, frame: Frame, slug: str) -> Chart:
    """Return the cycles of one kind, oldest first, each cut into what is ours and the rest."""
    names = [formatting.span(one.window, frame.zone, at=frame.at) for one in statements]
    books = [one.books for one in statements]
    return chart(
        _("Credits through this dashboard, and the rest"),
        frame=frame,
        summary=_told(statements),
        x={"type": "category", "labels": names, "short": _short(statements, frame=frame)},
        series=[
            column(_("Through this dashboard"), "api", [one.through for one in books]),
            column(_("Outside: RemBG's app"), "app", [one.outside_app for one in books]),
            column(_("Outside: other API use"), "rest", [one.outside_api for one in books]),
        ],
        hatched=[index for index, one in enumerate(statements) if one.is_running],
        links=[
            reverse("overview:statement", args=[slug, one.account.pk, one.window.key])
            for one in statements
        ],
        table=_table(names, statements),
    )


def _short(statements: Sequence[Statement], *, frame: Frame) -> list[str]:
    return [
        formatting.month(one.window.start_at)
        if one.window.is_calendar_month
        else formatting.day(one.window.start_at, frame.zone, at=frame.at)
        for one in statements
    ]


def _table(names: Sequence[str], statements: Sequence[Statement]) -> dict[str, object]:
    head = [
        _("Cycle"),
        _("Through this dashboard"),
        _("RemBG's app"),
        _("Other API use"),
        _("Discrepancy"),
        _("Total counted by RemBG"),
        _("Outcome unknown"),
    ]
    rows = [
        [
            name,
            one.books.through,
            one.books.outside_app,
            one.books.outside_api,
            None if one.books.only_here is None else -one.books.only_here,
            one.books.upstream,
            one.books.unknown,
        ]
        for name, one in zip(names, statements, strict=True)
    ]
    return {"columns": head, "rows": rows[::-1]}


def _told(statements: Sequence[Statement]) -> str:
    known = [one for one in statements if one.books.upstream is not None]
    if not known:
        return _("What RemBG counted in these cycles is unknown.")
    newest, later = known[-1].books, since_in_full(known[-1].since)
    parts = {
        "through": formatting.number(newest.through),
        "total": formatting.number(newest.upstream),
        "app": formatting.number(newest.outside_app),
        "api": formatting.number(newest.outside_api),
    }
    told = _(
        "In the newest cycle %(through)s of %(total)s credits went through this dashboard; outside "
        "it, the app used %(app)s and other programs %(api)s."
    )
    more = _told_more([one.books for one in known])
    return " ".join(filter(None, (told % parts, later, more)))


def _told_more(known: Sequence[Books]) -> str:
    count = sum(1 for one in known if one.only_here)
    if not count:
        return ""
    return ngettext(
        "In %(count)s cycle more was counted here than by RemBG.",
        "In %(count)s cycles more was counted here than by RemBG.",
        count,
    ) % {"count": count}
