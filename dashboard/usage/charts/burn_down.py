"""The chart of a cycle's included credits: how they fell, and how they may go on to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.usage import forecast_text, formatting
from dashboard.usage.charts.chart import MOST_MARKS, Chart, Frame, chart, line
from dashboard.usage.forecast import Step, Verdict
from dashboard.usage.history import window_readings
from dashboard.usage.history.values import Mark
from dashboard.usage.history.window_readings import Point, WindowReadings
from dashboard.usage.models import Kind
from dashboard.usage.standing import Standing
from dashboard.usage.windows import Window


def burn_down(
    window: Window,
    read: WindowReadings,
    *,
    frame: Frame,
    standing: Standing | None = None,
    steps: Sequence[Step] = (),
) -> Chart:
    """Return the included credits left over one window; `standing` only for the running one.

    Readings more than six hours apart (two days, where only days are kept) are not joined. Before
    the first reading the course is not known: a dashed line only joins the start of the window,
    where nothing was used yet, to it.
    """
    points = read.points
    thin = replace(read, points=tuple(window_readings.thinned(points)))
    known = _allowance(window, points)
    series = [line(_("Included credits left"), "left", _left(window, thin))]
    if before := _before(window, read):
        series.append(line(_("Not read day by day"), "left", before, dashed=True))
    if known:
        pace = [_dot(window.start_at, known[-1][1]), _dot(window.end_at, 0)]
        series.append(line(_("Even pace"), "pace", pace, dashed=True))
        allowance = [_dot(at, credits) for at, credits in known]
        allowance.append(_dot(window.end_at, known[-1][1]))
        series.append(line(_("Allowance"), "allowance", allowance, stepped=True))
    series += forecast_text.chart_series(steps)
    table = _days(window, points, frame=frame)
    table["rows"] += forecast_text.table_rows(steps, frame.zone, at=frame.at)
    return chart(
        _("Included credits left, %(span)s")
        % {"span": formatting.span(window, frame.zone, at=frame.at)},
        frame=frame,
        summary=_told(window, points, standing=standing, frame=frame),
        x={
            "type": "time",
            "min": window.start_at.isoformat(),
            "max": window.end_at.isoformat(),
        },
        series=series,
        marks=_marks(window, read, frame=frame),
        table=table,
    )


def _dot(at: datetime, credits: int | None) -> dict[str, Any]:
    return {"x": at.isoformat(), "y": credits}


def _left(window: Window, read: WindowReadings) -> list[dict[str, Any]]:
    points = read.points
    dots: list[dict[str, Any]] = []
    for index, point in enumerate(points):
        before = points[index - 1] if index else None
        if before and point.at - before.at > read.gap:
            dots.append(_dot(before.at + (point.at - before.at) / 2, None))
        dots.append(_dot(point.at, point.left))
    closing = _closing(window, points)
    if closing is not None and points:
        if window.end_at - points[-1].at > read.gap:
            dots.append(_dot(points[-1].at + (window.end_at - points[-1].at) / 2, None))
        dots.append(_dot(window.end_at, closing))
    return dots


def _closing(window: Window, points: Sequence[Point]) -> int | None:
    """Return the credits left at the end of a window that was read again after its end."""
    known = _allowance(window, points)
    if not window.is_closed or window.used is None or not known:
        return None
    return max(0, known[-1][1] - window.used)


def _before(window: Window, read: WindowReadings) -> list[dict[str, Any]]:
    points = read.points
    if not points or points[0].left is None or points[0].included is None:
        return []
    if points[0].at - window.start_at <= read.gap:
        return []
    return [_dot(window.start_at, points[0].included), _dot(points[0].at, points[0].left)]


def _allowance(window: Window, points: Sequence[Point]) -> list[tuple[datetime, int]]:
    """Return since when which allowance held, oldest first; empty when it is not known."""
    steps: list[tuple[datetime, int]] = []
    for point in points:
        if point.included is not None and (not steps or steps[-1][1] != point.included):
            steps.append((point.at if steps else window.start_at, point.included))
    if not steps and window.included_credits is not None:
        steps = [(window.start_at, window.included_credits)]
    return steps


def _marks(window: Window, read: WindowReadings, *, frame: Frame) -> list[dict[str, str]]:
    happened = [
        {
            "x": mark.at.isoformat(),
            "label": _label(mark),
            "role": mark.role,
            "when": formatting.clock(mark.at, frame.zone, at=frame.at),
        }
        for mark in read.marks[-MOST_MARKS:]
    ]
    running = window.is_now(at=frame.at)
    label = _("Renews %(day)s") if running else _("Renewed %(day)s")
    renewal = {
        "x": window.end_at.isoformat(),
        "label": label % {"day": frame.day(window.end_at)},
        "role": "renewal",
    }
    now = {"x": frame.at.isoformat(), "label": _("Now"), "role": "now"}
    return [*happened, renewal, *([now] if running else [])]


def _label(mark: Mark) -> str:
    sizes = {"before": _said(mark.before), "after": _said(mark.after)}
    if mark.role == "gap":
        return _("No readings")
    if mark.role == "switch":
        return _switch(mark)
    if mark.role == "correction":
        return _("RemBG corrected usage: %(before)s → %(after)s") % sizes
    if mark.what == "prepaid":
        return _("Top-up: +%(count)s prepaid") % {"count": formatting.number(_grown(mark))}
    if mark.what == "plan":
        return _("Plan: %(before)s → %(after)s") % sizes
    return _("Allowance: %(before)s → %(after)s") % sizes


def _said(one: int | str | None) -> str:
    return one if isinstance(one, str) else formatting.number(one)


def _grown(mark: Mark) -> int | None:
    before, after = mark.before, mark.after
    return after - before if isinstance(before, int) and isinstance(after, int) else None


def _switch(mark: Mark) -> str:
    if mark.after == Kind.CALENDAR:
        return _("RemBG counts by calendar month")
    return _("RemBG is in step with Stripe")


def _told(
    window: Window, points: Sequence[Point], *, standing: Standing | None, frame: Frame
) -> str:
    """Return the one sentence under the chart."""
    if standing is None or not window.is_now(at=frame.at):
        return _told_past(window, points)
    if standing.used is None:
        return _("How many credits this cycle has used is unknown.")
    days = standing.renews_in_days or 0
    base = ngettext(
        "%(used)s of %(of)s credits used with %(days)s day to go",
        "%(used)s of %(of)s credits used with %(days)s days to go",
        days,
    ) % {
        "used": formatting.number(standing.used),
        "of": formatting.number(standing.included),
        "days": days,
    }
    return f"{base}. {_told_ahead(standing, frame=frame)}".strip()


def _told_ahead(standing: Standing, *, frame: Frame) -> str:
    if standing.remaining == 0:
        return _("The included credits are used up.")
    found = standing.outlook
    one = found.included if found else None
    ahead = forecast_text.when(one, frame.zone, at=frame.at) if one else ""
    parts = [
        _("Lasts until renewal: %(word)s") % {"word": forecast_text.word(found, one)},
        forecast_text.undecided(standing, one, standing.remaining),
        _("the included credits run out %(when)s") % {"when": ahead} if ahead else "",
    ]
    told = f"{'; '.join(part for part in parts if part)}."
    return " ".join(part for part in (told, _told_end(standing)) if part)


def _told_end(standing: Standing) -> str:
    """Say what is left at the renewal, where the included credits last."""
    found = standing.outlook
    left = forecast_text.left_at_end(standing.included, found)
    if left is None or found is None or found.verdict != Verdict.YES:
        return ""
    words = _("It is to end with %(least)s to %(most)s left, most likely %(median)s.")
    return words % {
        "least": formatting.number(max(0, left.low)),
        "most": formatting.number(max(0, left.high)),
        "median": formatting.number(max(0, left.median)),
    }


def _told_past(window: Window, points: Sequence[Point]) -> str:
    parts = {
        "used": formatting.number(window.used),
        "app": formatting.number(window.app_usage),
        "api": formatting.number(window.api_usage),
    }
    known = _allowance(window, points)
    words = ngettext(
        "This cycle used %(used)s credit: %(app)s in the app and %(api)s by API.",
        "This cycle used %(used)s credits: %(app)s in the app and %(api)s by API.",
        2 if window.used is None else window.used,
    )
    total = words % parts
    if known and window.used is not None:
        total = _(
            "This cycle used %(used)s of %(of)s credits: %(app)s in the app and %(api)s by API."
        ) % {**parts, "of": formatting.number(known[-1][1])}
    if points:
        return total
    return f"{_('Nobody read this cycle while it ran, so its course is not known.')} {total}"


def _days(window: Window, points: Sequence[Point], *, frame: Frame) -> dict[str, Any]:
    """Return the last reading of each UTC day, or the totals where there was none."""
    rows: list[list[str | int | None]] = [
        [
            formatting.clock(point.at, frame.zone, at=frame.at),
            point.left,
            point.used,
            point.app,
            point.api,
            point.prepaid,
        ]
        for point in window_readings.last_of_each_day(points)
    ]
    if not rows:
        span = formatting.span(window, frame.zone, at=frame.at)
        rows = [[span, None, window.used, window.app_usage, window.api_usage, None]]
    return {
        "columns": [
            _("Last reading of the day"),
            _("Included left"),
            _("Used"),
            _("App"),
            _("API"),
            _("Prepaid"),
        ],
        "rows": rows,
    }
