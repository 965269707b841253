"""Hours and days of an account for pages: rolled-up rows, and readings for the newest part.

What it costs depends on the range that is asked for and not on the length of history: each query
finds the start of its range in an index (`usagespan_range`, `snapshot_account_newest`) and reads on
from there. Without any roll-up the same figures come from the readings of the range alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from dashboard.keys.models import Account
from dashboard.usage.history import buckets
from dashboard.usage.history.buckets import SHORT_BESIDE_A_DAY, Rolled, longest_step
from dashboard.usage.history.loading import Known, load
from dashboard.usage.history.rows import COLUMNS, levels_of, span_of
from dashboard.usage.history.tallies import TICK, split
from dashboard.usage.history.values import (
    DAY,
    HOUR,
    WHATS,
    ZERO,
    Course,
    Levels,
    Place,
    Span,
    Use,
    floor_day,
    floor_hour,
)
from dashboard.usage.models import RollUp, UsageSpan
from dashboard.usage.windows import Window

UTC_ZONE = ZoneInfo("UTC")
Kept = UsageSpan.Span


def hours(
    account: Account,
    start: datetime,
    end: datetime,
    *,
    window: Window | None = None,
    known: Known | None = None,
) -> Course:
    """Return use by the UTC hour in `[start, end)`, whole hours (4 queries, 2 for what is known).

    With a window, its counters alone. Hours are kept for 13 months; before, each is unknown.
    """
    first = floor_hour(start)
    edges = [first]
    while edges[-1] < end:
        edges.append(edges[-1] + HOUR)
    known = known or Known(_state(account))
    found = _spans(account, first, edges[-1], days_until=None, known=known)
    return buckets.course(
        found.spans, edges, window=window, longest=ZERO, read_until=found.read_until
    )


def days(
    account: Account,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    *,
    window: Window | None = None,
    known: Known | None = None,
) -> Course:
    """Return use by the day of the zone, whole days, with a part in `[start, end)` (as `hours`).

    Where the hours are not kept any more the days are UTC days, whatever the zone.
    """
    edges = buckets.day_edges(start, end, zone)
    known = known or Known(_state(account))
    seam = _days_until(known.state, zone)
    if seam and edges[0] < seam:
        last = min(seam, floor_day(end - TICK) + DAY)
        edges = _utc_edges(floor_day(start), last) + [edge for edge in edges if edge > seam]
    # Midnights that fall in the middle of an hour share it out: it is wanted as a whole.
    first, last = floor_hour(edges[0]), floor_hour(edges[-1] - TICK) + HOUR
    if window and window.counted_after_at and end >= window.end_at:
        last = max(last, floor_hour(window.counted_after_at) + HOUR)
    found = _spans(account, first, last, days_until=seam, known=known)
    return buckets.course(found.spans, edges, window=window, read_until=found.read_until)


def levels(
    account: Account, windows: Sequence[Window], *, days_before: datetime, known: Known
) -> dict[Place, list[Levels]]:
    """Return the last reading of each hour of these windows, in order; of each UTC day before then.

    2 queries, whatever the number of windows, for each stretch in which they follow each other.
    """
    found: dict[Place, list[Levels]] = {Place(one.kind, one.start_at): [] for one in windows}
    seam = known.state.until_at if known.state else None
    days_before = min(days_before, floor_day(seam)) if seam else days_before
    for start, end in _stretches(windows):
        rows = _kept_levels(account, start, min(end, seam), days_before) if seam else []
        if not seam or seam < end:
            begin = max(start, seam) if seam else start
            source = load(account, begin=begin, end=end, cycles=known.cycles)
            fresh = buckets.last_of_hours(source.readings, source.closings)
            rows += [(place, one) for place, hour, one in fresh if begin <= hour < end]
        for place, one in rows:
            if place in found:
                found[place].append(one)
    ends = {Place(one.kind, one.start_at): one.end_at for one in windows}
    return {place: _thinned(rows, days_before, ends[place]) for place, rows in found.items()}


def _stretches(windows: Sequence[Window]) -> Iterator[tuple[datetime, datetime]]:
    """Return the hours that the windows take up; those that nearly touch are one stretch."""
    ordered = sorted(windows, key=lambda one: one.start_at)
    while ordered:
        start, end = floor_hour(ordered[0].start_at), ordered[0].end_at
        while ordered and ordered[0].start_at <= end + DAY:
            end = max(end, ordered.pop(0).end_at)
        yield start, floor_hour(end - TICK) + HOUR


def _kept_levels(
    account: Account, start: datetime, end: datetime, days_before: datetime
) -> list[tuple[Place, Levels]]:
    rows = UsageSpan.objects.filter(account=account, levels__isnull=False, is_after=False)
    hours = rows.filter(span=Kept.HOUR).touching(start=max(start, days_before), end=end)
    days = rows.filter(span=Kept.DAY).touching(start=start, end=min(end, days_before))
    both = hours if start >= days_before else hours.union(days, all=True)
    found = [
        (Place(kind, window), levels_of(doc))
        for kind, window, doc in both.values_list("kind", "window_start_at", "levels")
        if doc
    ]
    return sorted(found, key=lambda one: one[1].at)


def _thinned(rows: Sequence[Levels], days_before: datetime, end: datetime) -> list[Levels]:
    """Return the last of each day before then; one at the window's end is of the day it ends."""
    last: dict[datetime, Levels] = {}
    for one in rows:
        at = min(one.at, end - TICK)
        last[floor_day(at) if at < days_before else one.at] = one
    return list(last.values())


