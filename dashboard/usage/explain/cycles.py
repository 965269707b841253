"""How the lines and means of an account's charts come about: pace, mean cycle, months."""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils.translation import gettext as _

from dashboard.lib.explanation import Explanation, Operand
from dashboard.rembg.usage import used_of
from dashboard.usage import formatting
from dashboard.usage.charts.cycles import in_mean, mean_of
from dashboard.usage.pages.account import AccountPage
from dashboard.usage.windows import Window


def burn_down(page: AccountPage, window: Window) -> Explanation:
    """Explain the lines of the chart of one window."""
    allowance, left = _allowance(page), _left(page)
    pace = _pace(window, allowance, at=page.at)
    as_of = page.standing.as_of if page.shows_now else window.asked_at
    operands = [
        Operand(_("Included credits left"), left, page.source_url, as_of),
        Operand(_("Allowance"), allowance, page.source_url, as_of),
        Operand(_("Used"), page.standing.used if page.shows_now else window.used, page.used_url),
    ]
    if page.shows_now:
        operands.append(Operand(_("Even pace: left by now"), pace))
        operands.append(Operand(_("Forecast"), None, page.explained("at-renewal"), said=_ahead()))
    return Explanation(
        _("Included credits left, %(span)s") % {"span": page.span},
        lines_in_words(),
        None,
        tuple(operands),
        _kept(page),
        has_result=False,
    )


def lines_in_words() -> str:
    """Return the plain formula of each line of that chart."""
    return _(
        "Included credits left: at each reading as RemBG says, or the allowance − app and API use "
        "where it does not, never below 0. Even pace: the allowance × the time left ÷ the length "
        "of the cycle, a straight line to 0 at the renewal and no forecast. Forecast: the middle "
        "of up to 256 futures put together from the days of this team, and the range that leaves "
        "out one in ten at either end."
    )


def columns_in_words() -> str:
    """Return the plain formula of the columns, and of the mean cycle."""
    return _(
        "Each column: credits used in the app + by API of that window, as RemBG counted them. On "
        "average: the sum over the closed cycles ÷ their number, rounded; those whose counters "
        "are unknown, and those that share days with another window, are left out."
    )


def months_in_words() -> str:
    """Return the plain formula of the calendar months."""
    return _(
        "Credits used in the app + by API of a UTC calendar month, as RemBG counts months. "
        "They are the same credits as in the cycles, cut elsewhere: the two are never added."
    )


def cycles(page: AccountPage, kind: str) -> Explanation:
    """Explain the columns of the cycles of a kind, and their mean."""
    ours = [one for one in page.windows if one.kind == kind and one.is_sound]
    closed = in_mean(page.windows, kind=kind, at=page.at)
    return Explanation(
        _("Credits of a closed cycle, on average: %(account)s") % {"account": page.account.label},
        columns_in_words(),
        mean_of(closed),
        tuple(_cycle(page, one, is_in=one in closed) for one in reversed(ours)),
    )


def months(page: AccountPage) -> Explanation:
    """Explain the columns of the calendar months."""
    return Explanation(
        _("Credits by calendar month (UTC): %(account)s") % {"account": page.account.label},
        months_in_words(),
        None,
        tuple(
            Operand(
                formatting.month(datetime(one.year, one.month, 1, tzinfo=UTC)),
                used_of(one.app_usage, one.api_usage, None),
                page.reading_url(one.snapshot_id),
                one.asked_at,
            )
            for one in reversed(page.months)
        ),
        has_result=False,
    )


def _cycle(page: AccountPage, window: Window, *, is_in: bool) -> Operand:
    note = "" if is_in else _why_not_in(page, window)
    span = formatting.span(window, page.team.zone, at=page.at)
    return Operand(span, window.used, page.reading_url(window.source), window.asked_at, note)


def _why_not_in(page: AccountPage, window: Window) -> str:
    if window.end_at > page.at:
        return _("running, not in the mean")
    if window.used is None:
        return _("not in the mean")
    if not window.can_be:
        return _("its dates cannot be right, not in the mean")
    return _("shares days with another window, not in the mean")


def _allowance(page: AccountPage) -> int | None:
    if page.shows_now:
        return page.standing.included
    known = [point.included for point in page.course.points if point.included is not None]
    return known[-1] if known else page.window.included_credits if page.window else None


def _left(page: AccountPage) -> int | None:
    if page.shows_now:
        return page.standing.remaining
    allowance = _allowance(page)
    if allowance is None or page.window is None or page.window.used is None:
        return None
    return max(0, allowance - page.window.used)


def _pace(window: Window, allowance: int | None, *, at: datetime) -> int | None:
    if allowance is None:
        return None
    return round(allowance * ((window.end_at - at) / (window.end_at - window.start_at)))


def _ahead() -> str:
    return _("to the renewal, with its range")


def _kept(page: AccountPage) -> str:
    if page.shows_now or page.course.points:
        return _(
            "All readings are kept for 40 days, then the first and the last of each hour, after 13 "
            "months of each day; the course is drawn of those that are left."
        )
    return _("Nobody read this cycle while it ran, so its course is not known.")
