"""Made-up teams of different kinds: what they use hour by hour, drawn from a seed."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

HISTORY, CYCLE, AFTER = 84, 30, 1
HOUR = timedelta(hours=1)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "UTC")
OFFICE_HOURS = np.array([0.1] * 7 + [1, 3, 4, 4, 3, 2, 3, 4, 4, 3, 1] + [0.3] * 6)
ALL_HOURS = 1 + 0.6 * np.sin((np.arange(24) - 8) / 24 * 2 * np.pi)
FIRST_DAY = date(2026, 3, 2)


@dataclass(frozen=True)
class Team:
    """One made-up team: use per hour from `begin` on (UTC), and its cycle."""

    kind: str
    zone: ZoneInfo
    begin: datetime
    start: datetime
    end: datetime
    hours: np.ndarray
    included: int
    has_history: bool
    missing: frozenset[int]
    silent: tuple[float, float]
    event: datetime | None

    @cached_property
    def sums(self) -> np.ndarray:
        """Return the credits used up to each hour."""
        return np.append(0, np.cumsum(self.hours))

    def used(self, moments: Sequence[datetime]) -> np.ndarray:
        """Return the credits used of the cycle up to each moment."""
        places = [(one - self.begin) / HOUR for one in (self.start, *moments)]
        totals = np.interp(places, np.arange(len(self.sums)), self.sums)
        return (totals[1:] - totals[0]).astype(int)

    def is_silent(self, moment: datetime) -> bool:
        """Say whether nobody read the counter at that moment."""
        begin, end = self.silent
        return begin <= (moment - self.start) / timedelta(days=1) < end

    def runs_out(self) -> datetime | None:
        """Return when the included credits are used up, None when not before the renewal."""
        start = np.interp((self.start - self.begin) / HOUR, np.arange(len(self.sums)), self.sums)
        goal = self.included + float(start)
        if self.sums[-1] < goal:
            return None
        hour = int(np.searchsorted(self.sums, goal))
        before, after = self.sums[hour - 1 : hour + 1]
        found = self.begin + (hour - 1 + (goal - before) / (after - before)) * HOUR
        return found if found < self.end else None


def team(kind: str, seed: int) -> Team:
    """Return the team of this kind and seed; the same always."""
    rng = np.random.default_rng([seed, sum(kind.encode())])
    zone = ZoneInfo(str(rng.choice(ZONES)))
    days = HISTORY + CYCLE + AFTER + 1
    first = FIRST_DAY + timedelta(days=int(rng.integers(0, 300)))
    office = bool(rng.random() < 0.5) or kind in ("office week", "holidays")
    weekdays = (np.arange(days) + first.weekday()) % 7
    level = float(np.exp(rng.uniform(np.log(20), np.log(3000)))) * _drift(rng, days)
    if office:
        level = level * _week(rng, weekdays)
    shape, event = SHAPES[kind](rng, days)
    level = level * shape
    if kind == "monthly batch":
        level = level + level.mean() * _batches(
            rng, [first + timedelta(days=n) for n in range(days)]
        )
    totals = rng.poisson(level)
    if kind == "idle":
        totals = rng.poisson(rng.uniform(0.02, 1.0), days) * rng.integers(1, 4)
    begin = datetime(first.year, first.month, first.day, tzinfo=zone).astimezone(UTC)
    hours = np.concatenate([_hours(rng, int(total), office=office) for total in totals])
    start = begin + timedelta(days=HISTORY, hours=float(rng.uniform(0, 24)))
    found = Team(
        kind=kind,
        zone=zone,
        begin=begin,
        start=start,
        end=start + timedelta(days=CYCLE),
        hours=hours,
        included=0,
        has_history=kind != "new account",
        missing=frozenset(np.flatnonzero(rng.random(HISTORY) < 0.05).tolist()),
        silent=_silence(rng),
        event=None if event is None else begin + timedelta(days=event),
    )
    included = max(1, round(int(found.used([found.end])[0]) * float(rng.uniform(0.5, 1.4))))
    if kind == "idle":
        included = int(rng.choice([50, 500, 5000]))
    return replace(found, included=included)


def _hours(rng: np.random.Generator, total: int, *, office: bool) -> np.ndarray:
    """Spread a day's credits over its hours: a few jobs, at the hours people work."""
    weights = (OFFICE_HOURS if office else ALL_HOURS) * (rng.gamma(0.7, 1, 24) + 1e-6)
    return rng.multinomial(total, weights / weights.sum())


