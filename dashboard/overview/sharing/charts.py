"""The charts that a link can open: how each is drawn, and its formula in plain words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboard.overview.models import Share
from dashboard.usage.charts.chart import Chart
from dashboard.usage.explain import compare, cycles, used
from dashboard.usage.pages.account import AccountPage
from dashboard.usage.pages.compare import ComparePage
from dashboard.usage.pages.days import DailyPage

Shows = Share.Shows
LAST_CYCLES = 3


@dataclass(frozen=True)
class Shared:
    """A chart of an account, of which some window was read, and what its numbers come from."""

    draw: Callable[[AccountPage], Chart]
    words: Callable[[], str]


CHARTS = {
    Shows.THIS_CYCLE: Shared(lambda page: page.burn_down, cycles.lines_in_words),
    Shows.DAYS: Shared(lambda page: DailyPage(page, "30").chart, used.columns_in_words),
    Shows.COMPARED: Shared(
        lambda page: ComparePage(page, LAST_CYCLES).chart, compare.same_day_in_words
    ),
    Shows.CYCLES: Shared(lambda page: page.cycles_chart(page.kinds[0]), cycles.columns_in_words),
    Shows.MONTHS: Shared(lambda page: page.months_chart, cycles.months_in_words),
}


def chart_of(share: Share, page: AccountPage) -> Chart | None:
    """Return the chart, without links into the house; None while nothing was read."""
    if page.window is None:
        return None
    return {**CHARTS[Shows(share.shows)].draw(page), "links": []}


def formula_of(share: Share) -> str:
    """Return the plain formula of the chart: of where its numbers come from that is all told."""
    return CHARTS[Shows(share.shows)].words()
