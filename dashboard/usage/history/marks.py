"""What happened between readings: renewals, top-ups, changes of the plan, corrections, switches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise

from dashboard.usage.history.differences import Difference
from dashboard.usage.history.values import Mark, Place, Reading, Role


def marks(readings: Sequence[Reading], differences: Iterable[Difference]) -> dict[Mark, Place]:
    """Return what happened, each with the window that it is filed under."""
    found = dict(_of_differences(differences))
    found.update(_of_windows(readings))
    found.update(_of_plan(readings, "allowance", lambda one: one.included))
    found.update(_of_plan(readings, "plan", lambda one: one.plan or None))
    return found


def _of_differences(differences: Iterable[Difference]) -> Iterator[tuple[Mark, Place]]:
    """Return corrections (a counter fell, D7) and top-ups (the prepaid balance rose)."""
    for one in differences:
        if one.back:
            role: Role = "topup" if one.what == "prepaid" else "correction"
            yield Mark(one.end_at, role, one.what, one.before, one.after), one.place


def _of_windows(readings: Sequence[Reading]) -> Iterator[tuple[Mark, Place]]:
    """Return renewals, and switches of `stripeBillingSynced`, where the series changes (D8)."""
    for before, after in pairwise(readings):
        if before.kind != after.kind:
            yield Mark(after.at, "switch", "synced", before.kind, after.kind), after.place
        elif before.start_at < after.start_at:
            # A window told of after it began, while another was read on: that cannot be earlier.
            yield Mark(max(before.at, after.start_at), "renewal"), after.place


def _of_plan(
    readings: Sequence[Reading], what: str, value: Callable[[Reading], int | str | None]
) -> Iterator[tuple[Mark, Place]]:
    known = [one for one in readings if value(one) is not None]
    for before, after in pairwise(known):
        if value(before) != value(after):
            mark = Mark(after.at, "plan", what, value(before), value(after))
            yield mark, after.place
