"""The readings and cycles that a stretch of history is made of, and those beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db.models import CharField, DateTimeField, F, Max, Q, Subquery, Value
from django.db.models import Window as Over
from django.db.models.functions import Cast, Coalesce, Left

from dashboard.keys.models import Account
from dashboard.usage.history import buckets
from dashboard.usage.history.buckets import HoursAndGaps, longest_step
from dashboard.usage.history.differences import settled_kinds, telling
from dashboard.usage.history.tallies import TICK
from dashboard.usage.history.values import (
    DAY,
    HOUR,
    ZERO,
    Closing,
    Course,
    Levels,
    Place,
    Reading,
    Span,
    floor_day,
    floor_hour,
)
from dashboard.usage.models import LATE, Cycle, Snapshot, SnapshotQuerySet
from dashboard.usage.windows import Window

COLUMNS = (
    "asked_at",
    "kind",
    "period_start_at",
    "period_end_at",
    "app_usage",
    "api_usage",
    "included_credits",
    "remaining_included_credits",
    "prepaid_credits",
    "membership",
    "synced",
    "used_included_credits",
)
# A difference needs the readings on both sides of the stretch; a few, as one may be odd.
BESIDE = 8
# Upstream may go on reading a window after its end; nobody looks for its readings beyond this.
READ_ON = timedelta(days=40)
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
OF_WINDOW = ("app_usage", "api_usage")
OF_ACCOUNT = {"prepaid_credits": None, "included_credits": None, "membership": ""}
NAMES = dict(zip(COLUMNS, Reading._fields, strict=True))


@dataclass(frozen=True)
class LoadedReadings:
    """Readings in order, and the windows that upstream listed."""

    readings: list[Reading]
    closings: list[Closing]


def good_readings(account: Account) -> SnapshotQuerySet:
    """Return the readings of an account that tell of a window."""
    return Snapshot.objects.good().filter(account=account).exclude(period_start_at=None)


def load(
    account: Account,
    *,
    begin: datetime,
    end: datetime,
    cycles: Sequence[Cycle] | None = None,
) -> LoadedReadings:
    """Return what happened in `[begin, end)` and just beside it.

    Two queries, one where the cycles are known, whatever the length of history; one more where
    readings lack a number, and one more where a window that was listed was not read here.
    """
    good = good_readings(account)
    before = good.filter(asked_at__lt=begin).order_by("-asked_at")
    after = good.filter(asked_at__gte=end).order_by("asked_at")
    wanted = good.filter(
        asked_at__gte=_eighth(before, BEGINNING), asked_at__lte=_eighth(after, END)
    )
    found = [Reading(*row) for row in wanted.order_by("asked_at", "pk").values_list(*COLUMNS)]
    read = {one.start_at for one in found}
    # A window ends where the next one begins: that may lie beside the stretch too.
    times = [one.at for one in found]
    first, last = min([begin, *times[:1]]), max([end, *times[-1:]])
    closings = closings_of(account, begin=first, end=last, read=read, cycles=cycles)
    found += _farther_back(good, settled_kinds(found, closings), closings, begin)
    found += _farther_on(good, settled_kinds(found, closings), closings, end)
    readings = settled_kinds(found, closings)
    return LoadedReadings(readings, _truly_listed(good, closings, readings))


def closings_of(
    account: Account,
    *,
    begin: datetime | None = None,
    end: datetime | None = None,
    read: Collection[datetime] = (),
    cycles: Iterable[Cycle] | None = None,
) -> list[Closing]:
    """Return the cycles that have a part in `[begin, end)`, with their final counters if closed.

    Those that begin at a moment of `read` are among them. Without the account's cycles, oldest
    first, they are read.
    """
    if cycles is None:
        within = Q(end_at__gt=begin or BEGINNING, start_at__lt=end or END)
        asked = Cycle.objects.filter(within | Q(start_at__in=read), account=account)
        cycles = asked.oldest_first()
    return [
        Closing(
            Place(one.kind, one.start_at),
            one.end_at,
            one.app_usage,
            one.api_usage,
            is_final=one.asked_at >= one.end_at,
            is_told=not one.kind_guessed,
            counted_until=one.counted_until_at,
        )
        for one in cycles
        if (one.end_at > (begin or BEGINNING) and one.start_at < (end or END))
        or one.start_at in read
    ]


def _eighth(readings: SnapshotQuerySet, otherwise: datetime) -> Coalesce:
    moment = readings.values("asked_at")[BESIDE - 1 : BESIDE]
    return Coalesce(Subquery(moment), Value(otherwise), output_field=DateTimeField())


def _farther_back(
    good: SnapshotQuerySet, loaded: list[Reading], closings: Iterable[Closing], begin: datetime
) -> list[Reading]:
    """Return the last known numbers before the stretch where those beside it lack one."""
    before = [one for one in loaded if one.at < begin]
    earlier = good.filter(asked_at__lt=before[0].at if before else begin)
    # A window's readings are no older than it is: so far back, and no farther, is looked for them.
    missing = [
        Q(period_start_at=place.start_at, asked_at__gte=place.start_at - DAY)
        & _of_kind(place)
        & ~Q(**{column: None})
        for place in _windows(loaded, closings)
        if place.start_at < begin
        for column in OF_WINDOW
        if not any(one.place == place and _known(one, column) for one in before)
    ]
    missing += [
        ~Q(**{column: unknown})
        for column, unknown in OF_ACCOUNT.items()
        if not any(getattr(one, NAMES[column]) != unknown for one in before)
    ]
    return _nearest(earlier.newest_first(), missing)


def _farther_on(
    good: SnapshotQuerySet, loaded: list[Reading], closings: Iterable[Closing], end: datetime
) -> list[Reading]:
    """Return the next known numbers after the stretch where those beside it lack one."""
    after = [one for one in loaded if one.at >= end]
    if len(after) < BESIDE:
        return []
    later = good.filter(asked_at__gt=after[-1].at)
    ends = {one.place: one.end_at for one in closings}
    ends |= {one.place: one.end_at for one in loaded if one.end_at}
    lacking = [
        (place, ends.get(place, END - READ_ON), column)
        for place in _windows(loaded, closings)
        if place.start_at < end < ends.get(place, END)
        for column in OF_WINDOW
        if not any(one.place == place and _known(one, column) for one in after)
    ]
    missing = [
        Q(period_start_at=place.start_at, asked_at__lt=over + READ_ON)
        & _of_kind(place)
        & ~Q(**{column: None})
        for place, over, column in lacking
    ]
    # What is unknown to the end of a window is a gap once something is read after it.
    missing += [Q(asked_at__gte=over) for over in {over for _, over, _ in lacking}]
    if not any(one.prepaid is not None for one in after):
        missing.append(~Q(prepaid_credits=None))
    return _nearest(later.order_by("asked_at", "pk"), missing)


def _nearest(ordered: SnapshotQuerySet, missing: Iterable[Q]) -> list[Reading]:
    """Return the first of the readings in which each missing number is known, in one query."""
    nearest = [Q(pk=Subquery(ordered.filter(one).values("pk")[:1])) for one in missing]
    if not nearest:
        return []
    found = Snapshot.objects.filter(reduce(or_, nearest))
    return [Reading(*row) for row in found.values_list(*COLUMNS)]


def _truly_listed(
    good: SnapshotQuerySet, closings: list[Closing], readings: Iterable[Reading]
) -> list[Closing]:
    """Leave out the windows whose readings lie elsewhere: those are not unread."""
    read = {one.place for one in readings}
    unread = [one for one in closings if one.place not in read]
    if not unread:
        return closings
    since = max(min(one.place.start_at for one in unread), BEGINNING + DAY) - DAY
    until = min(max(one.end_at for one in unread), END - READ_ON) + READ_ON
    starts = {one.place.start_at for one in unread}
    elsewhere = good.filter(period_start_at__in=starts, asked_at__gte=since, asked_at__lt=until)
    told = elsewhere.order_by().values_list("kind", "period_start_at", "synced").distinct()
    found = {(start, kind if synced is not None else None) for kind, start, synced in told}
    return [
        one
        for one in closings
        if one.place in read
        or not found & {(one.place.start_at, kind) for kind in (one.place.kind, None)}
    ]


def _windows(loaded: Iterable[Reading], closings: Iterable[Closing]) -> set[Place]:
    return {one.place for one in loaded} | {one.place for one in closings}


def _of_kind(place: Place) -> Q:
    return Q(kind=place.kind) | Q(synced=None)


def _known(reading: Reading, column: str) -> bool:
    return getattr(reading, NAMES[column]) is not None


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
        newest = Over(Max("asked_at"), partition_by=[F("period_start_at"), ASKED_IN])
        counted = rows.annotate(newest=newest).filter(asked_at=F("newest"))
        counted = counted.order_by("asked_at", "pk")
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
