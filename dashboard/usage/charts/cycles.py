"""Charts with a column a window: every billing cycle of one kind, and the calendar months."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.lib.renewals import next_month
from dashboard.usage import formatting
from dashboard.usage.charts.chart import Chart, Frame, Series, chart, column, line
from dashboard.usage.models import CalendarMonth, Kind
from dashboard.usage.windows import Window, gaps, months_before, overlapping

MOST_COLUMNS = 60
MONTHS = 12


@dataclass(frozen=True)
class Column:
    """One column: a window, or a gap between two (then it has no numbers and no window)."""

    label: str
    window: Window | None = None

    @property
    def app(self) -> int | None:
        """Return the credits used in the app."""
        return self.window.app_usage if self.window else None

    @property
    def api(self) -> int | None:
        """Return the credits used by API."""
        return self.window.api_usage if self.window else None

    @property
    def included(self) -> int | None:
        """Return the allowance, where it is known."""
        return self.window.included_credits if self.window else None


def cycle_columns(
    windows: Sequence[Window],
    *,
    kind: str,
    frame: Frame,
    link: Callable[[Window], str] | None = None,
) -> Chart:
    """Return the cycles of one kind, oldest first; the other kind has a chart of its own (D8).

    The allowance is drawn where a reading gave it while the cycle ran. A column's link opens it.
    """
    ours = sorted((w for w in windows if w.kind == kind and w.is_sound), key=lambda w: w.start_at)
    columns = _with_gaps(ours, frame=frame)[-MOST_COLUMNS:]
    series = [
        column(_("App"), "app", [one.app for one in columns]),
        column(_("API"), "api", [one.api for one in columns]),
    ]
    series += _allowances(columns, frame=frame)
    return _columns_chart(
        _("Credits used by billing cycle")
        if kind == Kind.STRIPE
        else _("Credits used by calendar cycle (UTC)"),
        columns,
        series,
        frame=frame,
        summary=_told(windows, ours, kind=kind, frame=frame),
        link=link,
        first=_("Cycle"),
    )


def in_mean(windows: Iterable[Window], *, kind: str, at: datetime) -> list[Window]:
    """Return the closed cycles of a kind that may be summed: known, and no day of them shared (D5).

    Windows of the other kind count as well: their credits may be the same ones (D8).
    """
    sound = [one for one in windows if one.is_sound]
    apart = set(sound) - overlapping(sound)
    mine = [one for one in sound if one.kind == kind and one in apart and one.can_be]
    return [one for one in mine if one.end_at <= at and one.used is not None]


def mean_of(windows: Sequence[Window]) -> int | None:
    """Return the mean of their credits, rounded; None where there are none."""
    counts = [one.used for one in windows if one.used is not None]
    return round(sum(counts) / len(counts)) if counts else None


def month_columns(months: Sequence[CalendarMonth], *, frame: Frame) -> Chart:
    """Return the last 12 UTC calendar months and the running one; they are not cycles."""
    stored = {(month.year, month.month): month for month in months}
    starts = _months_to(frame.at, since=min(stored, default=None))
    columns = [_month(start, stored) for start in starts]
    series = [
        column(_("App"), "app", [one.app for one in columns]),
        column(_("API"), "api", [one.api for one in columns]),
    ]
    known = [one.window for one in columns if one.window and one.window.used is not None]
    summary = _("No calendar month has been read yet.")
    if known:
        summary = ngettext(
            "%(used)s credit in %(month)s so far. These are the same credits as in the cycles, "
            "cut where calendar months end: the two are never added.",
            "%(used)s credits in %(month)s so far. These are the same credits as in the cycles, "
            "cut where calendar months end: the two are never added.",
            known[-1].used or 0,
        ) % {
            "used": formatting.number(known[-1].used),
            "month": formatting.month(known[-1].start_at),
        }
    return _columns_chart(
        _("Credits used by calendar month (UTC)"),
        columns,
        series,
        frame=frame,
        summary=summary,
        link=None,
        first=_("Month"),
    )


def _allowances(columns: Sequence[Column], *, frame: Frame) -> list[Series]:
    """Return each cycle's allowance where it is known, and today's beside it where it is not."""
    known = [one.included for one in columns]
    if all(credits is None for credits in known):
        return []
    series = [line(_("Allowance"), "allowance", known, stepped=True)]
    today = [one.included for one in columns if one.window and one.window.runs(at=frame.at)]
    if None in known and today and today[-1] is not None:
        line_of_today = [today[-1]] * len(columns)
        series.append(line(_("Today's allowance"), "allowance", line_of_today, dashed=True))
    return series


def _columns_chart(
    title: str,
    columns: Sequence[Column],
    series: list[dict[str, Any]],
    *,
    frame: Frame,
    summary: str,
    link: Callable[[Window], str] | None,
    first: str,
) -> Chart:
    running = [
        index
        for index, one in enumerate(columns)
        if one.window is not None and one.window.runs(at=frame.at)
    ]
    return chart(
        title,
        frame=frame,
        summary=summary,
        x={
            "type": "category",
            "labels": [one.label for one in columns],
            "short": _short(columns, frame=frame),
        },
        series=series,
        hatched=running,
        links=[link(one.window) if link and one.window else None for one in columns],
        table=_table(columns, series, first=first),
    )


def _short(columns: Sequence[Column], *, frame: Frame) -> list[str]:
    """Return a name for each column that fits below it; a line for the year where one begins."""
    names: list[str] = []
    year = 0
    for one in columns:
        if one.window is None:
            names.append("…")
            continue
        first = one.window.start_at.astimezone(UTC if one.window.is_calendar_month else frame.zone)
        name = date_format(first, "M" if one.window.is_calendar_month else "j M")
        names.append(name if first.year == year else f"{name}\n{first.year}")
        year = first.year
    return names


def _table(
    columns: Sequence[Column], series: list[dict[str, Any]], *, first: str
) -> dict[str, Any]:
    with_allowance = any(one["role"] == "allowance" for one in series)
    head = [first, _("App"), _("API"), _("Used"), *([_("Allowance")] if with_allowance else [])]
    rows = [
        [
            one.label,
            one.app,
            one.api,
            one.window.used if one.window else None,
            *([one.included] if with_allowance else []),
        ]
        for one in reversed(columns)
    ]
    return {"columns": head, "rows": rows}


def _with_gaps(windows: Sequence[Window], *, frame: Frame) -> list[Column]:
    followed = dict(gaps(windows))
    columns: list[Column] = []
    for window in windows:
        columns.append(Column(formatting.span(window, frame.zone, at=frame.at), window))
        if window in followed:
            missing = Window(window.kind, window.end_at, followed[window].start_at)
            span = formatting.span(missing, frame.zone, at=frame.at)
            columns.append(Column(_("%(span)s (not listed)") % {"span": span}))
    return columns


def _told(every: Sequence[Window], ours: Sequence[Window], *, kind: str, frame: Frame) -> str:
    if not ours:
        return _("No cycle has been read yet.")
    closed = in_mean(every, kind=kind, at=frame.at)
    sentences = [_told_running(ours, frame=frame), _told_closed(closed)]
    if shared := overlapping(one for one in every if one.is_sound) & set(ours):
        sentences.append(
            ngettext(
                "%(count)s window shares days with another one; it is in no sum and in no mean.",
                "%(count)s windows share days with others; they are in no sum and in no mean.",
                len(shared),
            )
            % {"count": len(shared)}
        )
    if any(not one.is_sound for one in every):
        sentences.append(_("A window that ends before it starts is left out."))
    return " ".join(sentence for sentence in sentences if sentence)


def _told_running(ours: Sequence[Window], *, frame: Frame) -> str:
    running = [one for one in ours if one.runs(at=frame.at)]
    if not running:
        return ""
    used = running[-1].used
    words = ngettext(
        "The running cycle has used %(used)s credit so far.",
        "The running cycle has used %(used)s credits so far.",
        0 if used is None else used,
    )
    return words % {"used": formatting.number(used)}


def _told_closed(closed: Sequence[Window]) -> str:
    """Return the mean and the most of the cycles that may be summed, and how many these are."""
    if not closed:
        return ""
    return ngettext(
        "%(count)s closed cycle used %(mean)s.",
        "%(count)s closed cycles used %(mean)s on average, %(most)s at most.",
        len(closed),
    ) % {
        "count": len(closed),
        "mean": formatting.number(mean_of(closed)),
        "most": formatting.number(max(one.used or 0 for one in closed)),
    }


def _months_to(at: datetime, *, since: tuple[int, int] | None) -> list[datetime]:
    """Return the starts of the months to show, oldest first: at most 12 and the running one."""
    starts = months_before(at, MONTHS + 1)
    return [start for start in starts if since and (start.year, start.month) >= since]


def _month(start: datetime, stored: dict[tuple[int, int], CalendarMonth]) -> Column:
    found = stored.get((start.year, start.month))
    window = Window(
        Kind.CALENDAR,
        start,
        next_month(start),
        found.app_usage if found else None,
        found.api_usage if found else None,
        asked_at=found.asked_at if found else None,
    )
    return Column(formatting.month(start), window)
