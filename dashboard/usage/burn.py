"""How fast credits go: readings of a counter as a clean curve, its rates, and its days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

DAY = 86_400.0
# Between two readings further apart nobody knows on which side of midnight credits were used.
GAP = timedelta(hours=6).total_seconds()
# Before that a rate of the cycle says nothing.
SHORTEST_BASE = timedelta(hours=12).total_seconds()


@dataclass(frozen=True)
class Reading:
    """What the counter of the running window said at a moment, in credits; None is unknown."""

    at: datetime
    used: int
    prepaid: int | None = None


@dataclass(frozen=True)
class Stretch:
    """The credits used between two moments (unix seconds); nothing finer is known of it."""

    start: float
    end: float
    credits: float


@dataclass(frozen=True)
class Curve:
    """Credits used since the start of a window, at unix seconds, never falling.

    `known` has one flag for each pair of neighbours: False where demand did not show, because
    the included credits were spent and nobody saw what went on.
    """

    at: Floats
    used: Floats
    known: Flags

    def total(self, moment: float) -> float | None:
        """Return the credits used up to a moment; None where the readings are too far apart."""
        if not self.at[0] <= moment <= self.at[-1]:
            return None
        right = max(1, int(np.searchsorted(self.at, moment)))
        exact = moment in (self.at[right], self.at[right - 1])
        if not exact and self.at[right] - self.at[right - 1] > GAP:
            return None
        return float(np.interp(moment, self.at, self.used))

    def runs(self) -> list[Curve]:
        """Return the parts between the pairs that are not known."""
        cuts = [0, *(int(one) + 1 for one in np.flatnonzero(~self.known)), len(self.at)]
        return [
            Curve(self.at[a:b], self.used[a:b], self.known[a : b - 1])
            for a, b in pairwise(cuts)
            if b - a > 1
        ]


def curve(
    readings: Sequence[Reading], *, start: datetime, until: datetime, included: int | None
) -> Curve | None:
    """Return the cleaned curve of the readings in `[start, until]`; None when there is none.

    The counter begins with 0 at the window's start. A lone reading below both its neighbours is a
    wrong answer and is left out; where the counter falls for good (D7) what was counted too much
    was never used. Once the included credits are spent, a fall of the prepaid balance is use too
    (contract 2: prepaid consumption is not in the counter).
    """
    rows = sorted((one for one in readings if start <= one.at <= until), key=lambda one: one.at)
    if not rows or rows[-1].at == start:
        return None
    at = np.array([start.timestamp(), *(one.at.timestamp() for one in rows)])
    used = np.array([0, *(one.used for one in rows)], dtype=np.float64)
    prepaid = np.array([np.nan, *(np.nan if r.prepaid is None else r.prepaid for r in rows)])
    keep = ~_is_dip(used) & np.append(np.diff(at) > 0, True)
    at, used, prepaid = at[keep], used[keep], prepaid[keep]
    used = np.minimum.accumulate(used[::-1])[::-1]
    rise, known = np.diff(used), np.ones(len(used) - 1, dtype=np.bool_)
    if included is not None:
        rise, known = _with_prepaid(rise, used >= included, prepaid)
    return Curve(at, np.append(used[0], used[0] + np.cumsum(rise)), known)


def _is_dip(used: Floats) -> Flags:
    dip = np.zeros(len(used), dtype=np.bool_)
    dip[1:-1] = (used[1:-1] < used[:-2]) & (used[2:] >= used[:-2])
    return dip


def _with_prepaid(rise: Floats, spent: Flags, prepaid: Floats) -> tuple[Floats, Flags]:
    fall = prepaid[:-1] - prepaid[1:]
    taken = np.where(spent[1:] & (fall > 0), fall, 0.0)
    # Nothing could be spent, or nobody saw it: what the team wanted then is unknown, not 0.
    hidden = spent[:-1] & (rise == 0) & (np.isnan(fall) | ((prepaid[:-1] == 0) & (fall == 0)))
    return rise + taken, ~hidden


@dataclass(frozen=True)
class Rates:
    """Credits a day: of the last 24 hours, of the cycle so far, and what may still be used."""

    today: float | None = None
    cycle: float | None = None
    allowance: float | None = None


def rates(
    known: Curve | None, *, start: datetime, end: datetime, at: datetime, remaining: int | None
) -> Rates:
    """Return the rates in credits a day; None where readings or the balance are unknown."""
    allowance = None
    if remaining is not None and at < end:
        # On the last day the rest is for that day: a rate above the rest would be no allowance.
        allowance = remaining / max(1.0, (end - at).total_seconds() / DAY)
    if known is None:
        return Rates(allowance=allowance)
    elapsed = float(known.at[-1]) - start.timestamp()
    used = float(known.used[-1])
    told = elapsed >= SHORTEST_BASE and bool(known.known.all())
    cycle = used / elapsed * DAY if told else None
    return Rates(_today(known, at=at), cycle, allowance)


def _today(known: Curve, *, at: datetime) -> float | None:
    newest = float(known.at[-1])
    base = max(float(known.at[0]), newest - DAY)
    if at.timestamp() - newest > GAP or newest - base < GAP:
        return None
    if not known.known[max(0, int(np.searchsorted(known.at, base, "right")) - 1) :].all():
        return None
    before = known.total(base)
    return None if before is None else (float(known.used[-1]) - before) / (newest - base) * DAY


@dataclass(frozen=True)
class Ruler:
    """Local midnights in a row: days as a straight scale, whatever daylight saving does."""

    first: date
    midnights: Floats

    @classmethod
    def over(cls, start: datetime, end: datetime, zone: ZoneInfo) -> Ruler:
        """Return the ruler over all local days that `[start, end]` touches."""
        first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        days = range((last - first).days + 2)
        return cls(first, np.array([midnight(first + timedelta(days=n), zone) for n in days]))

    @property
    def weekdays(self) -> npt.NDArray[np.int64]:
        """Return the weekday (Monday is 0) of each day."""
        return (np.arange(len(self.midnights) - 1) + self.first.weekday()) % 7

    def place(self, moments: Floats) -> Floats:
        """Return moments (unix seconds) as days since the first midnight."""
        return np.interp(moments, self.midnights, np.arange(len(self.midnights), dtype=np.float64))

    def weighed(self, factors: Floats) -> Floats:
        """Return the sum of the weekdays' factors up to each midnight."""
        return np.append(0.0, np.cumsum(factors[self.weekdays]))


