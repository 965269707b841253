"""How fast credits go: readings of a counter as a clean curve, its rates, and its days."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate, pairwise
from statistics import fmean
from zoneinfo import ZoneInfo

DAY = 86_400.0
# Between two readings further apart nobody knows on which side of midnight credits were used.
GAP = timedelta(hours=6).total_seconds()
# Before that a rate of the cycle says nothing.
SHORTEST_BASE = timedelta(hours=12).total_seconds()


@dataclass(frozen=True)
class CounterReading:
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


def interpolate(x: float, xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return y at x on the straight lines between points; the end's where x lies beyond one."""
    right = min(max(1, bisect_left(xs, x)), len(xs) - 1)
    share = (x - xs[right - 1]) / (xs[right] - xs[right - 1])
    return ys[right - 1] + min(1.0, max(0.0, share)) * (ys[right] - ys[right - 1])


@dataclass(frozen=True)
class Curve:
    """Credits used since the start of a window, at unix seconds, never falling.

    `known` has one flag for each pair of neighbours: False where demand did not show, because
    the included credits were spent and nobody saw what went on.
    """

    at: list[float]
    used: list[float]
    known: list[bool]

    def total(self, moment: float) -> float | None:
        """Return the credits used up to a moment; None where the readings are too far apart."""
        if not self.at[0] <= moment <= self.at[-1]:
            return None
        right = max(1, bisect_left(self.at, moment))
        exact = moment in (self.at[right], self.at[right - 1])
        if not exact and self.at[right] - self.at[right - 1] > GAP:
            return None
        return interpolate(moment, self.at, self.used)

    def runs(self) -> list[Curve]:
        """Return the parts between the pairs that are not known."""
        cuts = [n for n, known in enumerate(self.known, 1) if not known]
        return [
            Curve(self.at[a:b], self.used[a:b], self.known[a : b - 1])
            for a, b in pairwise([0, *cuts, len(self.at)])
            if b - a > 1
        ]


