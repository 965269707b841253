"""Differences between consecutive readings, what each means, and what happened between them.

Counters are compared within one window only; at its start they are 0 by definition (contract 2).
RemBG counts in one window of a kind at a time: while readings tell of another, a counter stands
still.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from operator import gt, lt, ne
from typing import Any, NamedTuple

from dashboard.usage.history.values import COUNTERS, ZERO, Closing, Mark, Place, Reading, Role
from dashboard.usage.models import LATE


class Difference(NamedTuple):
    """What a counter, or the prepaid balance, did between two moments.

    `use` in credits is None where it is unknown; `back` is what a correction took back (D7), or
    what was bought of prepaid credits: neither is use, and the use beside it is unknown.
    """

    what: str
    place: Place
    start_at: datetime
    end_at: datetime
    use: int | None
    back: int = 0
    before: int | None = None
    after: int | None = None

    @property
    def length(self) -> timedelta:
        """Return how far the two moments are apart."""
        return self.end_at - self.start_at


@dataclass(frozen=True)
class ReadWindow:
    """A window with its readings in order; `end_at` is where its counters end, None if unclear."""

    place: Place
    readings: tuple[Reading, ...]
    end_at: datetime | None
    closing: Closing | None
    is_over: bool
    # For a reading that follows one of another window, when that one was: by the moment of each.
    stood_still: Mapping[datetime, datetime] = field(default_factory=dict)

    @property
    def counts_on(self) -> bool:
        """Say whether RemBG went on counting in it long after its end: a late webhook (D16)."""
        last = self.closing.counted_until if self.closing else None
        if last is None and self.readings:
            last = self.readings[-1].at
        return self.end_at is not None and last is not None and last > self.end_at + LATE

    def clamped(self, moment: datetime) -> datetime:
        """Return the moment within the window; an answer may come a little after its end.

        RemBG's clock may be ahead of ours, and then a reading comes before the start (D17).
        """
        moment = max(moment, self.place.start_at)
        return moment if self.end_at is None or self.counts_on else min(moment, self.end_at)

    def is_after(self, moment: datetime) -> bool:
        """Say whether what begins then was counted after the window's end (D16)."""
        return self.counts_on and self.end_at is not None and moment >= self.end_at


def settled_kinds(readings: Iterable[Reading], closings: Iterable[Closing]) -> list[Reading]:
    """Return the readings in order; a kind that upstream told outlives one guessed by shape."""
    ordered = sorted(readings, key=lambda one: one.at)
    told: defaultdict[datetime, set[str]] = defaultdict(set)
    for closing in closings:
        if closing.is_told:
            told[closing.place.start_at].add(closing.place.kind)
    for one in ordered:
        if one.synced is not None:
            told[one.start_at].add(one.kind)
    return [
        one._replace(kind=next(iter(kinds)))
        if one.synced is None and len(kinds := told.get(one.start_at, set())) == 1
        else one
        for one in ordered
    ]


def read_windows(readings: Sequence[Reading], closings: Iterable[Closing]) -> list[ReadWindow]:
    """Return the windows that were read or listed; `readings` is in order, of settled kinds."""
    by_place: defaultdict[Place, list[Reading]] = defaultdict(list)
    for one in readings:
        by_place[one.place].append(one)
    listed = {one.place: one for one in closings if one.is_sound}
    starts: defaultdict[str, list[datetime]] = defaultdict(list)
    for kind, start_at in by_place:
        starts[kind].append(start_at)
    latest = readings[-1].at if readings else None
    still: defaultdict[Place, dict[datetime, datetime]] = defaultdict(dict)
    for before, after in pairwise(readings):
        if before.kind == after.kind and before.start_at != after.start_at:
            still[after.place][after.at] = before.at
    found = []
    for place in sorted({*by_place, *listed}):
        mine, closing = by_place[place], listed.get(place)
        end = _end(place, mine, closing, starts[place.kind])
        over = end is not None and latest is not None and latest >= end
        if mine or (closing and closing.is_final):
            found.append(ReadWindow(place, tuple(mine), end, closing, over, still[place]))
    return found


def _end(
    place: Place, readings: list[Reading], closing: Closing | None, read_starts: Iterable[datetime]
) -> datetime | None:
    """Return where a window ends: as it was told, or where the next one of its kind was read.

    One that RemBG goes on reading long after that has no clear end: then it ends nowhere.
    """
    told = closing.end_at if closing else readings[-1].end_at
    if told is not None and told <= place.start_at:
        told = None
    following = min((start for start in read_starts if start > place.start_at), default=None)
    if following is None or (told is not None and told <= following):
        return told
    reads_on = bool(readings) and readings[-1].at > following + LATE
    return None if reads_on else following


def differences(windows: Iterable[ReadWindow], readings: Sequence[Reading]) -> Iterator[Difference]:
    """Return every difference: of the counters window by window, then of the prepaid balance."""
    for window in windows:
        for what in COUNTERS:
            yield from _of_counter(window, what)
    yield from _of_prepaid(readings)


def _of_counter(window: ReadWindow, what: str) -> Iterator[Difference]:
    since, before = window.place.start_at, 0
    for one in window.readings:
        after = getattr(one, what)
        if after is None:
            continue
        at = window.clamped(one.at)
        since = min(max(since, window.stood_still.get(one.at, since)), at)
        if at > since or after != before:
            yield _difference(what, window.place, (since, at), (before, after))
        since, before = at, after
    yield from _tail(window, what, since, before)