def midnight(day: date, zone: ZoneInfo) -> float:
    """Return the first moment of a local day in unix seconds."""
    return datetime.combine(day, time(), zone).timestamp()


def moment(seconds: float) -> datetime:
    """Return unix seconds as a moment in UTC, the second that has begun."""
    return datetime.fromtimestamp(int(seconds), UTC)


def stretches(
    known: Curve | None, days: Mapping[date, int], *, start: datetime, ruler: Ruler, zone: ZoneInfo
) -> list[Stretch]:
    """Return what was used when: earlier days as given, then the curve cut at local midnights.

    Where readings are more than six hours apart around a midnight, the one nearest to it cuts.
    Days on or after the window's first local day are left to the curve.
    """
    begin = start.astimezone(zone).date()
    found = []
    for day in sorted(days):
        if ruler.first <= day < begin:
            index = (day - ruler.first).days
            begins, ends = ruler.midnights[index : index + 2]
            found.append(Stretch(float(begins), float(ends), max(0, days[day])))
    for part in known.runs() if known else []:
        found += _cut(part, ruler.midnights)
    return found


def _cut(part: Curve, midnights: Floats) -> list[Stretch]:
    inside = midnights[(midnights > part.at[0]) & (midnights < part.at[-1])]
    cuts = {float(part.at[0]): float(part.used[0]), float(part.at[-1]): float(part.used[-1])}
    for one in inside:
        total = part.total(one)
        if total is None:
            nearest = int(np.abs(part.at - one).argmin())
            cuts[float(part.at[nearest])] = float(part.used[nearest])
        else:
            cuts[float(one)] = total
    return [
        Stretch(a, b, after - before) for (a, before), (b, after) in pairwise(sorted(cuts.items()))
    ]
