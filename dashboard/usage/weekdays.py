"""The week of a team: which weekday takes how much of its use, where that is more than chance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dashboard.usage.burn import Floats

Ints = npt.NDArray[np.int64]

FLAT = np.ones(7)
WEEKEND = 5
LONGEST = 56
# Chi-squared with 6 degrees at 1 %; with 1 degree at 5 %, but then one part is twice the other.
SEVEN_DAYS, TWO_PARTS, TWICE = 16.81, 3.7, 2.0
FEWEST_FOR_SEVEN, FEWEST_FOR_TWO, FEWEST_OF_A_PART = 21, 7, 2
# How many days' worth of "like its part of the week" each weekday's factor begins with.
SHRINKING = 1.5


@dataclass(frozen=True)
class Profile:
    """Seven factors, Monday first, with mean 1; `by` says what the data told apart."""

    factors: tuple[float, ...]
    by: str
    days: int


def profile(weekdays: Ints, places: Floats, credits: Floats) -> Profile | None:
    """Return the profile of whole days at these places, None where the data carries none.

    Each day is divided by the mean of the week around it, so that growth does not look like a
    weekday. The test is Kruskal and Wallis' on ranks, with ties (1952): one busy Tuesday is no
    pattern. Seven weekdays are told apart from three weeks on, workdays and weekend from ten days.
    """
    recent = places >= places.max(initial=0.0) - LONGEST
    weekdays, ratios = _against_their_week(weekdays[recent], places[recent], credits[recent])
    weekend = (weekdays >= WEEKEND).astype(np.int64)
    parts = _means(weekend, ratios, 2)
    if parts is None:
        return None
    each = parts[(np.arange(7) >= WEEKEND).astype(int)]
    if len(ratios) >= FEWEST_FOR_SEVEN and _spread(weekdays, ratios, 7) > SEVEN_DAYS:
        counts = np.bincount(weekdays, minlength=7)
        sums = np.bincount(weekdays, ratios, minlength=7)
        return _profile((sums + SHRINKING * each) / (counts + SHRINKING), "weekday", len(ratios))
    enough = len(ratios) >= FEWEST_FOR_TWO and weekend.sum() >= FEWEST_OF_A_PART
    apart = parts.max() >= TWICE * parts.min()
    if enough and apart and _spread(weekend, ratios, 2) > TWO_PARTS:
        return _profile(each, "weekend", len(ratios))
    return None


def _profile(factors: Floats, by: str, days: int) -> Profile:
    return Profile(tuple(float(one) for one in factors / factors.mean()), by, days)


def _against_their_week(weekdays: Ints, places: Floats, credits: Floats) -> tuple[Ints, Floats]:
    """Return the days as shares of the mean day of the seven days around each."""
    near = np.abs(places[:, None] - places[None, :]) < 3.5
    whole = near.sum(axis=1) >= 4
    means = (near @ credits) / np.maximum(1, near.sum(axis=1))
    kept = whole & (means > 0)
    return weekdays[kept], credits[kept] / means[kept]


def _means(groups: Ints, values: Floats, count: int) -> Floats | None:
    sizes = np.bincount(groups, minlength=count)
    if not sizes.all():
        return None
    return np.bincount(groups, values, minlength=count) / sizes


def _spread(groups: Ints, values: Floats, count: int) -> float:
    """Return Kruskal and Wallis' H: how far the groups' mean ranks lie apart, 0 when all tie."""
    total = len(values)
    _, place, ties = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(ties) - (ties - 1) / 2)[place]
    means = _means(groups, ranks, count)
    tied = 1 - float((ties**3 - ties).sum()) / (total**3 - total)
    if means is None or tied <= 0:
        return 0.0
    sizes = np.bincount(groups, minlength=count)
    between = float((sizes * (means - (total + 1) / 2) ** 2).sum())
    return 12 / (total * (total + 1)) * between / tied
