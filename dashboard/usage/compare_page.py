"""What the page of a comparison is made of: this cycle of an account against its last ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.usage import compare_charts, phrases
from dashboard.usage.account_page import AccountPage
from dashboard.usage.charts import Chart, Frame
from dashboard.usage.compare_charts import Lane
from dashboard.usage.comparing import Difference, Run, same_kind_before
from dashboard.usage.runs import runs_of
from dashboard.usage.windows import Window

MOST_GREYS = 3


@dataclass(frozen=True)
class Row:
    """A cycle beside this one: what it had used at the same moment, and in all."""

    window: Window
    span: str
    url: str
    source_url: str
    why_url: str
    by_then: int | None
    total: int | None
    difference: Difference | None
    is_read: bool
    days: int
    had_ended: bool

    @property
    def signed(self) -> str:
        """Return the difference with its sign; empty when unknown."""
        return compare_charts.signed(self.difference) if self.difference else ""

    @property
    def percent(self) -> str:
        """Return the difference in per cent of this cycle's base; empty when there is none."""
        return compare_charts.percent(self.difference)


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
        return compare_charts.told(self.this, self.past)

    @cached_property
    def chart(self) -> Chart:
        """The chart of the cycles by day."""
        this = Lane(_("This cycle"), "this", self.this, word=_("so far"))
        return compare_charts.by_day(
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
    def rows(self) -> Sequence[Row]:
        """The cycles beside this one, the newest first."""
        return [self._row(run) for run in self.past]

    def _row(self, run: Run) -> Row:
        newest = self.this.newest
        found = compare_charts.same_moment(self.this, run)
        return Row(
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
        return phrases.span(window, self.page.team.zone, at=self.page.at)

    def _url(self, name: str) -> str:
        return reverse(name, args=[self.page.team.slug, self.page.account.pk])