def _silence(rng: np.random.Generator) -> tuple[float, float]:
    """Return between which days of the cycle nobody read the counter: one team in four."""
    if rng.random() > 0.25:
        return 0.0, 0.0
    begin = float(rng.uniform(0, CYCLE - 3))
    return begin, begin + float(rng.uniform(0.5, 3))


def _drift(rng: np.random.Generator, days: int) -> np.ndarray:
    """Every team wanders: 3 to 10 % a week up or down."""
    return np.exp(np.cumsum(rng.normal(0, rng.uniform(0.03, 0.10) / np.sqrt(7), days)))


def _week(rng: np.random.Generator, weekdays: np.ndarray) -> np.ndarray:
    factors = np.append(rng.uniform(0.8, 1.2, 5), rng.uniform(0, 0.15, 2))
    return (factors / factors.mean())[weekdays]


def _noise(rng: np.random.Generator, days: int, low: float, high: float) -> np.ndarray:
    shape = 1 / rng.uniform(low, high) ** 2
    return rng.gamma(shape, 1 / shape, days)


Shape = tuple[np.ndarray, int | None]


def _steady(rng: np.random.Generator, days: int) -> Shape:
    return _noise(rng, days, 0.1, 0.35), None


def _office(rng: np.random.Generator, days: int) -> Shape:
    return _noise(rng, days, 0.15, 0.4), None


def _bursty(rng: np.random.Generator, days: int) -> Shape:
    sizes = rng.lognormal(0, rng.uniform(0.5, 1.0), days)
    return np.where(rng.random(days) < rng.uniform(0.15, 0.5), sizes, 0.02) * 2, None


def _growing(rng: np.random.Generator, days: int) -> Shape:
    since = np.arange(days) - (HISTORY - rng.uniform(14, HISTORY))
    growth = np.exp(rng.uniform(0.01, 0.03) * np.maximum(0, since))
    return _noise(rng, days, 0.1, 0.35) * growth, None


def _campaign(rng: np.random.Generator, days: int) -> Shape:
    noise = _noise(rng, days, 0.1, 0.35)
    begin = HISTORY + int(rng.integers(-30, 28))
    noise[begin : begin + int(rng.integers(3, 9))] *= rng.uniform(3, 8)
    return noise, begin


def _holidays(rng: np.random.Generator, days: int) -> Shape:
    noise = _noise(rng, days, 0.15, 0.4)
    begin = HISTORY + int(rng.integers(-20, 28))
    noise[begin : begin + int(rng.integers(3, 10))] *= 0.03
    noise[rng.integers(HISTORY - 30, HISTORY + CYCLE, 2)] *= 0.03
    return noise, begin


def _shift(rng: np.random.Generator, days: int) -> Shape:
    """From one day to the next 1.5 to 4 times as much for good, or as little."""
    noise = _noise(rng, days, 0.1, 0.35)
    begin = HISTORY + int(rng.integers(-30, 28))
    noise[begin:] *= np.exp(rng.choice((-1, 1)) * rng.uniform(np.log(1.5), np.log(4)))
    return noise, begin


def _batches(rng: np.random.Generator, dates: Sequence[date]) -> np.ndarray:
    """Return 4 to 30 days' worth on one day of each month, or on its last where it is shorter."""
    day, size = int(rng.integers(1, 32)), np.exp(rng.uniform(np.log(4), np.log(30)))
    due = [one.day == min(day, monthrange(one.year, one.month)[1]) for one in dates]
    return np.where(due, size * _noise(rng, len(dates), 0.05, 0.3), 0)


def _idle(rng: np.random.Generator, days: int) -> Shape:
    return np.ones(days), None


SHAPES = {
    "steady": _steady,
    "office week": _office,
    "bursty": _bursty,
    "growing": _growing,
    "campaign": _campaign,
    "idle": _idle,
    "holidays": _holidays,
    "new account": _office,
    "level shift": _shift,
    "monthly batch": _office,
}