def _tail(window: ReadWindow, what: str, since: datetime, before: int) -> Iterator[Difference]:
    """Return the use between the last reading of a window and its end.

    It is known only from the list of cycles, read after the end.
    """
    end, closing = window.end_at, window.closing
    if end is None or not (window.is_over or (closing and closing.is_final)):
        return
    end = max(end, since)
    final = getattr(closing, what) if closing and closing.is_final else None
    if final is None:
        if since < end:
            yield Difference(what, window.place, since, end, None)
    elif since < end or final != before:
        yield _difference(what, window.place, (since, end), (before, final))


def _difference(
    what: str, place: Place, moments: tuple[datetime, datetime], values: tuple[int, int]
) -> Difference:
    grown = values[1] - values[0]
    use, back = (grown, 0) if grown >= 0 else (None, -grown)
    return Difference(what, place, *moments, use, back, *values)


def _of_prepaid(readings: Sequence[Reading]) -> Iterator[Difference]:
    """Return how the balance moved; no cycle resets it, so it is followed across windows.

    Only the net is known: what was used in the same minutes as a top-up stays unknown.
    """
    known = [one for one in readings if one.prepaid is not None]
    for before, after in pairwise(known):
        assert before.prepaid is not None and after.prepaid is not None
        if after.at - before.at > ZERO or after.prepaid != before.prepaid:
            fallen = before.prepaid - after.prepaid
            use, back = (fallen, 0) if fallen >= 0 else (None, -fallen)
            span = before.at, after.at
            values = before.prepaid, after.prepaid
            yield Difference("prepaid", after.place, *span, use, back, *values)


def marks(readings: Sequence[Reading], differences: Iterable[Difference]) -> dict[Mark, Place]:
    """Return what happened, each with the window that it is filed under."""
    found = dict(_of_differences(differences))
    found.update(_of_windows(readings))
    found.update(_of_plan(readings, "allowance", lambda one: one.included))
    found.update(_of_plan(readings, "plan", lambda one: one.plan or None))
    return found


def _of_differences(differences: Iterable[Difference]) -> Iterator[tuple[Mark, Place]]:
    """Return corrections (a counter fell, D7) and top-ups (the prepaid balance rose)."""
    for one in differences:
        if one.back:
            role: Role = "topup" if one.what == "prepaid" else "correction"
            yield Mark(one.end_at, role, one.what, one.before, one.after), one.place


def _of_windows(readings: Sequence[Reading]) -> Iterator[tuple[Mark, Place]]:
    """Return renewals, and switches of `stripeBillingSynced`, where the series changes (D8)."""
    for before, after in pairwise(readings):
        if before.kind != after.kind:
            yield Mark(after.at, "switch", "synced", before.kind, after.kind), after.place
        elif before.start_at < after.start_at:
            # A window told of after it began, while another was read on: that cannot be earlier.
            yield Mark(max(before.at, after.start_at), "renewal"), after.place


def _of_plan(
    readings: Sequence[Reading], what: str, value: Callable[[Reading], int | str | None]
) -> Iterator[tuple[Mark, Place]]:
    known = [one for one in readings if value(one) is not None]
    for before, after in pairwise(known):
        if value(before) != value(after):
            mark = Mark(after.at, "plan", what, value(before), value(after))
            yield mark, after.place


# Numbers of a reading, and between which two of them more lies than their difference: where a
# counter fell, the balance rose, or the plan became another one.
TELLING: tuple[tuple[str, Callable[[Any, Any], bool]], ...] = (
    ("app", gt),
    ("api", gt),
    ("used", gt),
    ("prepaid", lt),
    ("included", ne),
    ("plan", ne),
)


def telling(
    readings: Sequence[Reading], closings: Iterable[Closing], edges: Iterable[datetime]
) -> list[Reading]:
    """Return the readings, in order, that say something which their neighbours do not.

    Counters are cumulative, so that differences telescope: between two edges, and as long as
    upstream tells of the same window, the first and the last are enough, of each number the first
    and the last that are known, and both around a fall of a counter, a top-up or a change of plan.
    Where windows begin and end is an edge, too: readings are cut off there.
    """
    borders = {one.place.start_at for one in closings} | {one.end_at for one in closings}
    borders |= {one.start_at for one in readings} | {one.end_at for one in readings if one.end_at}
    stretches = _stretches(readings, sorted(borders.union(edges)))
    kept = {*_telling([one.at for one in readings], stretches, gt)}
    for name, more in TELLING:
        kept.update(_telling([getattr(one, name) for one in readings], stretches, more))
    return [readings[index] for index in sorted(kept)]


def _stretches(readings: Iterable[Reading], edges: Sequence[datetime]) -> list[int]:
    """Return a number for each reading: the same while no edge and no other window comes."""
    found: list[int] = []
    number, before = 0, None
    for one in readings:
        now = bisect_right(edges, one.at), one.kind, one.start_at, one.end_at, one.synced
        number += now != before
        before = now
        found.append(number)
    return found


def _telling(
    values: Iterable[Any], stretches: Sequence[int], more: Callable[[Any, Any], bool]
) -> Iterator[int]:
    """Return which of the values say something; None and "" are unknown."""
    last, before = -1, None
    for index, value in enumerate(values):
        if value is None or value == "":
            continue
        if last < 0 or stretches[index] != stretches[last] or more(before, value):
            yield from (last, index) if last >= 0 else (index,)
        last, before = index, value
    if last >= 0:
        yield last
