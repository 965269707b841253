"""The course of a window, reading by reading: what to draw, where it breaks, what happened."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from dashboard.rembg.usage import left_of, used_of
from dashboard.usage.history.values import Mark
from dashboard.usage.models import LATE, SnapshotQuerySet
from dashboard.usage.windows import Window

GAP = timedelta(hours=6)
# Of a day 13 months ago the first and the last reading are left.
GAP_OF_DAYS = timedelta(hours=24)
MOST_POINTS = 400
COLUMNS = (
    "asked_at",
    "included_credits",
    "remaining_included_credits",
    "used_included_credits",
    "app_usage",
    "api_usage",
    "prepaid_credits",
    "membership",
)


@dataclass(frozen=True)
class Point:
    """What one reading said, in credits; None is unknown."""

    at: datetime
    included: int | None = None
    remaining: int | None = None
    used_included: int | None = None
    app: int | None = None
    api: int | None = None
    prepaid: int | None = None
    plan: str = ""

    @property
    def used(self) -> int | None:
        """Return app and API credits; upstream's own sum where one is unknown."""
        return used_of(self.app, self.api, self.used_included)

    @property
    def left(self) -> int | None:
        """Return the included credits left, by the contract's formula where upstream is silent."""
        return left_of(self.included, self.remaining, self.used)


@dataclass(frozen=True)
class WindowReadings:
    """What was read of one window, and what happened; neighbours nearer than `gap` are joined."""

    points: tuple[Point, ...] = ()
    marks: tuple[Mark, ...] = ()
    gap: timedelta = GAP


def read(readings: SnapshotQuerySet, window: Window, *, hours_from: datetime) -> WindowReadings:
    """Return the course of a window; before `hours_from` readings are thinned by days (1 query)."""
    gap = GAP if window.start_at >= hours_from else GAP_OF_DAYS
    found = readings.good().within(start=window.start_at, end=window.end_at + LATE)
    rows = list(found.values_list("period_start_at", "kind", "synced", *COLUMNS))
    points = tuple(Point(*row[3:]) for row in rows if row[0] == window.start_at)
    told = [
        (kind, asked_at) for _start, kind, synced, asked_at, *_rest in rows if synced is not None
    ]
    switches = [
        Mark(at, "switch", "synced", before, kind)
        for (before, _then), (kind, at) in pairwise(told)
        if before != kind
    ]
    return WindowReadings(points, _in_order([*marks(points, gap=gap), *switches]), gap)


def points_of(readings: SnapshotQuerySet) -> list[Point]:
    """Return what these readings said, in their order (1 query)."""
    return [Point(*row) for row in readings.values_list(*COLUMNS)]


def thinned(points: Sequence[Point], *, most: int = MOST_POINTS) -> list[Point]:
    """Keep at most so many points: the first and the last of each of equal stretches of time."""
    if len(points) <= most:
        return list(points)
    begin, length = points[0].at, points[-1].at - points[0].at
    stretches = most // 2
    kept: dict[int, list[Point]] = {}
    for point in points:
        stretch = min(stretches - 1, int((point.at - begin) / length * stretches))
        ends = kept.setdefault(stretch, [point, point])
        ends[1] = point
    return [point for ends in kept.values() for point in dict.fromkeys(ends)]


def _breaks(points: Sequence[Point], gap: timedelta) -> Iterator[Mark]:
    for a, b in pairwise(points):
        if b.at - a.at > gap:
            yield Mark(a.at + (b.at - a.at) / 2, "gap", "gap")


def _in_order(found: list[Mark]) -> tuple[Mark, ...]:
    return tuple(sorted(found, key=lambda mark: mark.at))


def marks(points: Sequence[Point], *, gap: timedelta = GAP) -> list[Mark]:
    """Return corrections (usage fell, D7), changes of the plan (D9), top-ups and gaps."""
    found = list(_breaks(points, gap))
    for before, after in pairwise(points):
        if _fell(before.used, after.used):
            found.append(Mark(after.at, "correction", "usage", before.used, after.used))
        if _differ(before.included, after.included):
            found.append(Mark(after.at, "plan", "allowance", before.included, after.included))
        if before.plan and after.plan and before.plan != after.plan:
            found.append(Mark(after.at, "plan", "plan", before.plan, after.plan))
        if _fell(after.prepaid, before.prepaid):
            found.append(Mark(after.at, "topup", "prepaid", before.prepaid, after.prepaid))
    return list(_in_order(found))


def last_of_each_day(points: Sequence[Point]) -> list[Point]:
    """Return the last reading of each UTC day (D12)."""
    days: dict[date, Point] = {point.at.astimezone(UTC).date(): point for point in points}
    return list(days.values())


def _fell(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and after < before


def _differ(before: int | None, after: int | None) -> bool:
    return before is not None and after is not None and after != before
