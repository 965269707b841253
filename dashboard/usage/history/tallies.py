"""Sharing credits out over stretches of time, in whole credits that add up again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from dashboard.usage.history.values import HOUR, WHATS, ZERO, Levels, Mark, Use, floor_hour

TICK = timedelta(microseconds=1)
Cell = tuple[datetime, datetime]
Key = TypeVar("Key")


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Return whole shares by weight that add up to the amount: the largest remainders round up.

    Of equal remainders the earlier wins.
    """
    whole = sum(weights)
    shares = [amount * weight // whole for weight in weights]
    missing = amount - sum(shares)
    by_rest = sorted(range(len(weights)), key=lambda i: -(amount * weights[i] % whole))
    for index in by_rest[:missing]:
        shares[index] += 1
    return shares


def hour_cells(start: datetime, end: datetime) -> list[Cell]:
    """Return the UTC hours that `[start, end)` touches; a moment lies in the hour it ends."""
    begin = floor_hour(start if start < end else end - TICK)
    cells = [(begin, begin + HOUR)]
    while cells[-1][1] < end:
        cells.append((cells[-1][1], cells[-1][1] + HOUR))
    return cells


def cells_between(edges: Sequence[datetime]) -> Callable[[datetime, datetime], list[Cell]]:
    """Return a function like `hour_cells` for these edges; outside of them there is no cell."""

    def cells(start: datetime, end: datetime) -> list[Cell]:
        first = bisect_right(edges, min(start, end - TICK)) - 1
        last = bisect_right(edges, end - TICK) - 1
        inside = range(max(first, 0), min(last, len(edges) - 2) + 1)
        return [(edges[index], edges[index + 1]) for index in inside]

    return cells


@dataclass(slots=True)
class Tally:
    """What is added up for one cell; `credits` stays None until something is known."""

    credits: dict[str, int] = field(default_factory=dict)
    known_for: dict[str, timedelta] = field(default_factory=dict)
    back: dict[str, int] = field(default_factory=dict)
    shared: dict[str, timedelta] = field(default_factory=dict)
    levels: Levels | None = None
    marks: list[Mark] = field(default_factory=list)
    overlaps: bool = False

    def use(self, what: str) -> Use:
        """Return what was added up of one counter."""
        return Use(
            self.credits.get(what),
            self.known_for.get(what, ZERO),
            self.back.get(what, 0),
            self.shared.get(what, ZERO),
        )

    def uses(self) -> tuple[Use, Use, Use]:
        """Return what was added up of app, API and prepaid credits."""
        app, api, prepaid = WHATS
        return self.use(app), self.use(api), self.use(prepaid)

    def add(self, what: str, use: Use) -> None:
        """Add a part to one counter."""
        if use.credits is not None:
            self.credits[what] = self.credits.get(what, 0) + use.credits
            self.known_for[what] = self.known_for.get(what, ZERO) + use.known_for
        if use.back:
            self.back[what] = self.back.get(what, 0) + use.back
        if use.shared:
            self.shared[what] = max(self.shared.get(what, ZERO), use.shared)

    def see(self, levels: Levels | None) -> None:
        """Take over newer levels."""
        if levels and (self.levels is None or levels.at >= self.levels.at):
            self.levels = levels


class Tallies(Generic[Key]):
    """Tallies by a key and a cell."""

    def __init__(self, cells: Callable[[datetime, datetime], list[Cell]]) -> None:
        self.cells = cells
        self.by_cell: dict[tuple[Key, Cell], Tally] = {}
        # Most of what is added lies in the cell of what was added before it.
        self._latest: tuple[Key, Cell, Tally] | None = None

    def at(self, key: Key, cell: Cell) -> Tally:
        """Return the tally of a cell."""
        tally = self.by_cell.get((key, cell))
        if tally is None:
            tally = self.by_cell[key, cell] = Tally()
        self._latest = key, cell, tally
        return tally

    def moment(self, key: Key, at: datetime, *, ending: bool = False) -> Tally | None:
        """Return the tally of the cell that a moment lies in, or that it ends."""
        if self._latest:
            latest, (begin, finish), tally = self._latest
            if key == latest and begin < at < finish:
                return tally
        cells = self.cells(at, at) if ending else self.cells(at, at + TICK)
        return self.at(key, cells[0]) if cells else None

    def share(self, key: Key, what: str, start: datetime, end: datetime, use: Use) -> None:
        """Add a use to the cells that it spans, by time where they are several."""
        if self._latest:
            latest, (begin, finish), tally = self._latest
            if key == latest and begin <= start < end <= finish:
                tally.add(what, use)
                return
        cells = self.cells(start, end)
        if len(cells) == 1 and cells[0][0] <= start and end <= cells[0][1]:
            self.at(key, cells[0]).add(what, use)
            return
        for cell, part in _parts(cells, start, end, use):
            self.at(key, cell).add(what, part)


def _parts(
    cells: Sequence[Cell], start: datetime, end: datetime, use: Use
) -> Iterator[tuple[Cell, Use]]:
    """Return the part of each cell; what lies outside of all cells gets its share too, unseen."""
    if not cells:
        return
    if len(cells) == 2 and cells[0][0] <= start and end <= cells[1][1]:
        yield from zip(cells, _halves(cells[1][0], start, end, use), strict=True)
        return
    bounds = [start, *(max(start, cell[0]) for cell in cells[1:]), min(end, cells[-1][1])]
    bounds[0] = max(start, cells[0][0])
    edges = [start, *bounds, end]
    weights = [(after - before) // TICK for before, after in zip(edges, edges[1:], strict=False)]
    credits: Sequence[int | None] = [None] * len(weights)
    if use.credits is not None:
        credits = split(use.credits, weights)
    backs = split(use.back, weights)
    known, whole = use.known_for // TICK, (end - start) // TICK
    for index, cell in enumerate(cells, start=1):
        share = TICK * (known * weights[index] // whole)
        yield cell, Use(credits[index], share, backs[index], _shared(use, end - start))


def _halves(border: datetime, start: datetime, end: datetime, use: Use) -> tuple[Use, Use]:
    """Return the parts on both sides of a border: what `_parts` gives, for the usual case."""
    first, whole = (border - start) // TICK, (end - start) // TICK
    known, taken, back = use.known_for // TICK, use.credits, use.back
    credits: Sequence[int | None] = (None, None) if taken is None else _halved(taken, first, whole)
    backs = _halved(back, first, whole) if back else (0, 0)
    shared = _shared(use, end - start)
    shares = known * first // whole, known * (whole - first) // whole
    before, after = (
        Use(credits[side], TICK * shares[side], backs[side], shared) for side in (0, 1)
    )
    return before, after


def _shared(use: Use, length: timedelta) -> timedelta:
    """Return how long a stretch is shared out; one of which nothing is known, or used, is none."""
    return use.shared or (length if use.credits else ZERO)


def _halved(amount: int, first: int, whole: int) -> tuple[int, int]:
    """Return what `split` returns for two weights, without its sorting."""
    share, rest = divmod(amount * first, whole)
    if rest and 2 * rest >= whole:
        share += 1
    return share, amount - share
