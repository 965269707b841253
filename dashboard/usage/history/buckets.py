"""Hours, days and gaps from differences; bucketed once in UTC, days of a zone out of the hours.

Credits are known between two readings. Where these are near to each other, the credits are shared
out over the hours that they touch, in whole credits, by time, and that is said. Where they are far
apart it is a gap: its credits are known for the stretch as a whole, and in no hour. A gap that
lies in one day, or is short beside one, counts in days.

A zone's days are made of UTC hours, so that no figure changes when readings are thinned. Where a
midnight falls in the middle of an hour (Asia/Kolkata, Australia/Lord_Howe), that hour's credits
are shared out over both days by time, and that is said too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from dashboard.usage.history import differences as differing
from dashboard.usage.history.differences import Difference, ReadWindow, marks
from dashboard.usage.history.tallies import (
    TICK,
    Tallies,
    Tally,
    cells_between,
    hour_cells,
    split,
)
from dashboard.usage.history.values import (
    COUNTERS,
    HOUR,
    NOTHING,
    WHATS,
    ZERO,
    Bucket,
    Closing,
    Course,
    Levels,
    Place,
    Reading,
    Span,
    Use,
)
from dashboard.usage.windows import Window

# So far apart may two readings be on both sides of a midnight and still be shared out over it.
SHORT_BESIDE_A_DAY = timedelta(hours=6)
POLLS_TOGETHER = 4


class Part(NamedTuple):
    """A window up to its end, or what was counted in it after its end (D16)."""

    place: Place
    is_after: bool


@dataclass(frozen=True)
class HoursAndGaps:
    """Hours with what is known of them, and the gaps between readings, each in order."""

    hours: tuple[Span, ...] = ()
    gaps: tuple[Span, ...] = ()


def longest_step(poll_seconds: int) -> timedelta:
    """Return how far readings may be apart without a gap: four polls; an hour at least."""
    together = timedelta(seconds=poll_seconds * POLLS_TOGETHER)
    return min(SHORT_BESIDE_A_DAY, max(HOUR, together))


def hours_and_gaps(
    readings: Iterable[Reading], closings: Iterable[Closing] = (), *, longest: timedelta = HOUR
) -> HoursAndGaps:
    """Return the hours and gaps of an account's good readings and listed windows.

    Readings further apart than `longest` leave a gap. Late ones may stand anywhere (D6).
    """
    listed = list(closings)
    ordered = differing.settled_kinds(readings, listed)
    windows = differing.read_windows(ordered, listed)
    found = list(differing.differences(windows, ordered))
    by_place = {window.place: window for window in windows}
    hours: Tallies[Part] = Tallies(hour_cells)
    _tally_differences(hours, found, longest, by_place)
    _tally_readings(hours, windows)
    for mark, place in marks(ordered, found).items():
        ending = mark.role in ("correction", "topup") and mark.at != place.start_at
        tally = hours.moment(_part(by_place, place, mark.at - TICK), mark.at, ending=ending)
        if tally:
            tally.marks.append(mark)
    latest = ordered[-1].at if ordered else None
    return HoursAndGaps(
        tuple(_within(span, by_place.get(span.place), latest) for span in _spans(hours)),
        tuple(_gaps(found, longest, by_place)),
    )


def last_of_hours(
    readings: Iterable[Reading], closings: Iterable[Closing]
) -> list[tuple[Place, datetime, Levels]]:
    """Return what the last reading in each hour of a window said, in the order of windows."""
    listed = list(closings)
    hours: Tallies[Part] = Tallies(hour_cells)
    _tally_readings(
        hours, differing.read_windows(differing.settled_kinds(readings, listed), listed)
    )
    cells = sorted(hours.by_cell.items(), key=lambda item: item[0])
    return [
        (part.place, cell[0], one.levels)
        for (part, cell), one in cells
        if one.levels and not part.is_after
    ]


def _part(windows: Mapping[Place, ReadWindow], place: Place, start: datetime) -> Part:
    """Return the part of a window, up to its end or after it, in which something begins."""
    window = windows.get(place)
    return Part(place, window is not None and window.is_after(start))


def _within(hour: Span, window: ReadWindow | None, latest: datetime | None) -> Span:
    """Return the part of an hour in its window that was read, so that no more is shared out.

    Else a midnight in the middle of the running hour would move credits to a day still to come.
    """
    window_end = window.end_at if window else None
    begins = window_end if hour.is_after and window_end else hour.place.start_at
    start_at = max(hour.start_at, begins)
    ends = (latest, None if hour.is_after else window_end)
    end_at = min([hour.end_at, *(end for end in ends if end and end > start_at)])
    return replace(hour, start_at=start_at, end_at=end_at) if start_at < end_at else hour


def _tally_differences(
    hours: Tallies[Part],
    found: Iterable[Difference],
    longest: timedelta,
    windows: Mapping[Place, ReadWindow],
) -> None:
    for one in found:
        part = _part(windows, one.place, one.start_at)
        if one.back or one.start_at == one.end_at:
            use = Use(back=one.back) if one.back else Use(one.use)
            # What is counted before a window begins, by our clock, is of its first hour (D17).
            tally = hours.moment(part, one.end_at, ending=one.end_at != one.place.start_at)
            if tally:
                tally.add(one.what, use)
        elif one.use is not None and one.length <= longest:
            _share(hours, one, windows.get(one.place))


def _share(hours: Tallies[Part], one: Difference, window: ReadWindow | None) -> None:
    """Add what was used between two readings to the hours; what spans the end, to both parts."""
    assert one.use is not None
    end = window.end_at if window and window.counts_on else None
    if window is None or end is None or not one.start_at < end < one.end_at:
        part = Part(one.place, window is not None and window.is_after(one.start_at))
        hours.share(part, one.what, one.start_at, one.end_at, Use(one.use, one.length))
        return
    cuts = [(one.start_at, end), (end, one.end_at)]
    shares = split(one.use, [(until - since) // TICK for since, until in cuts])
    for (since, until), credits in zip(cuts, shares, strict=True):
        use = Use(credits, until - since, 0, one.length if one.use else ZERO)
        hours.share(Part(one.place, since == end), one.what, since, until, use)


def _tally_readings(hours: Tallies[Part], windows: Iterable[ReadWindow]) -> None:
    for window in windows:
        for one in window.readings:
            at = window.clamped(one.at)
            part = Part(window.place, at != window.end_at and window.is_after(at))
            tally = hours.moment(part, at, ending=at == window.end_at)
            if tally:
                tally.see(Levels.of(one, at=at))


def _spans(tallies: Tallies[Part]) -> Iterator[Span]:
    for (part, cell), tally in sorted(tallies.by_cell.items(), key=lambda item: item[0]):
        happened = tuple(sorted(tally.marks, key=lambda mark: mark.order))
        yield Span(part.place, *cell, *tally.uses(), tally.levels, happened, part.is_after)


def _gaps(
    found: Iterable[Difference], longest: timedelta, windows: Mapping[Place, ReadWindow]
) -> Iterator[Span]:
    """Return the gaps; what several counters did in the same one stands together."""
    by_span: dict[tuple[Place, datetime, datetime], dict[str, Use]] = {}
    for one in found:
        if one.length > longest:
            uses = by_span.setdefault((one.place, one.start_at, one.end_at), {})
            known = one.length if one.use is not None else ZERO
            uses[one.what] = Use(one.use, known)
    for span, uses in sorted(by_span.items(), key=lambda item: item[0]):
        app, api, prepaid = (uses.get(what, NOTHING) for what in WHATS)
        is_after = _part(windows, *span[:2]).is_after
        yield Span(*span, app, api, prepaid, is_after=is_after)


def day_edges(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """Return the midnights of the zone, in UTC, from the one before `start` to that after `end`.

    A day has 23, 24 or 25 hours, or other lengths (D12); one that a zone left out is not there.
    """
    first, last = start.astimezone(zone).date(), (end - timedelta(microseconds=1)).astimezone(zone)
    days = range((last.date() - first).days + 2)
    edges = [_midnight(first + timedelta(days=number), zone) for number in days]
    return [edges[0], *(after for before, after in pairwise(edges) if after > before)]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    # A midnight that a zone leaves out becomes the moment of the change, as zoneinfo reckons.
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def course(
    spans: HoursAndGaps,
    edges: Sequence[datetime],
    *,
    window: Window | None = None,
    longest: timedelta = SHORT_BESIDE_A_DAY,
    read_until: datetime | None = None,
) -> Course:
    """Return a bucket for each pair of edges, with the gaps left open and what happened.

    With a window, its counters alone. A gap of at most `longest` may be shared out over the edges,
    a longer one is left open unless it lies in one bucket. Windows of one kind are added, except
    where they overlap (D5); kinds never are (D8).
    """
    # A switch ends one window and is filed under the next: both have seen it.
    switches = {one for span in spans.hours for one in span.marks if one.role == "switch"}
    after = None
    if window:
        spans, after = _only(spans, window)
    tallies: Tallies[str] = Tallies(cells_between(edges))
    gaps = _fold(tallies, spans, longest=longest)
    for span in _conflicts(spans):
        for cell in tallies.cells(span.start_at, span.end_at):
            tallies.at(span.place.kind, cell).overlaps = True
    kinds = sorted({span.place.kind for span in (*spans.hours, *spans.gaps)})
    cells = list(pairwise(edges))
    happened = switches | {mark for span in spans.hours for mark in span.marks}
    return Course(
        edges[0],
        edges[-1],
        {kind: [_bucket(tallies, kind, cell, window) for cell in cells] for kind in kinds},
        [_prepaid(tallies, kinds, cell) for cell in cells],
        [gap for gap in gaps if _touches(gap, edges)],
        sorted(
            (mark for mark in happened if edges[0] <= mark.at <= edges[-1]),
            key=lambda mark: mark.order,
        ),
        read_until,
        window is not None,
        after,
    )


def _only(spans: HoursAndGaps, window: Window) -> tuple[HoursAndGaps, Span | None]:
    """Return what is known of one window, and apart, what was counted in it after its end."""
    place = Place(window.kind, window.start_at)
    hours = [one for one in spans.hours if one.place == place]
    gaps = [one for one in spans.gaps if one.place == place]
    within = (tuple(one for one in some if not one.is_after) for some in (hours, gaps))
    late = [one for one in (*hours, *gaps) if one.is_after and one.is_counted]
    return HoursAndGaps(*within), _together(place, window.end_at, late) if late else None


def _together(place: Place, start: datetime, spans: Sequence[Span]) -> Span:
    tally = Tally()
    for what in COUNTERS:
        for one in spans:
            tally.add(what, one.use(what))
    end = max(one.end_at for one in spans)
    return Span(place, start, end, tally.use("app"), tally.use("api"), is_after=True)


def _touches(gap: Span, edges: Sequence[datetime]) -> bool:
    return gap.start_at < edges[-1] and edges[0] < gap.end_at


def _fold(tallies: Tallies[str], spans: HoursAndGaps, *, longest: timedelta) -> list[Span]:
    """Add hours, and the gaps that count, to the cells of their kind; return the other gaps."""
    for span in spans.hours:
        _add(tallies, span)
        _see(tallies, span)
    left = []
    for gap in spans.gaps:
        cells = tallies.cells(gap.start_at, gap.end_at)
        inside = len(cells) == 1 and cells[0][0] <= gap.start_at and gap.end_at <= cells[0][1]
        if not inside and gap.length > longest:
            left.append(gap)
        else:
            _add(tallies, gap)
    return left


def _add(tallies: Tallies[str], span: Span) -> None:
    for what in WHATS:
        if span.use(what) != NOTHING:
            tallies.share(span.place.kind, what, span.start_at, span.end_at, span.use(what))


def _see(tallies: Tallies[str], span: Span) -> None:
    """Note what is known of moments in the hour; its own end lies in it."""
    kind, at = span.place.kind, span.levels.at if span.levels else None
    if at and (tally := tallies.moment(kind, at, ending=at >= span.end_at)):
        tally.see(span.levels)
    for mark in span.marks:
        if tally := tallies.moment(kind, mark.at, ending=mark.at >= span.end_at):
            tally.marks.append(mark)


def _conflicts(spans: HoursAndGaps) -> list[Span]:
    """Return the stretches of a window in which a later one of its kind runs already (D5)."""
    # A reading alone says so: whether credits stand beside it depends on the buckets.
    # What a window counts after its end, before the next one is counted in, is no conflict (D16).
    known = (one for one in (*spans.hours, *spans.gaps) if one.is_counted or one.levels)
    rows = [one for one in known if not one.is_after]
    places = sorted({span.place for span in rows})
    later = {one: two.start_at for one, two in pairwise(places) if one.kind == two.kind}
    return [span for span in rows if span.place in later and _runs_on(span, later[span.place])]


def _runs_on(span: Span, next_start: datetime) -> bool:
    read_later = span.levels is not None and span.levels.at > next_start
    return span.start_at >= next_start or read_later


def _bucket(
    tallies: Tallies[str], kind: str, cell: tuple[datetime, datetime], window: Window | None
) -> Bucket:
    start, end = cell
    expected = end - start
    if window:
        expected = max(ZERO, min(end, window.end_at) - max(start, window.start_at))
    tally = tallies.by_cell.get((kind, cell))
    if tally is None:
        return Bucket(start, end, expected)
    app, api, prepaid = tally.uses()
    if tally.overlaps:
        app = api = NOTHING
    return Bucket(start, end, expected, app, api, prepaid, tally.overlaps, tally.levels)


def _prepaid(
    tallies: Tallies[str], kinds: Iterable[str], cell: tuple[datetime, datetime]
) -> Bucket:
    """Return the prepaid balance's bucket: it is the account's, so all kinds' parts are one."""
    uses = [tally.use("prepaid") for kind in kinds if (tally := tallies.by_cell.get((kind, cell)))]
    known = [use.credits for use in uses if use.credits is not None]
    whole = Use(
        sum(known) if known else None,
        sum((use.known_for for use in uses), ZERO),
        sum(use.back for use in uses),
        max((use.shared for use in uses), default=ZERO),
    )
    return Bucket(*cell, cell[1] - cell[0], prepaid=whole)
