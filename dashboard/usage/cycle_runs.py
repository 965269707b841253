"""Cycles aligned by the day since their renewal, so that they can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from math import ceil

from dashboard.keys.models import Account
from dashboard.usage.history import queries
from dashboard.usage.history.values import DAY, ZERO, Levels, Place
from dashboard.usage.models import Cycle
from dashboard.usage.windows import Window

# A reading further from the moment that is asked for says nothing about it, unless the counter
# stood still from the one before to the one after.
NEAR = timedelta(hours=1)


def place_of(after: timedelta) -> float:
    """Return where a moment so long after the renewal stands on the ruler, in days.

    Clocks of readings are not more exact than the few seconds to which it is rounded.
    """
    return round(after / DAY, 4)


def day_at(after: timedelta) -> int:
    """Return the number of the day, from 1, in which a moment so long after the renewal stands."""
    return max(1, ceil(place_of(after)))


@dataclass(frozen=True)
class Dot:
    """So long after the renewal, the window's counters stood at so many credits."""

    after: timedelta
    used: int


@dataclass(frozen=True)
class Run:
    """What is known of one cycle: readings in order, and its total once it was read after its end.

    A cycle that nobody read while it ran has no dots: only its end is known, if that.
    """

    window: Window
    dots: tuple[Dot, ...] = ()
    final: int | None = None

    @classmethod
    def of(cls, window: Window, read: Iterable[Levels] = ()) -> Run:
        """Return the run of a window, from readings of its own counters in their order."""
        final = window.used if window.is_closed else None
        return cls(window, tuple(_dots(window, read)), final)

    @property
    def length(self) -> timedelta:
        """Return how long the cycle is."""
        return self.window.end_at - self.window.start_at

    @property
    def days(self) -> int:
        """Return how many days it has; the last may be a part of one."""
        return day_at(self.length)

    @property
    def is_read(self) -> bool:
        """Say whether it was read while it ran."""
        return bool(self.dots)

    @property
    def newest(self) -> Dot | None:
        """Return how far it came: its total at its end, or the newest reading."""
        if self.final is not None:
            return Dot(self.length, self.final)
        return self.dots[-1] if self.dots else None

    @property
    def day(self) -> int | None:
        """Return the number of the day that it came to; None where it was not read."""
        return day_at(self.newest.after) if self.newest else None

    def on_day(self, number: int) -> int | None:
        """Return the credits used until the end of a day, by its last reading; None if unknown."""
        if number == self.days and self.final is not None:
            return self.final
        return self._last_of_days.get(number)

    @cached_property
    def _last_of_days(self) -> dict[int, int]:
        return {day_at(dot.after): dot.used for dot in self.dots}

    def by(self, after: timedelta) -> int | None:
        """Return the credits used so long after the renewal; None where they are not known."""
        nearest = self.nearest(after)
        return nearest.used if nearest else None

    def nearest(self, after: timedelta) -> Dot | None:
        """Return the reading nearest to the moment so long after the renewal; or None.

        Where use came between readings more than an hour away, it is unknown how much had come by
        then; and nothing is known past the end.
        """
        if after > self.length:
            return None
        known = [*self.dots]
        if self.final is not None:
            known.append(Dot(self.length, self.final))
        nearest = min(known, key=lambda dot: abs(dot.after - after), default=None)
        if nearest is None or abs(nearest.after - after) <= NEAR:
            return nearest
        before = [dot.used for dot in known if dot.after <= after][-1:]
        behind = [dot.used for dot in known if dot.after > after][:1]
        return nearest if before and before == behind else None


@dataclass(frozen=True)
class CycleDifference:
    """How many credits more (or less, below 0) than a base."""

    credits: int
    base: int

    @property
    def percent(self) -> int | None:
        """Return it in whole per cent of the base, halves away from 0; None for a base of 0."""
        if self.base <= 0:
            return None
        size = (200 * abs(self.credits) + self.base) // (2 * self.base)
        return size if self.credits >= 0 else -size


def difference(now: int | None, base: int | None) -> CycleDifference | None:
    """Return the difference to a base, None when either is unknown."""
    return None if now is None or base is None else CycleDifference(now - base, base)


def same_kind_before(windows: Iterable[Window], this: Window, *, most: int) -> list[Window]:
    """Return the last cycles of the same kind before this one, the newest first (D8)."""
    earlier = [
        one
        for one in windows
        if one.kind == this.kind and one.is_sound and one.start_at < this.start_at
    ]
    return sorted(earlier, key=lambda one: one.start_at, reverse=True)[:most]


def common_moment(runs: Sequence[Run]) -> timedelta | None:
    """Return the last moment of the cycle that every run has reached; None where one is unread."""
    ends = [run.newest.after for run in runs if run.newest]
    return min(ends) if ends and len(ends) == len(runs) else None


def _dots(window: Window, read: Iterable[Levels]) -> Iterable[Dot]:
    for levels in read:
        if levels.app is None or levels.api is None:
            continue
        after = levels.at - window.start_at
        if ZERO <= after <= window.end_at - window.start_at:
            yield Dot(after, levels.app + levels.api)


def moment_of(run: Run, after: timedelta) -> datetime:
    """Return when it was so long after the renewal."""
    return run.window.start_at + after


def runs_of(
    account: Account, windows: Sequence[Window], *, cycles: Sequence[Cycle] | None = None
) -> list[Run]:
    """Return what is known of these cycles, in their order (1 query where they touch)."""
    sound = [one for one in windows if one.is_sound]
    found = queries.levels(account, sound, cycles=cycles)
    return [Run.of(one, found.get(Place(one.kind, one.start_at), ())) for one in windows]
