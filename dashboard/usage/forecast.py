"""When credits run out: a range with its likelihood, from readings of the running window.

The method is told in plain words in docs/forecast.md; the constants were chosen on the tuning seeds
of benchmarks/backtest.py.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import accumulate, combinations, pairwise
from math import exp, inf, isinf, log, sqrt
from random import Random
from statistics import NormalDist, fmean, median
from zoneinfo import ZoneInfo

from dashboard.usage import burn_rate
from dashboard.usage.burn_rate import (
    FLAT,
    CounterReading,
    Curve,
    MonthDay,
    Rates,
    Ruler,
    WeekProfile,
)

# The range leaves out a tenth at either end: an 80 % range.
EARLY, MIDDLE, LATE = 0.1, 0.5, 0.9
HISTORY = timedelta(days=84)
# Less than a day of use says nothing at all, less than three nothing about the renewal.
FEWEST_DAYS, FEWEST_FOR_VERDICT = 1.0, 3.0
# What has not happened yet is never certain.
SUREST = 0.99
SECOND = timedelta(seconds=1)
# A local day is whole to within this share of it; almost whole, and busy, is what tells how days
# differ.
NEARLY, WHOLE, BUSY = 1e-6, 0.25, 0.3
# Half-lives in days: how fast the past is forgotten differs from future to future; the usual level,
# and which days are drawn again.
FORGETTING, USUAL, DRAWN = (2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0, 20.0), 15.0, 30.0
# What is taken for granted before any day is seen: so many days, and the variance of one (mean 1).
PRIOR_DAYS, PRIOR_SCATTER = 2.0, 0.3
# The lognormal doubt about a level: a share of how days differ (of their variance so much counts),
# and for a day ahead (it grows with their root). A surprise is more often more use than less.
DOUBT, MOST_SCATTER, DOUBT_OF_A_DAY, UPWARDS = 0.2, 0.5, 0.022, 1.25
# Days in which growth, or a new level, is looked for, and from how many on; the days between two
# that tell growth; the fewest before and after a new level; how many days growth counts.
TREND_DAYS, FEWEST_FOR_TREND, APART, BEFORE, AFTER, GROWTH_DAYS = 56, 21, 7, 7, 9, 45
MOST_GROWTH = 0.05
# What growth, and a new level, have to explain better than one level; of days a part that is idle.
PRICE_OF_GROWTH, PRICE_OF_LEVEL, IDLE = 3.0, 10.0, 1 / 3
# Three days in a row so many times beyond nine tenths of all days are a campaign, or a closure.
UNUSUAL, IN_A_ROW = 1.5, 3
PATHS, FEWEST_PATHS, MOST_CELLS = 256, 64, 8192


class Verdict(StrEnum):
    """Whether credits last until the renewal."""

    YES = "yes"
    NO = "no"
    TOO_EARLY = "too early to say"


@dataclass(frozen=True)
class Facts:
    """What a forecast is made from: moments aware, credits as integers, None is unknown.

    `readings` are of the running window `[start_at, end_at)`; `remaining` and `prepaid` belong to
    the newest of them. `days` has the use of earlier local days; a day that is missing is unknown.
    """

    start_at: datetime
    end_at: datetime
    at: datetime
    zone: ZoneInfo
    readings: tuple[CounterReading, ...] = ()
    days: Mapping[date, int] = field(default_factory=dict)
    included: int | None = None
    remaining: int | None = None
    prepaid: int | None = None

    @property
    def spendable(self) -> int | None:
        """Return the included credits left and the prepaid ones; None unless both are known."""
        if self.remaining is None or self.prepaid is None:
            return None
        return self.remaining + self.prepaid


@dataclass(frozen=True)
class Spread:
    """Credits: one in ten futures ends below `low`, half below `median`, nine below `high`."""

    low: int
    median: int
    high: int


@dataclass(frozen=True)
class RunOut:
    """When credits run out, UTC: three moments, None for "after the renewal".

    `lasts` is the chance that they last until the renewal.
    """

    early: datetime | None
    median: datetime | None
    late: datetime | None
    lasts: float
    verdict: Verdict


@dataclass(frozen=True)
class Step:
    """A point of the chart: what is used of the window by then and left of the included credits."""

    at: datetime
    used: Spread | None
    left: Spread | None


@dataclass(frozen=True)
class Forecast:
    """What lies ahead until the renewal; None is unknown, never 0.

    `included` and `everything` are None where the balance is unknown or too little is known to say.
    """

    at: datetime
    as_of: datetime
    rates: Rates
    known_days: float
    verdict: Verdict | None
    included: RunOut | None = None
    everything: RunOut | None = None
    used_at_end: Spread | None = None
    week: WeekProfile | None = None
    month_day: MonthDay | None = None
    course: tuple[Step, ...] = ()


def forecast(facts: Facts) -> Forecast:
    """Return what lies ahead until the renewal, the same for the same facts (milliseconds)."""
    start, end, at = facts.start_at, facts.end_at, facts.at
    known = burn_rate.curve(
        facts.readings, start=start, until=min(at, end - SECOND), included=facts.included
    )
    rates = burn_rate.rates(known, start=start, end=end, at=at, remaining=facts.remaining)
    now = burn_rate.moment(known.at[-1]) if known else at
    if at >= end:
        return Forecast(at, now, rates, 0.0, None)
    past = _past_of(facts, known, now=now)
    ahead = past.ahead(now, end) if past.known_days >= FEWEST_DAYS else None
    included = _run_out(facts.remaining, ahead, days=past.known_days, at=at)
    everything = _run_out(facts.spendable, ahead, days=past.known_days, at=at)
    course = _course(ahead, known, facts.remaining)
    return Forecast(
        at,
        now,
        rates,
        past.known_days,
        _verdict(facts.remaining, included),
        included,
        everything,
        course[-1].used if course else None,
        past.week,
        past.month_day,
        course,
    )


@dataclass(frozen=True)
class Day:
    """The use of a day, or of a longer or shorter stretch of time, so many days `ago`.

    `length` is in days, `weight` in days as their weekdays' factors weigh them.
    """

    ago: float
    length: float
    weight: float
    credits: float

    @property
    def is_whole(self) -> bool:
        """Say whether this is a single day with enough use in it to tell how days differ."""
        return abs(self.length - 1) < WHOLE and self.weight > BUSY

    @property
    def level(self) -> float:
        """The credits of a mean day like this."""
        return self.credits / max(1e-12, self.weight)

    def fresh(self, half_life: float) -> float:
        """Return how much this day counts: today 1, after a half-life 0.5."""
        return float(0.5 ** (self.ago / half_life))


@dataclass(frozen=True)
class _Past:
    """What is known of the use before now, and the week and the day of the month it shows."""

    ruler: Ruler
    days: list[Day]
    known_days: float
    week: WeekProfile | None
    month_day: MonthDay | None

    def ahead(self, now: datetime, end: datetime) -> _Ahead:
        """Return the futures from now to the renewal."""
        begin, finish = now.timestamp(), end.timestamp()
        inside = [one for one in self.ruler.midnights if begin < one < finish]
        moments = [begin, *inside, finish]
        weighed = _weighed(self.ruler, self.week, self.month_day)
        places = [burn_rate.interpolate(one, self.ruler.midnights, weighed) for one in moments]
        return _Ahead(moments, futures(self.days, [b - a for a, b in pairwise(places)]))


def _past_of(facts: Facts, known: Curve | None, *, now: datetime) -> _Past:
    ruler = Ruler.over(facts.start_at - HISTORY, facts.end_at, facts.zone)
    stretches = burn_rate.stretches(
        known, facts.days, start=facts.start_at, ruler=ruler, zone=facts.zone
    )
    placed = [(ruler.place(one.start), ruler.place(one.end), one) for one in stretches]
    whole = {
        ruler.dates[round(begin)]: one.credits
        for begin, end, one in placed
        if abs(end - begin - 1) < NEARLY
    }
    month_day = burn_rate.month_day(whole)
    # The batches themselves are known by now: they set neither the level nor the week.
    batches = {day for day in whole if month_day and month_day.is_due(day)}
    week = burn_rate.profile({day: used for day, used in whole.items() if day not in batches})
    weighed = _weighed(ruler, week, month_day)
    here = ruler.place(now.timestamp())
    days = []
    for begin, end, one in placed:
        if ruler.dates[round(begin)] in batches and abs(end - begin - 1) < NEARLY:
            continue
        before, after = (
            burn_rate.interpolate(at, ruler.midnights, weighed) for at in (one.start, one.end)
        )
        days.append(Day(here - (begin + end) / 2, end - begin, after - before, one.credits))
    return _Past(ruler, days, sum(end - begin for begin, end, _ in placed), week, month_day)


def _weighed(ruler: Ruler, week: WeekProfile | None, month_day: MonthDay | None) -> list[float]:
    """Return how many mean days' use is to be expected up to each midnight."""
    factors = week.factors if week else FLAT
    each = (
        factors[day.weekday()] + (month_day.extra if month_day and month_day.is_due(day) else 0)
        for day in ruler.dates[:-1]
    )
    return list(accumulate(each, initial=0.0))


