"""Use by the day or the hour as a chart: columns where it is known, gaps with their sum."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.usage import formatting
from dashboard.usage.charts.chart import MOST_MARKS, Chart, Frame, chart, column
from dashboard.usage.history.values import Bucket, Course, Mark, Span
from dashboard.usage.models import Kind

# Shares of a stretch are cut to microseconds; so little is not missing.
NEARLY = timedelta(seconds=1)
# Polls are jittered, and one may fail: where readings around a border are so many polls apart, what
# is shared out over it is called an estimate.
FAR_APART = 2.5


@dataclass(frozen=True)
class Ask:
    """What to draw: use of one kind of windows, by the hour or by the day, under a title.

    `shared` are the starts of windows that overlap others of their kind: where several windows
    are shown their totals are not added (D5).
    """

    title: str
    kind: str
    by_hour: bool
    frame: Frame
    every: timedelta
    link: Callable[[datetime], str] | None = None
    shared: frozenset[datetime] = frozenset()


@dataclass(frozen=True)
class Bar:
    """A column: its bucket, its names, and what a reader has to know of it."""

    bucket: Bucket
    label: str
    short: str
    note: str
    runs: bool

    @property
    def is_partial(self) -> bool:
        """Say whether its number is an estimate, or only a part."""
        return not self.runs and self.bucket.used is not None and bool(self.note)

    @property
    def back(self) -> int:
        """Return the credits that RemBG took back: they lessen no use, but the total."""
        return self.bucket.app.back + self.bucket.api.back


def use_chart(found: Course, ask: Ask) -> Chart:
    """Return app and API credits in stacked columns; what is unknown has no column."""
    frame = ask.frame
    bars = bars_of(found, ask)
    gaps = gaps_of(found, ask.kind)
    held = [one for one in gaps if found.holds(one)]
    return chart(
        ask.title,
        frame=frame,
        summary=_told(bars, held, found.after, ask),
        x={
            "type": "category",
            "labels": [one.label for one in bars],
            "short": [one.short for one in bars],
        },
        series=[
            column(_("App"), "app", [one.bucket.app.credits for one in bars]),
            column(_("API"), "api", [one.bucket.api.credits for one in bars]),
        ],
        marks=_marks(found, gaps, bars, ask),
        hatched=[index for index, one in enumerate(bars) if one.runs],
        pale=[index for index, one in enumerate(bars) if one.is_partial],
        notes=[one.note or None for one in bars],
        links=[ask.link(one.bucket.start_at) if ask.link else None for one in bars],
        table=_table(bars, held, found.after, ask),
    )


def gaps_of(found: Course, kind: str) -> list[Span]:
    """Return the stretches between readings whose use stands in no column."""
    return [one for one in found.gaps if one.place.kind == kind and not one.is_of_balance]


def bars_of(found: Course, ask: Ask) -> list[Bar]:
    """Return the columns, oldest first, with their names and what a reader has to know."""
    buckets = [one for one in found.series.get(ask.kind, ()) if one.start_at < ask.frame.at]
    labels = [_label(one, ask) for one in buckets]
    twice = {label for label, count in Counter(labels).items() if count > 1}
    bars: list[Bar] = []
    for one, label in zip(buckets, labels, strict=True):
        local = one.start_at.astimezone(ask.frame.zone)
        # An hour that the clock shows twice is told apart by its distance from UTC.
        name = f"{label} ({local:%z})" if label in twice else label
        runs = one.start_at <= ask.frame.at < one.end_at
        short = _short(local, ask, is_first=not bars)
        bars.append(Bar(one, name, short, _note(one, ask, runs=runs), runs))
    return bars


def _label(one: Bucket, ask: Ask) -> str:
    zone, at = ask.frame.zone, ask.frame.at
    if ask.by_hour:
        return formatting.clock(one.start_at, zone, at=at)
    weekday = date_format(one.start_at.astimezone(zone), "D")
    return f"{weekday} {formatting.day(one.start_at, zone, at=at)}"


def _short(local: datetime, ask: Ask, *, is_first: bool) -> str:
    """Return what stands below a column; the first hour says its day, for it is never left out."""
    day = str(date_format(local, "j M"))
    if not ask.by_hour:
        return day
    return f"{local:%H:%M}\n{day}" if is_first or local.hour == 0 else f"{local:%H:%M}"


def _note(one: Bucket, ask: Ask, *, runs: bool) -> str:
    if runs:
        return _("still running")
    if one.overlaps:
        return _("unknown: two windows of RemBG overlap")
    if one.used is None:
        known = one.app.credits is not None or one.api.credits is not None
        return _("unknown in part: RemBG did not say") if known else _("unknown: not read")
    if one.expected - min(one.app.known_for, one.api.known_for) > NEARLY:
        return _("at least: not read all the time")
    if one.shared > FAR_APART * ask.every:
        return _("in part an estimate: shared out between two readings")
    return ""


def _marks(
    found: Course, gaps: Sequence[Span], bars: Sequence[Bar], ask: Ask
) -> list[dict[str, str]]:
    happened: list[tuple[datetime, str, str]] = [
        (one.at, one.role, label) for one in found.marks if (label := _event(one))
    ]
    happened += [(one.start_at, "gap", _gap(one)) for one in gaps if one.start_at < ask.frame.at]
    by_start = {one.start_at: one for one in gaps}
    marks = []
    for at, role, label in sorted(happened)[-MOST_MARKS:]:
        gap = by_start[at] if role == "gap" else None
        at = max(at, bars[0].bucket.start_at) if bars else at
        under = [one.label for one in bars if one.bucket.start_at <= at < one.bucket.end_at]
        if under:
            when = formatting.clock(at, ask.frame.zone, at=ask.frame.at)
            mark = {"x": under[0], "label": label, "role": role, "when": when}
            marks.append({**mark, **_stretch(gap, bars)} if gap else mark)
    return marks


def _stretch(gap: Span, bars: Sequence[Bar]) -> dict[str, str]:
    """Return to which column a gap goes, and its sum, for where there is no room for words."""
    last = [one.label for one in bars if one.bucket.start_at < gap.end_at][-1]
    return {"to": last, "short": formatting.number(_sum(gap))}


def _event(mark: Mark) -> str:
    before, after = mark.before, mark.after
    if mark.role == "renewal":
        return _("Renewal")
    if mark.role == "switch":
        calendar = after == Kind.CALENDAR
        return _("By calendar month") if calendar else _("In step with Stripe")
    if mark.role == "plan" and mark.what == "plan":
        return _("Plan: %(after)s") % {"after": after}
    if not isinstance(before, int) or not isinstance(after, int):
        return ""
    if mark.role == "topup":
        return _("Top-up: +%(count)s") % {"count": formatting.number(after - before)}
    if mark.role == "correction":
        return _("Corrected: −%(count)s") % {"count": formatting.number(before - after)}
    return _("Allowance: %(after)s") % {"after": formatting.number(after)}


def _sum(gap: Span) -> int | None:
    if gap.app.credits is None or gap.api.credits is None:
        return None
    return gap.app.credits + gap.api.credits


def _gap(gap: Span) -> str:
    credits = _sum(gap)
    if credits is None:
        return _("Not read")
    return _("Not read: %(credits)s in %(length)s") % {
        "credits": formatting.number(credits),
        "length": formatting.duration(gap.length),
    }


def _told(bars: Sequence[Bar], gaps: Sequence[Span], after: Span | None, ask: Ask) -> str:
    """Return what the columns say together, and what is missing from them."""
    apart = [one for one in gaps if one.place.start_at not in ask.shared]
    between = sum(credits for one in apart if (credits := _sum(one)) is not None)
    told = [_told_used(bars, between), *_missing(bars, ask)]
    if after and _sum(after):
        words = _("%(credits)s more were counted after its renewal, which RemBG learnt of late.")
        told.append(words % {"credits": formatting.number(_sum(after))})
    if len(apart) < len(gaps):
        told.append(_("What windows of RemBG used that overlap is not added."))
    return " ".join(told)


def _told_used(bars: Sequence[Bar], between: int) -> str:
    known = [(one.bucket.used, one) for one in bars if one.bucket.used is not None]
    if not known and not between:
        return _("Nothing is known of this time: nobody read the account.")
    gaps = {"credits": formatting.number(between)}
    if not known:
        words = _("%(credits)s credits were used between readings too far apart to say when.")
        return words % gaps
    used = sum(credits for credits, _bar in known)
    most, top = max(known, key=lambda pair: pair[0])
    told = _("No credits were used in the time that was read.")
    if used:
        told = ngettext(
            "%(used)s credit used; most, %(most)s, on %(when)s.",
            "%(used)s credits used; most, %(most)s, on %(when)s.",
            used,
        ) % {
            "used": formatting.number(used),
            "most": formatting.number(most),
            "when": top.label,
        }
    more = _("%(credits)s more were used between readings too far apart to say when.")
    return f"{told} {more % gaps}" if between else told


def _missing(bars: Sequence[Bar], ask: Ask) -> list[str]:
    told = []
    unknown = sum(one.bucket.used is None for one in bars)
    if 0 < unknown < len(bars):
        words = (
            ngettext("%(count)s hour is unknown.", "%(count)s hours are unknown.", unknown)
            if ask.by_hour
            else ngettext("%(count)s day is unknown.", "%(count)s days are unknown.", unknown)
        )
        told.append(words % {"count": unknown})
    if any(one.is_partial for one in bars):
        told.append(_("Pale columns are in part estimates, or not all of it was read."))
    return told


def _table(
    bars: Sequence[Bar], gaps: Sequence[Span], after: Span | None, ask: Ask
) -> dict[str, Any]:
    """Return the columns, and what stands in none of them so that rows add up, newest first."""
    first = _("Hour") if ask.by_hour else _("Day")
    rows: list[tuple[datetime, list[str | int | None]]] = [
        (
            one.bucket.start_at,
            [one.label, one.bucket.app.credits, one.bucket.api.credits, one.bucket.used, one.note],
        )
        for one in bars
    ]
    rows += [(one.bucket.start_at, _back_row(one)) for one in bars if one.back]
    rows += [(one.start_at, _gap_row(one, ask)) for one in gaps]
    rows += [(after.start_at, _after_row(after, ask))] if after else []
    rows.sort(key=lambda pair: pair[0], reverse=True)
    columns = [first, _("App"), _("API"), _("Used"), _("Note")]
    return {"columns": columns, "rows": [row for _at, row in rows]}


def _back_row(bar: Bar) -> list[str | int | None]:
    app, api = bar.bucket.app.back, bar.bucket.api.back
    return [bar.label, -app, -api, -bar.back, _("RemBG corrected its counters")]


def _after_row(after: Span, ask: Ask) -> list[str | int | None]:
    end = formatting.clock(after.start_at, ask.frame.zone, at=ask.frame.at)
    app, api = ((use.credits or 0) - use.back for use in (after.app, after.api))
    note = _("counted after its renewal: RemBG learnt of it late")
    return [_("After %(end)s") % {"end": end}, app, api, app + api, note]


def _gap_row(gap: Span, ask: Ask) -> list[str | int | None]:
    zone, at = ask.frame.zone, ask.frame.at
    ends = [formatting.clock(moment, zone, at=at) for moment in (gap.start_at, gap.end_at)]
    if gap.place.start_at in ask.shared:
        note = _("not added, as its window overlaps another: %(credits)s")
        note %= {"credits": formatting.number(_sum(gap))}
        return [
            " – ".join(ends),
            None,
            None,
            None,
            note % {"credits": formatting.number(_sum(gap))},
        ]
    note = _("between readings too far apart to say when")
    return [" – ".join(ends), gap.app.credits, gap.api.credits, _sum(gap), note]
