"""Possible futures of a team's use: what its days say of its level, its growth and its chances.

The method is told in plain words in docs/forecast.md; the constants were chosen on the tuning seeds
of benchmarks/backtest.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from dashboard.usage.burn import Flags, Floats

# A day of 13 days ago weighs half as much as today.
HALF_LIFE = 13.0
# Growth a day: where the search begins, what is usual before the days tell, how it may still turn,
# and for how many days ahead it goes on.
FIRST_GROWTH, GROWTH, TURNING, LONGEST_GROWTH = 0.02, 0.015, 0.009, 45.0
# What is taken for granted before any day is seen: so many days, and the variance of one (mean 1).
PRIOR_DAYS, PRIOR_SCATTER = 2.0, 0.3
# Three days in a row so many times beyond nine tenths of all days are a campaign, or a closure.
UNUSUAL, FEWEST_USUAL = 2.0, 21
# A day is like the one before at most so often, and this many days' worth of doubt is added.
MOST_LIKE_YESTERDAY, DOUBT = 0.8, 7.0
# Days this near to a whole one, and this busy, make up the pool; "yesterday" is this near to now.
WHOLE, BUSY, NEAR = 0.25, 0.3, 2.0
PATHS, MOST_CELLS, MOST_STEPS, FACES, ROUNDS = 512, 32_768, 512, 1024, 6


@dataclass(frozen=True)
class Seen:
    """Stretches of use as columns, oldest first.

    `middle` is in days before now (negative), `length` in days, `weight` in days as its weekdays'
    factors weigh them, `credits` in credits.
    """

    middle: Floats
    length: Floats
    weight: Floats
    credits: Floats

    @property
    def whole(self) -> Flags:
        """Say which stretches are single days with enough use in them to tell how days differ."""
        return (np.abs(self.length - 1) < WHOLE) & (self.weight > BUSY)


@dataclass(frozen=True)
class Line:
    """The level now (logarithm of credits a day) and its growth a day, with their covariance."""

    level: float
    growth: float
    unsure: tuple[float, float, float]
    days: Floats


@dataclass(frozen=True)
class Fit:
    """A line, and the days around it (1 is a day on the line) with the chance of each."""

    line: Line
    likeness: float
    newest: float | None
    days: Floats
    chances: Floats


def _normals(count: int) -> Floats:
    """Return the standard normal distribution as so many equally likely values."""
    return np.array([NormalDist().inv_cdf((n + 0.5) / count) for n in range(count)])


def _prior_days() -> Floats:
    """Return equally likely days of a gamma distribution with mean 1 (Wilson and Hilferty)."""
    ninth = PRIOR_SCATTER / 9
    days = np.maximum(0.0, 1 - ninth + _normals(16) * np.sqrt(ninth)) ** 3
    return days / days.mean()


# The same dice for everybody, thrown once: a forecast is the same whenever the facts are, and more
# credits never run out earlier.
_DICE = np.random.default_rng(20251103)
_LEVELS, _GROWTHS = _DICE.permutation(_normals(PATHS)), _DICE.permutation(_normals(PATHS))
_FACES = _DICE.integers(0, FACES, (PATHS, MOST_STEPS), dtype=np.int16)
_KEEPS = _DICE.random((PATHS, MOST_STEPS), dtype=np.float32)
_PRIOR = _prior_days()


def fit(seen: Seen) -> Fit | None:
    """Return what the stretches say, newest weighing most; None where no use was seen at all."""
    if not (seen.credits > 0).any() or seen.weight.sum() <= 0:
        return None
    fresh = 0.5 ** (-seen.middle / HALF_LIFE)
    whole = seen.whole
    line = _line(seen, fresh * seen.weight, whole)
    pool = np.append(line.days[whole], _PRIOR)
    # How days differ changes more slowly than how many credits they take.
    known = np.sqrt(fresh[whole]) * seen.weight[whole]
    chances = np.append(known, np.full(len(_PRIOR), PRIOR_DAYS / len(_PRIOR)))
    chances /= chances.sum()
    pool /= (pool * chances).sum()
    newest = None
    if whole.any() and seen.middle[whole][-1] > -NEAR:
        newest = float(pool[whole.sum() - 1])
    return Fit(line, _likeness(line.days, seen), newest, pool, chances)


def _line(seen: Seen, weight: Floats, whole: Flags) -> Line:
    """Fit level and growth on a logarithmic scale, by Newton's steps.

    The prior of growth has long tails (Student's t with one degree): small growth is taken for
    chance, large growth for what it is.
    """
    level = float(np.log(seen.credits.sum() / seen.weight.sum()))
    growth, prior = 0.0, FIRST_GROWTH**-2
    for turn in range(ROUNDS):
        usual = _usual(_days(seen, level, growth), whole)
        # Growth that is not fitted yet makes days alike: likeness is asked for in the second half.
        alike = _likeness(usual, seen) if turn >= ROUNDS // 2 else 0.0
        scale = _scatter(usual, weight, seen) * (1 + alike) / (1 - alike)
        pull, lean = weight * (usual - 1) / scale, weight * seen.middle / scale
        a, b, c = weight.sum() / scale, lean.sum(), (lean * seen.middle).sum() + prior
        up, on = pull.sum(), (pull * seen.middle).sum() - growth * prior
        area = a * c - b * b
        level += float(np.clip((c * up - b * on) / area, -1, 1))
        growth += float(np.clip((a * on - b * up) / area, -0.05, 0.05))
        prior = 2 / (GROWTH**2 + growth**2)
    unsure = (float(c / area), float(-b / area), float(a / area))
    return Line(level, growth, unsure, _days(seen, level, growth))


def _days(seen: Seen, level: float, growth: float) -> Floats:
    """Return how much of the line each stretch used: 1 is just that."""
    return seen.credits / np.maximum(1e-12, seen.weight * np.exp(level + growth * seen.middle))


def _usual(days: Floats, whole: Flags) -> Floats:
    """Return the days with campaigns and closures drawn in, so that they do not set the level."""
    if whole.sum() < FEWEST_USUAL:
        return days
    low, high = np.quantile(days[whole], (0.1, 0.9))
    most = high * UNUSUAL
    odd = _in_a_row(days > most) | _in_a_row(days < low / UNUSUAL)
    return np.where(odd, np.clip(days, low, most), days)


def _in_a_row(flags: Flags) -> Flags:
    """Say which flags belong to three or more in a row."""
    padded = np.pad(flags, 2)
    threes = padded[:-2] & padded[1:-1] & padded[2:]
    return threes[2:] | threes[1:-1] | threes[:-2]


def _scatter(days: Floats, weight: Floats, seen: Seen) -> float:
    """Return the variance of a day whose mean is 1; a stretch of n days varies an n-th of that."""
    busy = seen.weight > BUSY * seen.length
    off = (weight * seen.length * (days - 1) ** 2)[busy].sum()
    sure = weight[busy].sum()
    return float((off + PRIOR_DAYS * PRIOR_SCATTER) / (sure + PRIOR_DAYS))


def _likeness(days: Floats, seen: Seen) -> float:
    """Return how far a day is like the one before: 0 not at all, and 0 while few days are known."""
    off = (days - 1) * seen.weight
    next_to = np.abs(np.diff(seen.middle) - 1) < WHOLE
    before, after = off[:-1][next_to], off[1:][next_to]
    alone = float((before**2 + after**2).sum()) / 2
    if alone <= 0:
        return 0.0
    trust = len(before) / (len(before) + DOUBT)
    return float(np.clip((before * after).sum() / alone * trust, 0.0, MOST_LIKE_YESTERDAY))


def futures(known: Fit, ahead: Floats, weights: Floats) -> Floats:
    """Return possible futures as rows: the credits used by the end of each step from now.

    `ahead` is how many days from now each step's middle lies, `weights` how many days it is as its
    weekday's factor weighs. Level and growth are drawn as surely as they are known; each day is
    then like the one before, or drawn from the pool.
    """
    paths = min(PATHS, max(64, MOST_CELLS // len(ahead)))
    line = known.line
    var_level, covariance, var_growth = line.unsure
    level, tilt = np.sqrt(var_level), covariance / np.sqrt(var_level)
    turn = np.sqrt(max(0.0, var_growth - tilt**2) + TURNING**2)
    growth = line.growth + tilt * _LEVELS[:paths] + turn * _GROWTHS[:paths]
    grown = growth[:, None] * np.minimum(ahead, LONGEST_GROWTH)[None, :]
    log = line.level + level * _LEVELS[:paths, None] + grown
    use = np.exp(np.clip(log, -50, 50)) * weights * _drawn(known, paths, len(ahead))
    return np.cumsum(use, axis=1)


def _drawn(known: Fit, paths: int, steps: int) -> Floats:
    """Return each path's days; a day that is kept repeats the one before it."""
    faces = np.searchsorted(np.cumsum(known.chances), (np.arange(FACES) + 0.5) / FACES)
    die = known.days[np.minimum(faces, len(known.days) - 1)]
    columns = np.arange(steps) % MOST_STEPS
    fresh = die[_FACES[:paths, columns]]
    kept = _KEEPS[:paths, columns] < known.likeness
    if known.newest is None:
        kept[:, 0] = False
    since = np.maximum.accumulate(np.where(kept, -1, np.arange(steps)), axis=1)
    held = np.take_along_axis(fresh, np.maximum(since, 0), axis=1)
    return held if known.newest is None else np.where(since < 0, known.newest, held)