def futures(days: Sequence[Day], weights: Sequence[float]) -> list[list[float]]:
    """Return what each of up to 256 possible futures has used, now and by the end of each step.

    `weights` is how many mean days' use each step is expected to take. A future has a level of its
    own, with an exponential weight on the newer days, and a lognormal doubt about it; its days are
    past days drawn again. The dice are the same for everybody: the same days give the same futures.
    """
    paths = min(PATHS, max(FEWEST_PATHS, MOST_CELLS // len(weights)))
    used = [[0.0] * paths]
    if not any(day.credits for day in days) or sum(day.weight for day in days) <= 0:
        return used * (len(weights) + 1)
    dice = Random(20251103)
    growth, lifted = _lifted(days)
    usual = _level(_drawn_in(lifted), USUAL)
    pool, chances = _pool(lifted, usual)
    levels, doubts = _levels(_drawn_in(lifted), usual, _variance(pool, chances), dice, paths)
    for step, weight in enumerate(weights):
        ahead = step + 0.5
        each = weight * exp(growth * min(ahead, GROWTH_DAYS))
        drawn = dice.choices(pool, cum_weights=chances, k=paths)
        used.append(
            [
                sofar + each * level * day * exp(doubt * sqrt(ahead))
                for sofar, level, day, doubt in zip(used[-1], levels, drawn, doubts, strict=True)
            ]
        )
    return used


def _levels(
    days: Sequence[Day], usual: float, scatter: float, dice: Random, paths: int
) -> tuple[list[float], list[float]]:
    """Return each future's level in credits a day, and its doubt for a day ahead."""
    ranks = (NormalDist().inv_cdf((n + 0.5) / paths) for n in range(paths))
    normal = [max(one, one * UPWARDS) for one in ranks]
    beliefs = [_belief(days, usual, half_life) for half_life in FORGETTING]
    levels = []
    for n, deviation in enumerate(dice.sample(normal, paths)):
        level, known = beliefs[n % len(beliefs)]
        doubt = DOUBT * min(MOST_SCATTER, scatter) + scatter / (known + PRIOR_DAYS)
        levels.append(level * exp(sqrt(doubt) * deviation))
    return levels, [DOUBT_OF_A_DAY * one for one in dice.sample(normal, paths)]


def _belief(days: Sequence[Day], usual: float, half_life: float) -> tuple[float, float]:
    """Return the level in credits a day as it looks with this half-life, and from how many days."""
    fresh = [day.fresh(half_life) for day in days]
    known = sum(one * day.weight for one, day in zip(fresh, days, strict=True))
    taken = sum(one * day.credits for one, day in zip(fresh, days, strict=True))
    return (taken + usual) / (known + 1), known


def _level(days: Sequence[Day], half_life: float) -> float:
    fresh = [day.fresh(half_life) for day in days]
    return fmean([day.credits for day in days], fresh) / fmean([day.weight for day in days], fresh)


def _pool(days: Sequence[Day], usual: float) -> tuple[list[float], list[float]]:
    """Return days to draw (1 is a mean day) and their summed chances.

    Before there are many, a general idea of how days differ is mixed in: a gamma distribution
    with mean 1 (Wilson and Hilferty).
    """
    whole = [day for day in days if day.is_whole]
    ninth = PRIOR_SCATTER / 9
    ranks = (NormalDist().inv_cdf((n + 0.5) / 16) for n in range(16))
    prior = [max(0.0, 1 - ninth + rank * sqrt(ninth)) ** 3 for rank in ranks]
    pool = [*(day.level / usual for day in whole), *(one / fmean(prior) for one in prior)]
    chances = [day.fresh(DRAWN) * day.weight for day in whole] + [PRIOR_DAYS / 16] * 16
    middle = fmean(pool, chances)
    return [one / middle for one in pool], list(accumulate(chances))


def _variance(pool: Sequence[float], chances: Sequence[float]) -> float:
    weights = [b - a for a, b in pairwise([0.0, *chances])]
    return fmean([(one - 1) ** 2 for one in pool], weights)


def _lifted(days: Sequence[Day]) -> tuple[float, list[Day]]:
    """Return the growth a day, and the days as they would be at today's level."""
    growth, factor, since = _trend([d for d in days if d.is_whole and d.ago <= TREND_DAYS])
    return growth, [
        replace(
            day,
            credits=day.credits
            * exp(growth * min(day.ago, GROWTH_DAYS))
            * (factor if day.ago > since else 1.0),
        )
        for day in days
    ]


def _trend(days: Sequence[Day]) -> tuple[float, float, float]:
    """Return the growth a day; or by how much the level changed for good, and how many days ago.

    One level, a line and two levels are compared by their distance from the days, on a logarithmic
    scale; medians keep a campaign from looking like either. Where much of the days is idle,
    medians say nothing and neither is looked for.
    """
    found = 0.0, 1.0, inf
    if len(days) < FEWEST_FOR_TREND:
        return found
    mean = sum(day.credits for day in days) / sum(day.weight for day in days)
    if not mean or sum(day.level < BUSY * mean for day in days) > IDLE * len(days):
        return found
    logs = [log(day.level + mean / 20) for day in days]
    best = _distance(logs)
    slope = _slope(days, logs)
    line = [one + slope * day.ago for day, one in zip(days, logs, strict=True)]
    if (distance := _distance(line) + PRICE_OF_GROWTH) < best:
        best, found = distance, (slope, 1.0, inf)
    for cut in range(BEFORE, len(days) - AFTER + 1):
        before, after = logs[:cut], logs[cut:]
        if (distance := _distance(before, after) + PRICE_OF_LEVEL) < best:
            since = (days[cut - 1].ago + days[cut].ago) / 2
            best, found = distance, (0.0, exp(median(after) - median(before)), since)
    return found


def _slope(days: Sequence[Day], logs: Sequence[float]) -> float:
    """Return the median of the slopes between all pairs of days that are a week apart (Theil)."""
    pairs = combinations(zip(days, logs, strict=True), 2)
    slopes = [(b - a) / gap for (x, a), (y, b) in pairs if (gap := x.ago - y.ago) >= APART]
    return max(-MOST_GROWTH, min(MOST_GROWTH, median(slopes))) if slopes else 0.0


def _distance(*parts: Sequence[float]) -> float:
    """Return the logarithm of how far values are from their part's median, per value."""
    count = sum(map(len, parts))
    off = sum(abs(one - middle) for part in parts for middle in [median(part)] for one in part)
    return count * log(off + count / 20)


def _drawn_in(days: Sequence[Day]) -> list[Day]:
    """Return the days with campaigns and closures drawn in, so that they do not set the level."""
    levels = sorted(day.level for day in days if day.is_whole)
    if len(levels) < FEWEST_FOR_TREND:
        return list(days)
    low, high = levels[len(levels) // 10], levels[len(levels) * 9 // 10]
    if not high:
        return list(days)
    most = high * UNUSUAL
    odd = _in_a_row([day.level > most for day in days])
    odd |= _in_a_row([day.level < low / UNUSUAL for day in days])
    return [
        replace(day, credits=max(low, min(most, day.level)) * day.weight) if n in odd else day
        for n, day in enumerate(days)
    ]


def _in_a_row(flags: Sequence[bool]) -> set[int]:
    """Return the places of the flags that belong to three or more in a row."""
    starts = (n for n in range(len(flags) - IN_A_ROW + 1) if all(flags[n : n + IN_A_ROW]))
    return {n + more for n in starts for more in range(IN_A_ROW)}


@dataclass(frozen=True)
class _Ahead:
    """Futures: moments (unix seconds), the first is now, and what each has used by then."""

    moments: list[float]
    used: list[list[float]]

    def crossings(self, credits: int) -> list[float]:
        """Return when each future has used so many credits, sorted; infinity for not at all."""
        return sorted(self._crossing(path, credits) for path in zip(*self.used, strict=True))

    def _crossing(self, path: Sequence[float], credits: int) -> float:
        step = bisect_left(path, credits)
        if step == len(path):
            return inf
        begin, after = self.moments[step - 1], self.moments[step]
        return begin + (credits - path[step - 1]) / (path[step] - path[step - 1]) * (after - begin)


def _run_out(
    credits: int | None, ahead: _Ahead | None, *, days: float, at: datetime
) -> RunOut | None:
    if credits is None:
        return None
    if credits <= 0:
        return RunOut(at, at, at, 0.0, Verdict.NO)
    if ahead is None:
        return None
    crossings = ahead.crossings(credits)
    early, median, late = (_moment(crossings, share, at=at) for share in (EARLY, MIDDLE, LATE))
    lasts = max(1 - SUREST, min(SUREST, sum(map(isinf, crossings)) / len(crossings)))
    verdict = Verdict.TOO_EARLY
    if days >= FEWEST_FOR_VERDICT and (early is None or late is not None):
        verdict = Verdict.YES if early is None else Verdict.NO
    return RunOut(early, median, late, lasts, verdict)


def _moment(crossings: Sequence[float], share: float, *, at: datetime) -> datetime | None:
    seconds = crossings[int(share * len(crossings))]
    return None if isinf(seconds) else max(at, burn_rate.moment(seconds))


def _verdict(remaining: int | None, included: RunOut | None) -> Verdict | None:
    if remaining is None:
        return None
    return Verdict.TOO_EARLY if included is None else included.verdict


def _course(ahead: _Ahead | None, known: Curve | None, remaining: int | None) -> tuple[Step, ...]:
    if ahead is None:
        return ()
    steps = []
    for when, column in zip(ahead.moments, ahead.used, strict=True):
        ranked = sorted(column)
        low, middle, high = (ranked[int(share * len(ranked))] for share in (EARLY, MIDDLE, LATE))
        used = left = None
        if known is not None:
            used = Spread(*(round(known.used[-1] + one) for one in (low, middle, high)))
        if remaining is not None:
            left = Spread(*(round(max(0.0, remaining - one)) for one in (high, middle, low)))
        steps.append(Step(burn_rate.moment(when), used, left))
    return tuple(steps)
