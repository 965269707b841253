"""Billing windows as values: half-open, of a kind, with counters that may be unknown."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from dashboard.usage.models import Cycle

PLAUSIBLE_YEARS = range(2000, 2100)
# Upstream infers a window's end as the next start - 1; some answers name the next start itself.
TOUCHING = timedelta(seconds=1)
BREAK = timedelta(days=1)


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
    def is_calendar_month(self) -> bool:
        """Say whether the window is exactly a UTC calendar month."""
        starts = self.start_at == month_start(self.start_at)
        return starts and self.end_at == next_month(self.start_at)

    def runs(self, *, at: datetime) -> bool:
        """Say whether the moment lies in the window."""
        return self.start_at <= at < self.end_at

    def last_second(self) -> datetime:
        """Return the end as upstream counts it: the second before the next renewal."""
        return self.end_at - TOUCHING


def month_start(moment: datetime) -> datetime:
    """Return the first moment of the UTC calendar month."""
    return moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def next_month(moment: datetime) -> datetime:
    """Return the first moment of the next UTC calendar month."""
    start = month_start(moment)
    return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


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
