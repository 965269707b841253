"""What an account used before and beside us: made up, but the same for everybody who asks."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOUR = 3600
DAY_HOURS = 24
MONTH_HOURS = 730.5
# Made-up use goes on this long after an account was first seen, so that the arrays stay small.
FUTURE_HOURS = 5 * 366 * DAY_HOURS

# Monday to Sunday, and 0 to 23 o'clock UTC; both have a mean of 1 after `_shares`.
WEEKDAYS = (1.12, 1.18, 1.20, 1.15, 1.05, 0.68, 0.62)
OFFICE = (2, 2, 1, 1, 1, 2, 4, 8, 13, 16, 17, 16, 13, 15, 16, 15, 13, 10, 8, 6, 5, 4, 3, 3)
SCRIPTS = (6, 6, 14, 16, 12, 6, 6, 8, 9, 10, 10, 9, 8, 9, 10, 10, 9, 8, 7, 7, 6, 6, 6, 6)
CAMPAIGN_HOURS_BACK = 160 * DAY_HOURS
CAMPAIGN_WIDTH = 4 * DAY_HOURS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """How an account uses credits: today's monthly pace, and how it grew to it."""

    monthly: int
    months: int
    api_share: float = 0.72
    first_level: float = 0.55
    campaign: float = 0.0


@dataclass(frozen=True)
class History:
    """Credits used in each hour since `first_hour`, as running totals.

    An hour's use lands when the hour is over, so that nothing moves between two calls a moment
    apart but what the callers did themselves.
    """

    first_hour: int
    app: NDArray[np.int64]
    api: NDArray[np.int64]

    def used(self, start: int, end: int) -> tuple[int, int]:
        """Credits (app, API) that landed after `start` and not after `end`, Unix seconds."""
        first, last = self._index(start), self._index(end)
        if last <= first:
            return 0, 0
        return int(self.app[last] - self.app[first]), int(self.api[last] - self.api[first])

    def _index(self, at: int) -> int:
        return min(max(at // HOUR - self.first_hour, 0), len(self.app) - 1)


NOTHING = History(0, np.zeros(1, np.int64), np.zeros(1, np.int64))


@lru_cache(maxsize=64)
def make(
    name: str, shape: Shape, begins_at: int, seen_at: int, unused: tuple[tuple[int, int], ...] = ()
) -> History:
    """The history of an account that began at `begins_at` and was first seen at `seen_at`.

    Nothing is used in the times `[start, end)` of `unused`.
    """
    first, seen = -(-begins_at // HOUR), seen_at // HOUR
    hours = np.arange(first, seen + FUTURE_HOURS)
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:6], "big")
    grown = np.clip((hours - first) / max(1, seen - first), 0, 1)
    level = shape.first_level + (1 - shape.first_level) * grown
    campaign = np.exp(-(((hours - seen + CAMPAIGN_HOURS_BACK) / CAMPAIGN_WIDTH) ** 2))
    pace = shape.monthly / MONTH_HOURS * (level * (1 + shape.campaign * campaign))
    pace *= _shares(WEEKDAYS)[(hours // DAY_HOURS + 3) % 7]
    pace *= 0.85 + 0.3 * _chance(hours // DAY_HOURS, seed)
    landing = (hours + 1) * HOUR
    for start, end in unused:
        pace[(landing > start) & (landing <= end)] = 0
    app = (1 - shape.api_share) * pace * _shares(OFFICE)[hours % DAY_HOURS]
    api = shape.api_share * pace * _shares(SCRIPTS)[hours % DAY_HOURS]
    return History(first, _totals(app, hours, seed + 1), _totals(api, hours, seed + 2))


def _totals(pace: Floats, hours: NDArray[Any], seed: int) -> NDArray[np.int64]:
    uneven = pace * (0.55 + 0.9 * _chance(hours, seed))
    whole = np.floor(uneven + _chance(hours, seed + 7)).astype(np.int64)
    return np.concatenate(([0], np.cumsum(whole)))


def _shares(weights: tuple[float, ...]) -> Floats:
    return np.array(weights, dtype=np.float64) / (sum(weights) / len(weights))


def _chance(numbers: NDArray[Any], seed: int) -> Floats:
    """A number in [0, 1) for each number, always the same one (SplitMix64)."""
    mixed = (numbers.astype(np.uint64) + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)) / float(1 << 53)
