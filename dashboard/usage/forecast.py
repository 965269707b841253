"""When credits run out: a range with its likelihood, from readings of the running window."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import numpy as np

from dashboard.usage import burn, weekdays
from dashboard.usage.burn import Curve, Floats, Rates, Reading, Ruler, Stretch
from dashboard.usage.futures import Seen, fit, futures
from dashboard.usage.weekdays import FLAT, Profile

# The range leaves out a tenth at either end: an 80 % range.
EARLY, MIDDLE, LATE = 0.1, 0.5, 0.9
HISTORY = timedelta(days=84)
# Less than a day of use says nothing at all, less than three nothing about the renewal.
FEWEST_DAYS, FEWEST_FOR_VERDICT = 1.0, 3.0
# What has not happened yet is never certain.
SUREST = 0.99
SECOND = timedelta(seconds=1)
# A local day is whole to within this share of it.
NEARLY = 1e-6


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
    readings: tuple[Reading, ...] = ()
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
    week: Profile | None = None
    course: tuple[Step, ...] = ()


def forecast(facts: Facts) -> Forecast:
    """Return what lies ahead until the renewal, the same for the same facts (milliseconds)."""
    start, end, at = facts.start_at, facts.end_at, facts.at
    known = burn.curve(
        facts.readings, start=start, until=min(at, end - SECOND), included=facts.included
    )
    rates = burn.rates(known, start=start, end=end, at=at, remaining=facts.remaining)
    now = burn.moment(known.at[-1]) if known else at
    if at >= end:
        return Forecast(at, now, rates, 0.0, None)
    ahead, days, week = _look_ahead(facts, known, now=now)
    included = _run_out(facts.remaining, ahead, days=days, at=at)
    everything = _run_out(facts.spendable, ahead, days=days, at=at)
    course = _course(ahead, known, facts.remaining)
    return Forecast(
        at,
        now,
        rates,
        days,
        _verdict(facts.remaining, included),
        included,
        everything,
        course[-1].used if course else None,
        week,
        course,
    )


@dataclass(frozen=True)
class _Ahead:
    """Futures: moments (unix seconds), the first is now, and what each path has used by then."""

    moments: Floats
    used: Floats

    def crossings(self, credits: int) -> Floats:
        """Return when each path has used so many credits, sorted; infinity for not at all."""
        crossed = self.used >= credits
        step = np.maximum(1, crossed.argmax(axis=1))
        row = np.arange(len(step))
        before, after = self.used[row, step - 1], self.used[row, step]
        share = np.clip((credits - before) / np.maximum(1e-12, after - before), 0, 1)
        begin = self.moments[step - 1]
        when = begin + share * (self.moments[step] - begin)
        return np.sort(np.where(crossed[:, -1], when, np.inf))


def _look_ahead(
    facts: Facts, known: Curve | None, *, now: datetime
) -> tuple[_Ahead | None, float, Profile | None]:
    """Return the futures, from how many days they are made, and the week that the days show."""
    ruler = Ruler.over(facts.start_at - HISTORY, facts.end_at, facts.zone)
    stretches = burn.stretches(
        known, facts.days, start=facts.start_at, ruler=ruler, zone=facts.zone
    )
    week = _week(stretches, ruler)
    seen = _seen(stretches, ruler, week, now=now)
    days = float(seen.length.sum())
    if days < FEWEST_DAYS:
        return None, days, week
    return _ahead(seen, ruler, week, now=now, end=facts.end_at), days, week


def _week(stretches: list[Stretch], ruler: Ruler) -> Profile | None:
    places = ruler.place(np.array([(one.start, one.end) for one in stretches]).reshape(-1, 2))
    whole = np.abs(places[:, 1] - places[:, 0] - 1) < NEARLY
    credits = np.array([one.credits for one in stretches])[whole]
    begins = places[whole, 0].round()
    return weekdays.profile(ruler.weekdays[begins.astype(int)], begins, credits)


def _seen(stretches: list[Stretch], ruler: Ruler, week: Profile | None, *, now: datetime) -> Seen:
    ends = np.array([(one.start, one.end) for one in stretches]).reshape(-1, 2)
    places = ruler.place(ends)
    here = float(ruler.place(np.array([now.timestamp()]))[0])
    weights = np.interp(ends, ruler.midnights, ruler.weighed(_factors(week)))
    return Seen(
        places.mean(axis=1) - here,
        places[:, 1] - places[:, 0],
        weights[:, 1] - weights[:, 0],
        np.array([one.credits for one in stretches], dtype=np.float64),
    )


def _factors(week: Profile | None) -> Floats:
    return FLAT if week is None else np.array(week.factors)


def _ahead(
    seen: Seen, ruler: Ruler, week: Profile | None, *, now: datetime, end: datetime
) -> _Ahead:
    begin, finish = now.timestamp(), end.timestamp()
    inside = ruler.midnights[(ruler.midnights > begin) & (ruler.midnights < finish)]
    moments = np.array([begin, *inside, finish])
    places = ruler.place(moments)
    weights = np.diff(np.interp(moments, ruler.midnights, ruler.weighed(_factors(week))))
    known = fit(seen)
    if known is None:
        return _Ahead(moments, np.zeros((1, len(moments))))
    used = futures(known, (places[1:] + places[:-1]) / 2 - places[0], weights)
    return _Ahead(moments, np.pad(used, ((0, 0), (1, 0))))


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
    lasts = float(np.clip(np.isinf(crossings).mean(), 1 - SUREST, SUREST))
    verdict = Verdict.TOO_EARLY
    if days >= FEWEST_FOR_VERDICT and (early is None or late is not None):
        verdict = Verdict.YES if early is None else Verdict.NO
    return RunOut(early, median, late, lasts, verdict)


def _moment(crossings: Floats, share: float, *, at: datetime) -> datetime | None:
    seconds = float(crossings[min(len(crossings) - 1, int(share * len(crossings)))])
    return None if np.isinf(seconds) else max(at, burn.moment(seconds))


def _verdict(remaining: int | None, included: RunOut | None) -> Verdict | None:
    if remaining is None:
        return None
    return Verdict.TOO_EARLY if included is None else included.verdict


def _course(ahead: _Ahead | None, known: Curve | None, remaining: int | None) -> tuple[Step, ...]:
    if ahead is None:
        return ()
    shares = np.quantile(ahead.used, (EARLY, MIDDLE, LATE), axis=0)
    return tuple(
        Step(
            burn.moment(when),
            None if known is None else _spread(known.used[-1] + used),
            None if remaining is None else _spread(np.maximum(0.0, remaining - used[::-1])),
        )
        for when, used in zip(ahead.moments, shares.T, strict=True)
    )


def _spread(credits: Floats) -> Spread:
    low, median, high = (round(float(one)) for one in credits)
    return Spread(low, median, high)
