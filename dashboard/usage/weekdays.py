"""When in the week, and on which day of the month, a team uses more: where it is more than chance.

Days are whole local days, a date with its credits; a day that is missing is unknown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import accumulate
from statistics import fmean

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
class Profile:
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


def profile(days: Mapping[date, float]) -> Profile | None:
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


def _profile(factors: Sequence[float], by: str, days: int) -> Profile:
    return Profile(tuple(one / fmean(factors) for one in factors), by, days)


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
