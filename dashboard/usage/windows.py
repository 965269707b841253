"""Billing windows as values: half-open, of a kind, with counters that may be unknown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from dashboard.lib.renewals import month_start, next_month
from dashboard.usage.models import LATE, SURE_ENDS, Cycle, EndSource, Kind

PLAUSIBLE_YEARS = range(2000, 2100)
# Upstream infers a window's end as the next start - 1; some answers name the next start itself.
TOUCHING = timedelta(seconds=1)
BREAK = timedelta(days=1)


Stretch = tuple[datetime, datetime]


@dataclass(frozen=True)
class Window:
    """A billing window `[start_at, end_at)` and its counters in credits; None is unknown."""

    kind: str
    start_at: datetime
    end_at: datetime
    app_usage: int | None = None
    api_usage: int | None = None
    included_credits: int | None = None
    asked_at: datetime | None = None
    source: uuid.UUID | None = None
    end_source: str = EndSource.TOLD
    counted_from_at: datetime | None = None
    counted_until_at: datetime | None = None
    # When RemBG counted in it, perhaps never (`with_stretches`); None is all of its time.
    stretches: tuple[Stretch, ...] | None = None

    @classmethod
    def of(cls, cycle: Cycle) -> Window:
        """Return what a stored cycle says."""
        return cls(
            cycle.kind,
            cycle.start_at,
            cycle.end_at,
            cycle.app_usage,
            cycle.api_usage,
            cycle.included_credits,
            cycle.asked_at,
            cycle.snapshot_id,
            cycle.end_source,
            cycle.counted_from_at,
            cycle.counted_until_at,
        )

    @property
    def used(self) -> int | None:
        """Return app and API credits together, None when either is unknown."""
        if self.app_usage is None or self.api_usage is None:
            return None
        return self.app_usage + self.api_usage

    @property
    def key(self) -> str:
        """Return the name of the window in an address: `<start unix>-<kind>`."""
        return f"{int(self.start_at.timestamp())}-{self.kind}"

    @property
    def is_sound(self) -> bool:
        """Say whether the window has a length that makes sense (D5)."""
        return self.start_at < self.end_at

    @property
    def can_be(self) -> bool:
        """Say whether the window starts in a year in which there can be one (D5)."""
        return self.start_at.year in PLAUSIBLE_YEARS

    @property
    def end_is_sure(self) -> bool:
        """Say whether RemBG told its end; else it is inferred, and may still move (D15)."""
        return self.end_source in SURE_ENDS

    @property
    def is_closed(self) -> bool:
        """Say whether its counters were read after its end."""
        return self.asked_at is not None and self.asked_at >= self.end_at

    @property
    def counted_after_at(self) -> datetime | None:
        """Return until when it was counted in after its end, None if it was not (D16)."""
        until = self.counted_until_at
        return until if until is not None and until > self.end_at else None

    @property
    def counted_end_at(self) -> datetime:
        """Return where RemBG stopped to count in it: its end, or later (D16)."""
        return self.counted_after_at or self.end_at

    @property
    def is_calendar_month(self) -> bool:
        """Say whether the window is exactly a UTC calendar month."""
        starts = self.start_at == month_start(self.start_at)
        return starts and self.end_at == next_month(self.start_at)

    def runs(self, *, at: datetime) -> bool:
        """Say whether the moment lies in the window."""
        return self.start_at <= at < self.end_at

    def is_now(self, *, at: datetime) -> bool:
        """Say whether the window that was read last runs; RemBG's clock may be ahead (D17)."""
        return self.start_at <= at + LATE and at < self.end_at

    def last_second(self) -> datetime:
        """Return the end as upstream counts it: the second before the next renewal."""
        return self.end_at - TOUCHING


def months_before(moment: datetime, count: int) -> list[datetime]:
    """Return the starts of the last `count` UTC calendar months, the running one last."""
    starts = [month_start(moment)]
    while len(starts) < count:
        starts.append(month_start(starts[-1] - TOUCHING))
    return starts[::-1]


def overlapping(windows: Iterable[Window]) -> set[Window]:
    """Return the windows that share time with another one: their counters may not be summed.

    One from 1970 would share time with all of them; it takes no part.
    """
    found: set[Window] = set()
    latest: Window | None = None
    possible = (one for one in windows if one.can_be)
    for window in sorted(possible, key=lambda one: (one.start_at, one.end_at)):
        if latest and window.start_at + TOUCHING < latest.end_at:
            found |= {latest, window}
        if latest is None or window.end_at > latest.end_at:
            latest = window
    return found


def any_fell(counters: Iterable[tuple[int | None, int | None]]) -> bool:
    """Say whether a counter is below what it was before; each is a pair, None is unknown."""
    return any(old is not None and new is not None and new < old for old, new in counters)


def share_time(one: Window, other: Window) -> bool:
    """Say whether two windows share more than a second."""
    return one.start_at + TOUCHING < other.end_at and other.start_at + TOUCHING < one.end_at


def fallbacks(windows: Sequence[Window]) -> list[Window]:
    """Return the calendar months, oldest first, that share time with a billing cycle (D8)."""
    stripes = [one for one in windows if one.kind == Kind.STRIPE and one.is_sound]
    months = (one for one in windows if one.kind == Kind.CALENDAR and one.is_sound)
    found = [one for one in months if any(share_time(one, other) for other in stripes)]
    return sorted(found, key=lambda one: one.start_at)


def with_stretches(windows: Sequence[Window]) -> list[Window]:
    """Say of each of an account's windows when RemBG counted in it: each moment is in one at most.

    A fall-back takes its time from the billing cycles, and one that is counted in after its end
    from the next of its kind.
    """
    apart = fallbacks(windows)
    taken = [
        (one.counted_from_at, one.counted_until_at)
        for one in apart
        if one.counted_from_at and one.counted_until_at
    ]
    found = []
    for one in windows:
        late = [
            other.counted_after_at
            for other in windows
            if other.kind == one.kind and other.start_at < one.start_at and other.counted_after_at
        ]
        whole = (max([one.start_at, *late]), one.counted_end_at)
        if one in apart:
            mine = [part for part in taken if part == (one.counted_from_at, one.counted_until_at)]
        else:
            mine = _without(whole, taken)
        found.append(replace(one, stretches=tuple(mine)))
    return found


def _without(whole: Stretch, taken: Iterable[Stretch]) -> list[Stretch]:
    parts = [whole]
    for start, end in taken:
        cut = ((since, until) for since, until in parts)
        parts = [
            part
            for since, until in cut
            for part in ((since, min(until, start)), (max(since, end), until))
            if part[0] < part[1]
        ]
    return parts


def sharing(windows: Iterable[Window], kind: str) -> set[Window]:
    """Return the sound windows of a kind that share time with another one of it (D5)."""
    return overlapping(one for one in windows if one.kind == kind and one.is_sound)


def gaps(windows: Sequence[Window]) -> list[tuple[Window, Window]]:
    """Return the pairs of neighbours, oldest first, with more than a day between them."""
    return [
        (before, after)
        for before, after in pairwise(windows)
        if after.start_at - before.end_at > BREAK
    ]


def chosen(windows: Sequence[Window], key: str) -> Window | None:
    """Return the window of this name, None when there is none."""
    return next((window for window in windows if window.key == key), None)