def _state(account: Account) -> RollUp | None:
    return RollUp.objects.filter(account=account).first()


@dataclass(frozen=True)
class Found:
    """What is known of a range, and the moment of the newest reading before its end."""

    spans: Rolled
    read_until: datetime | None


def _spans(
    account: Account,
    start: datetime,
    end: datetime,
    *,
    days_until: datetime | None,
    known: Known,
) -> Found:
    """Return what the rows keep, and after them what the readings say."""
    seam = known.state.until_at if known.state else None
    kept = _kept(account, start, min(end, seam), days_until) if seam and start < seam else Rolled()
    # A gap that begins in the range may end after all that is rolled up: no row holds it yet.
    begin = max(start, seam) if seam else start
    source = load(account, begin=begin, end=max(begin, end), cycles=known.cycles)
    longest = longest_step(settings.POLL_SECONDS)
    fresh = buckets.rolled(source.readings, source.closings, longest=longest)
    hours = [one for one in fresh.hours if begin <= floor_hour(one.start_at) < end]
    unsettled = [one for one in fresh.gaps if begin < one.end_at and one.start_at < end]
    gaps = [part for gap in unsettled for part in _beyond(gap, days_until)]
    spans = Rolled((*kept.hours, *hours), (*kept.gaps, *gaps))
    read = max((one.at for one in source.readings if one.at < end), default=None)
    return Found(spans, read or _newest(kept.hours))


def _kept(account: Account, start: datetime, end: datetime, days_until: datetime | None) -> Rolled:
    """Return the rows of a range, in one query: days until a moment, then hours; and gaps."""
    rows = UsageSpan.objects.filter(account=account)
    fine_from = max(start, days_until) if days_until else start
    wanted = [
        rows.filter(span=Kept.HOUR).touching(start=fine_from, end=end),
        rows.filter(span=Kept.GAP).touching(start=start, end=end),
    ]
    if days_until and start < days_until:
        wanted.append(rows.filter(span=Kept.DAY).touching(start=start, end=days_until))
    first, *others = [each.values_list(*COLUMNS) for each in wanted]
    found: dict[Any, list[Span]] = {name: [] for name in Kept}
    for row in first.union(*others, all=True):
        name, span = span_of(row)
        found[name].append(span)
    gaps = [part for gap in found[Kept.GAP] for part in _beyond(gap, days_until)]
    return Rolled((*found[Kept.DAY], *found[Kept.HOUR]), tuple(gaps))


def _beyond(gap: Span, days_until: datetime | None) -> Iterable[Span]:
    """Return the part of a gap that the kept days do not hold already."""
    last = gap.end_at - TICK
    in_days = gap.length <= SHORT_BESIDE_A_DAY or floor_day(gap.start_at) == floor_day(last)
    if days_until is None or days_until <= gap.start_at or not in_days:
        return [gap]
    if gap.end_at <= days_until:
        return []
    app, api, prepaid = (_later_part(gap, gap.use(what), days_until) for what in WHATS)
    return [replace(gap, start_at=days_until, app=app, api=api, prepaid=prepaid)]


def _later_part(gap: Span, use: Use, seam: datetime) -> Use:
    if use.credits is None:
        return use
    weights = [(seam - gap.start_at) // TICK, (gap.end_at - seam) // TICK]
    share = split(use.credits, weights)[1]
    return Use(share, gap.end_at - seam, use.back, bool(use.credits))


def _days_until(state: RollUp | None, zone: tzinfo) -> datetime | None:
    """Return until when kept UTC days serve: in UTC as far as there are any."""
    if state is None or state.until_at is None:
        return None
    return floor_day(state.until_at) if zone == UTC_ZONE else state.hours_from_at


def _utc_edges(start: datetime, end: datetime) -> list[datetime]:
    return [start + DAY * number for number in range((end - start) // DAY + 1)]


def _newest(hours: Iterable[Span]) -> datetime | None:
    return max((one.levels.at for one in hours if one.levels), default=None)