def curve(
    readings: Sequence[CounterReading], *, start: datetime, until: datetime, included: int | None
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
    rows = [CounterReading(start, 0), *rows]
    last = len(rows) - 1
    kept = [
        one
        for n, one in enumerate(rows)
        if n == last or (one.at < rows[n + 1].at and not (n and _is_dip(*rows[n - 1 : n + 2])))
    ]
    used = list(accumulate((one.used for one in reversed(kept)), min))[::-1]
    rises = [_rise(*pair, included) for pair in pairwise(zip(used, kept, strict=True))]
    totals = accumulate((rise for rise, _ in rises), initial=float(used[0]))
    return Curve([one.at.timestamp() for one in kept], list(totals), [known for _, known in rises])


def _is_dip(before: CounterReading, one: CounterReading, after: CounterReading) -> bool:
    return one.used < before.used <= after.used


def _rise(
    before: tuple[int, CounterReading], after: tuple[int, CounterReading], included: int | None
) -> tuple[int, bool]:
    """Return the credits used between two readings, and whether demand showed there."""
    (used, old), (total, new) = before, after
    rise = total - used
    if included is None:
        return rise, True
    fall = None if old.prepaid is None or new.prepaid is None else old.prepaid - new.prepaid
    # Nothing could be spent, or nobody saw it: what the team wanted then is unknown, not 0.
    hidden = used >= included and rise == 0 and (fall is None or (old.prepaid == 0 == fall))
    taken = fall if fall and total >= included else 0
    return rise + max(0, taken), not hidden


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
    elapsed = known.at[-1] - start.timestamp()
    told = elapsed >= SHORTEST_BASE and all(known.known)
    cycle = known.used[-1] / elapsed * DAY if told else None
    return Rates(_today(known, at=at), cycle, allowance)


def _today(known: Curve, *, at: datetime) -> float | None:
    newest = known.at[-1]
    base = max(known.at[0], newest - DAY)
    if at.timestamp() - newest > GAP or newest - base < GAP:
        return None
    if not all(known.known[max(0, bisect_right(known.at, base) - 1) :]):
        return None
    before = known.total(base)
    return None if before is None else (known.used[-1] - before) / (newest - base) * DAY


@dataclass(frozen=True)
class Ruler:
    """Local midnights in a row: days as a straight scale, whatever daylight saving does."""

    dates: list[date]
    midnights: list[float]

    @classmethod
    def over(cls, start: datetime, end: datetime, zone: ZoneInfo) -> Ruler:
        """Return the ruler over all local days that `[start, end]` touches."""
        first, last = start.astimezone(zone).date(), end.astimezone(zone).date()
        dates = [first + timedelta(days=n) for n in range((last - first).days + 2)]
        return cls(dates, [midnight(one, zone) for one in dates])

    def place(self, moment: float) -> float:
        """Return a moment (unix seconds) as days since the first midnight."""
        return interpolate(moment, self.midnights, range(len(self.midnights)))


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
        if ruler.dates[0] <= day < begin:
            begins, ends = ruler.midnights[(index := (day - ruler.dates[0]).days) : index + 2]
            found.append(Stretch(begins, ends, max(0, days[day])))
    for part in known.runs() if known else []:
        found += _cut(part, ruler.midnights)
    return found


def _cut(part: Curve, midnights: Sequence[float]) -> list[Stretch]:
    cuts = {part.at[0]: part.used[0], part.at[-1]: part.used[-1]}
    for one in midnights:
        if not part.at[0] < one < part.at[-1]:
            continue
        total = part.total(one)
        if total is None:
            nearest = min(range(len(part.at)), key=lambda n: abs(part.at[n] - one))
            cuts[part.at[nearest]] = part.used[nearest]
        else:
            cuts[one] = total
    return [
        Stretch(a, b, after - before) for (a, before), (b, after) in pairwise(sorted(cuts.items()))
    ]


FLAT = (1.0,) * 7
WEEKEND = 5
LONGEST = timedelta(days=56)
# Chi-squared with 6 degrees at 1 %; with 1 degree at 5 %, but then one part is twice the other.
SEVEN_DAYS, TWO_PARTS, TWICE = 16.81, 3.7, 2.0
FEWEST_FOR_SEVEN, FEWEST_FOR_TWO, FEWEST_OF_A_PART = 21, 7, 2
# How many days' worth of "like its part of the week" each weekday's factor begins with.
SHRINKING = 1.5
# A day of the month stands out when each time it takes so many mean days, and so many times
# what 19 of 20 other days take at most.
BATCH, ABOVE_OTHERS, FEWEST_BATCHES = 3.0, 1.5, 2


@dataclass(frozen=True)
class WeekProfile:
    """Seven factors, Monday first, with mean 1; `by` says what the data told apart."""

    factors: tuple[float, ...]
    by: str
    days: int


@dataclass(frozen=True)
class MonthDay:
    """A day of the month (31 is the last) on which `extra` mean days' credits come on top."""

    day: int
    extra: float

    def is_due(self, on: date) -> bool:
        """Say whether this is the day; where a month is shorter, its last."""
        is_last = (on + timedelta(days=1)).day == 1
        return on.day == self.day or (is_last and on.day < self.day)


def profile(days: Mapping[date, float]) -> WeekProfile | None:
    """Return the profile of the newest eight weeks, None where the data carries none.

    Each day is divided by the mean of the week around it, so that growth does not look like a
    weekday. The test is Kruskal and Wallis' on ranks, with ties (1952): one busy Tuesday is no
    pattern. Seven weekdays are told apart from three weeks on, workdays and weekend from ten days.
    """
    first = max(days) - LONGEST if days else date.min
    shares = [
        (day.weekday(), credits / around)
        for day, credits in days.items()
        if day >= first and (around := _mean_around(day, days, days_each_side=3))
    ]
    weekdays, ratios = [day for day, _ in shares], [ratio for _, ratio in shares]
    parts = [int(day >= WEEKEND) for day in weekdays]
    if len(set(parts)) < 2:
        return None
    of_part = [fmean(r for p, r in zip(parts, ratios, strict=True) if p == part) for part in (0, 1)]
    each = [of_part[day >= WEEKEND] for day in range(7)]
    if len(ratios) >= FEWEST_FOR_SEVEN and _spread(weekdays, ratios, 7) > SEVEN_DAYS:
        counts = Counter(weekdays)
        sums = [sum(r for d, r in shares if d == day) for day in range(7)]
        factors = [
            (sums[day] + SHRINKING * each[day]) / (counts[day] + SHRINKING) for day in range(7)
        ]
        return _profile(factors, "weekday", len(ratios))
    enough = len(ratios) >= FEWEST_FOR_TWO and sum(parts) >= FEWEST_OF_A_PART
    apart = max(of_part) >= TWICE * min(of_part)
    if enough and apart and _spread(parts, ratios, 2) > TWO_PARTS:
        return _profile(each, "weekend", len(ratios))
    return None


def month_day(days: Mapping[date, float]) -> MonthDay | None:
    """Return the day of the month on which each time a batch came, None where there is none."""
    shares = {
        day: credits / around
        for day, credits in days.items()
        if (around := _mean_around(day, days, days_each_side=7, itself=False))
    }
    likely = {31, *(day.day for day, share in shares.items() if share >= BATCH)}
    found = [one for number in likely if (one := _batch(MonthDay(number, 0.0), shares))]
    return max(found, key=lambda one: one.extra, default=None)


def _batch(one: MonthDay, shares: Mapping[date, float]) -> MonthDay | None:
    due = [share for day, share in shares.items() if one.is_due(day)]
    if len(due) < FEWEST_BATCHES or min(due) < BATCH:
        return None
    others = sorted(share for day, share in shares.items() if not one.is_due(day))
    if not others or min(due) < ABOVE_OTHERS * others[int(0.95 * len(others))]:
        return None
    return MonthDay(one.day, fmean(due) - 1)


def _mean_around(
    day: date, days: Mapping[date, float], *, days_each_side: int, itself: bool = True
) -> float:
    """Return the mean of the days around one; 0 where fewer than four are known."""
    near = (day + timedelta(days=n) for n in range(-days_each_side, days_each_side + 1))
    known = [days[one] for one in near if one in days and (itself or one != day)]
    return fmean(known) if len(known) >= 4 else 0.0


def _profile(factors: Sequence[float], by: str, days: int) -> WeekProfile:
    return WeekProfile(tuple(one / fmean(factors) for one in factors), by, days)


def _spread(groups: Sequence[int], values: Sequence[float], count: int) -> float:
    """Return Kruskal and Wallis' H: how far the groups' mean ranks lie apart, 0 when all tie."""
    total, sizes, ties = len(values), Counter(groups), sorted(Counter(values).items())
    ends = accumulate(number for _, number in ties)
    rank = {value: end - (n - 1) / 2 for (value, n), end in zip(ties, ends, strict=True)}
    tied = 1 - sum(n**3 - n for _, n in ties) / (total**3 - total)
    if len(sizes) < count or tied <= 0:
        return 0.0
    between = 0.0
    for group, size in sizes.items():
        ranks = fmean(rank[v] for g, v in zip(groups, values, strict=True) if g == group)
        between += size * (ranks - (total + 1) / 2) ** 2
    return 12 / (total * (total + 1)) * between / tied
