"""Hours and days of an account for pages, from the readings of the range that is asked for.

What it costs depends on the range and not on the length of history: each query finds the start of
its range in an index (`snapshot_account_newest`) and reads on from there. Of old readings those are
kept that say something (`usage.thinning`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import CharField, Max
from django.db.models.functions import Cast, Left

from dashboard.keys.models import Account
from dashboard.usage.history import buckets
from dashboard.usage.history.buckets import HoursAndGaps, longest_step
from dashboard.usage.history.differences import telling
from dashboard.usage.history.loading import closings_of, good_readings, load
from dashboard.usage.history.tallies import TICK
from dashboard.usage.history.values import (
    DAY,
    HOUR,
    ZERO,
    Course,
    Levels,
    Place,
    Reading,
    Span,
    floor_day,
    floor_hour,
)
from dashboard.usage.models import LATE, Cycle
from dashboard.usage.windows import Window

# The UTC hour in which a reading was asked for, as SQLite and PostgreSQL both write a moment:
# "2026-11-18 14".
ASKED_IN = Left(Cast("asked_at", CharField()), 13)
COUNTED = ("asked_at", "kind", "period_start_at", "period_end_at", "app_usage", "api_usage")


def hours(
    account: Account,
    start: datetime,
    end: datetime,
    *,
    hours_from: datetime | None = None,
    cycles: Sequence[Cycle] | None = None,
) -> Course:
    """Return use by the UTC hour in `[start, end)`, whole hours (2 queries, 1 with the cycles).

    Before `hours_from` readings are thinned by days: most of those hours are unknown.
    """
    first = floor_hour(start)
    edges = [first]
    while edges[-1] < end:
        edges.append(edges[-1] + HOUR)
    found = _spans(account, edges, cycles=cycles)
    gaps = tuple(one for one in found.spans.gaps if not _is_thinned(one, hours_from))
    spans = HoursAndGaps(found.spans.hours, gaps)
    return buckets.course(spans, edges, longest=ZERO, read_until=found.read_until)


def days(
    account: Account,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    *,
    hours_from: datetime | None = None,
    window: Window | None = None,
    cycles: Sequence[Cycle] | None = None,
) -> Course:
    """Return use by the day of the zone, whole days, with a part in `[start, end)` (as `hours`).

    With a window, its counters alone. Before `hours_from` the days are UTC days, whatever the zone.
    """
    edges = buckets.day_edges(start, end, zone)
    if hours_from and edges[0] < hours_from:
        last = min(hours_from, floor_day(end - TICK) + DAY)
        edges = _utc_edges(floor_day(start), last) + [edge for edge in edges if edge > hours_from]
    # Midnights that fall in the middle of an hour share it out: it is wanted as a whole.
    cells = sorted({cell for edge in edges for cell in (floor_hour(edge), _ceil_hour(edge))})
    if window and window.counted_after_at and end >= window.end_at:
        cells.append(max(cells[-1], floor_hour(window.counted_after_at) + HOUR))
    found = _spans(account, cells, by_cell=True, cycles=cycles)
    return buckets.course(found.spans, edges, window=window, read_until=found.read_until)


def levels(
    account: Account, windows: Sequence[Window], *, cycles: Sequence[Cycle] | None = None
) -> dict[Place, list[Levels]]:
    """Return what both counters said last in each hour of these windows, in order.

    1 query (2 without the cycles), whatever the number of windows, for each stretch in which they
    follow each other.
    """
    found: dict[Place, list[Levels]] = {Place(one.kind, one.start_at): [] for one in windows}
    for start, end in _stretches(windows):
        rows = good_readings(account).filter(asked_at__gte=start, asked_at__lt=end + LATE)
        hourly = rows.order_by().values("period_start_at", hour=ASKED_IN)
        last = hourly.annotate(last=Max("asked_at")).values("last")
        counted = rows.filter(asked_at__in=last).order_by("asked_at", "pk")
        readings = [
            Reading(*row[:-1])._replace(synced=row[-1])
            for row in counted.values_list(*COUNTED, "synced")
        ]
        read = {one.start_at for one in readings}
        closings = closings_of(account, begin=start, end=end, read=read, cycles=cycles)
        for place, hour, one in buckets.last_of_hours(readings, closings):
            if place in found and hour < end:
                found[place].append(one)
    return found


def _stretches(windows: Sequence[Window]) -> Iterator[tuple[datetime, datetime]]:
    """Return the hours that the windows take up; those that nearly touch are one stretch."""
    ordered = sorted(windows, key=lambda one: one.start_at)
    while ordered:
        start, end = floor_hour(ordered[0].start_at), ordered[0].end_at
        while ordered and ordered[0].start_at <= end + DAY:
            end = max(end, ordered.pop(0).end_at)
        yield start, floor_hour(end - TICK) + HOUR


@dataclass(frozen=True)
class Found:
    """What is known of a range, and the moment of the newest reading before its end."""

    spans: HoursAndGaps
    read_until: datetime | None


def _spans(
    account: Account,
    cells: Sequence[datetime],
    *,
    by_cell: bool = False,
    cycles: Sequence[Cycle] | None,
) -> Found:
    """Return the hours and gaps between the first and the last cell.

    What happened within a cell is added up where no more than its sum is asked for.
    """
    start, end = cells[0], cells[-1]
    source = load(account, begin=start, end=end, cycles=cycles)
    readings = source.readings
    if by_cell:
        readings = telling(readings, source.closings, cells)
    found = buckets.hours_and_gaps(
        readings, source.closings, longest=longest_step(settings.POLL_SECONDS)
    )
    hours = tuple(one for one in found.hours if start <= floor_hour(one.start_at) < end)
    gaps = tuple(one for one in found.gaps if start < one.end_at and one.start_at < end)
    read = max((one.at for one in readings if one.at < end), default=None)
    return Found(HoursAndGaps(hours, gaps), read)


def _is_thinned(gap: Span, hours_from: datetime | None) -> bool:
    """Say whether it lies in a day of which the first and the last reading are kept alone."""
    in_a_day = floor_day(gap.start_at) == floor_day(gap.end_at - TICK)
    return hours_from is not None and gap.end_at <= hours_from and in_a_day


def _ceil_hour(moment: datetime) -> datetime:
    return floor_hour(moment - TICK) + HOUR


def _utc_edges(start: datetime, end: datetime) -> list[datetime]:
    return [start + DAY * number for number in range((end - start) // DAY + 1)]
