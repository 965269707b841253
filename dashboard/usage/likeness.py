"""Whether two sets of answers come from one RemBG account (promises D14, D19).

Two keys of one account answer the same windows with the same counters; so, now and then, do two
accounts. A person decides in the end: this only says what the numbers say, and proposes on strong
evidence alone. That is the same billing cycle to the second; or counters that were the same and
moved together; or cycles that ended with the same counters. Ends of listed windows are inferred
upstream, so they prove nothing either way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum, IntEnum
from itertools import groupby, pairwise
from typing import NamedTuple

from dashboard.lib.renewals import month_start
from dashboard.usage.models import Kind, Snapshot
from dashboard.usage.windows import Window

NEVER = datetime.min.replace(tzinfo=UTC)
# A plan, an allowance or a balance may have changed between readings further apart.
NEAR = timedelta(minutes=20)
# So many comparisons in a row must contradict: one may be a stale answer, or a purchase.
IN_A_ROW = 3
# So many different states, or cycles that ended, must both have had: they moved together twice.
IN_COMMON = 3
COUNTERS = ("app_usage", "api_usage")


class Likeness(Enum):
    """What two sets of answers say about each other."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


class CurrentReading(NamedTuple):
    """What a reading of the running cycle says of its account, named as a Snapshot's fields are."""

    asked_at: datetime
    kind: str = ""
    synced: bool | None = None
    period_start_at: datetime | None = None
    period_end_at: datetime | None = None
    app_usage: int | None = None
    api_usage: int | None = None
    membership: str = ""
    included_credits: int | None = None
    prepaid_credits: int | None = None

    @classmethod
    def of(cls, snapshot: Snapshot) -> CurrentReading:
        """Return what a stored reading says."""
        return cls(*(getattr(snapshot, name) for name in cls._fields))

    @property
    def window(self) -> tuple[str, datetime, datetime] | None:
        """Return the kind and the bounds of the running window as they were told."""
        start, end = self.period_start_at, self.period_end_at
        return None if start is None or end is None else (self.kind, start, end)

    @property
    def state(self) -> tuple[int, int, int | None] | None:
        """Return the counters with the balance, None where a counter is unknown."""
        if self.app_usage is None or self.api_usage is None:
            return None
        return self.app_usage, self.api_usage, self.prepaid_credits


@dataclass(frozen=True)
class Face:
    """What one account answered: its windows, each as of its last reading, and its readings."""

    windows: tuple[Window, ...] = ()
    readings: tuple[CurrentReading, ...] = ()


class Fit(IntEnum):
    """How readings of one account go with the other's before and after them."""

    FITS = 0
    OPEN = 1
    AGAINST = 2


@dataclass(frozen=True)
class Comparison:
    """How a run of one account's readings fits in; settled once the other was read after it."""

    fits: tuple[Fit, ...]
    is_settled: bool

    @property
    def is_fine(self) -> bool:
        """Say whether every reading fits."""
        return max(self.fits) is Fit.FITS

    @property
    def verdict(self) -> Fit:
        """Return what the whole run says: against only where no reading of it fits."""
        fit = min(self.fits)
        return fit if fit is Fit.AGAINST or self.is_settled else Fit.OPEN


@dataclass(frozen=True)
class Past:
    """A window, and when the next one of its kind began, if one did."""

    window: Window
    ended_by: datetime | None

    @property
    def read_at(self) -> datetime:
        """Return when its counters were read."""
        return self.window.asked_at or self.window.start_at

    @property
    def is_closed(self) -> bool:
        """Say whether it had ended when its counters were read: they stay as they are."""
        return self.ended_by is not None and self.ended_by <= self.read_at

    def was_used_by(self, moment: datetime) -> bool:
        """Say whether a list of that moment must hold it."""
        used = any((count or 0) > 0 for count in (self.window.app_usage, self.window.api_usage))
        ended = self.ended_by is not None and self.ended_by <= moment
        return used and (ended or self.read_at <= moment)


def likeness(one: Face, other: Face) -> Likeness:
    """Compare two accounts by their past windows and by their readings, merged by time."""
    past = _past_likeness(one, other)
    comparisons = list(_comparisons(one, other))
    if past is Likeness.DIFFERENT or _contradict(comparisons):
        return Likeness.DIFFERENT
    if not all(each.is_fine for each in comparisons[-IN_A_ROW:]):
        return Likeness.UNDECIDED
    if past is Likeness.SAME or _share_a_cycle(one, other):
        return Likeness.SAME
    together = all(each.is_fine for each in comparisons) and _moved_together(one, other)
    return Likeness.SAME if together else Likeness.UNDECIDED


def may_be_a_month(start: datetime) -> bool:
    """Say whether a window begins as every calendar month does: many accounts have such a one."""
    return start == month_start(start)


def _contradict(comparisons: Sequence[Comparison]) -> bool:
    decided = [each.verdict for each in comparisons if each.verdict is not Fit.OPEN]
    return bool(decided) and all(fit is Fit.AGAINST for fit in decided[-IN_A_ROW:])


def _share_a_cycle(one: Face, other: Face) -> bool:
    """Say whether both were told the same billing cycle, one that few accounts can have."""
    newest = _newest_shared(one, other)
    if newest is None or newest.period_start_at is None:
        return False
    told = newest.synced is True and newest.kind == Kind.STRIPE
    return told and not may_be_a_month(newest.period_start_at)


def _moved_together(one: Face, other: Face) -> bool:
    """Say whether the counters of the running window rose through the same states in both."""
    newest = _newest_shared(one, other)
    if newest is None:
        return False
    mine, theirs = (
        [each for each in face.readings if each.window == newest.window and each.state]
        for face in (one, other)
    )
    rises = all(_rises(*pair) for pair in pairwise(sorted((*mine, *theirs), key=_in_time)))
    common = {each.state for each in mine} & {each.state for each in theirs}
    return rises and len(common) >= IN_COMMON


def _newest_shared(one: Face, other: Face) -> CurrentReading | None:
    """Return the newest reading of all, if both accounts were read in its window."""
    newest = max((*one.readings, *other.readings), key=_in_time, default=None)
    if newest is None or newest.window is None:
        return None
    told = newest.window, newest.synced
    both = all(any((r.window, r.synced) == told for r in f.readings) for f in (one, other))
    return newest if both else None


def _in_time(reading: CurrentReading) -> tuple[object, ...]:
    """Order readings by time; those of one moment by what they say, so that neither goes first."""
    return reading.asked_at, *(-1 if one is None else one for one in reading.state or ())


def _rises(before: CurrentReading, after: CurrentReading) -> bool:
    return all(getattr(before, name) <= getattr(after, name) for name in COUNTERS)


def _comparisons(one: Face, other: Face) -> Iterator[Comparison]:
    """Yield how each run of readings of one account goes with the other's, oldest first."""
    sided = [(each, side) for side, face in enumerate((one, other)) for each in face.readings]
    merged = sorted(sided, key=lambda pair: _in_time(pair[0]))
    runs = [[each for each, _ in group] for _, group in groupby(merged, key=lambda pair: pair[1])]
    for before, run, after in zip(runs, runs[1:], [*runs[2:], None], strict=False):
        next_one = after[0] if after else None
        fits = tuple(_fit(each, before[-1], next_one) for each in run)
        yield Comparison(fits, after is not None)


def _fit(reading: CurrentReading, before: CurrentReading, after: CurrentReading | None) -> Fit:
    """Compare a reading with the other account's before and after it.

    What changed between two of them is the change of one account where the third has it too.
    """
    if _changed(before, reading) and (after is None or _changed(reading, after)):
        return Fit.AGAINST
    if not _counters_fit(reading, before, after):
        return Fit.AGAINST
    return _balance_fit(reading, before, after)


def _changed(before: CurrentReading, after: CurrentReading) -> bool:
    """Say whether plan, allowance or billing window differ, between readings near to each other."""
    facts = [
        (before.membership or None, after.membership or None),
        (before.included_credits, after.included_credits),
    ]
    differs = any(None not in pair and pair[0] != pair[1] for pair in facts)
    return (_near(before, after) and differs) or _other_window(before, after)


def _other_window(before: CurrentReading, after: CurrentReading) -> bool:
    """Say whether both were told windows of one kind that cannot follow each other."""
    if before.synced is None or before.synced is not after.synced or before.window == after.window:
        return False
    end, start = before.period_end_at, after.period_start_at
    # Where the renewal's webhook is late, a window is told past its end.
    if end is None or start is None or end <= before.asked_at:
        return False
    return start <= before.asked_at or (_near(before, after) and after.asked_at < end)


def _counters_fit(
    reading: CurrentReading, before: CurrentReading, after: CurrentReading | None
) -> bool:
    """Say whether the counters lie between the other's; where it has one only, above that."""
    if before.window is None or before.window != reading.window:
        return True
    later = after if after is not None and after.window == reading.window else None
    for name in COUNTERS:
        value, low = getattr(reading, name), getattr(before, name)
        high = getattr(later, name) if later else None
        if value is None or low is None:
            continue
        if before.asked_at == reading.asked_at and value != low:
            return False
        # RemBG may have taken a count back in between: then the later one is the lower.
        if value < low if high is None else not min(low, high) <= value <= max(low, high):
            return False
    return True


def _balance_fit(
    reading: CurrentReading, before: CurrentReading, after: CurrentReading | None
) -> Fit:
    """Compare the prepaid balance, which is spent and bought at any time."""
    value, first = reading.prepaid_credits, before.prepaid_credits
    if value is None or first is None or value == first or not _near(before, reading):
        return Fit.FITS
    last = after.prepaid_credits if after is not None and _near(reading, after) else None
    if last is None:
        return Fit.OPEN
    return Fit.FITS if min(first, last) <= value <= max(first, last) else Fit.AGAINST


def _near(before: CurrentReading, after: CurrentReading) -> bool:
    return after.asked_at - before.asked_at <= NEAR


def _past_likeness(one: Face, other: Face) -> Likeness:
    """Compare the windows that ended: what their counters said last stays."""
    mine, theirs = _pasts(one), _pasts(other)
    if _only_in_one(mine, theirs) or _only_in_one(theirs, mine):
        return Likeness.DIFFERENT
    pairs = [(mine[start], theirs[start]) for start in mine.keys() & theirs.keys()]
    if any(_ended_apart(*pair) or _ended_apart(*reversed(pair)) for pair in pairs):
        return Likeness.DIFFERENT
    closed = {
        (a.window.app_usage, a.window.api_usage)
        for a, b in pairs
        if a.is_closed and b.is_closed and a.window.used and b.window.used
    }
    return Likeness.SAME if len(closed) >= IN_COMMON else Likeness.UNDECIDED


def _pasts(face: Face) -> dict[datetime, Past]:
    """Return the windows by their start, which is told; of two that begin at once, neither.

    The list does not tell the kinds. A window that begins as a month does may be one, and ends
    no other.
    """
    found: defaultdict[datetime, list[Window]] = defaultdict(list)
    for window in face.windows:
        found[window.start_at].append(window)
    told = {each.period_start_at for each in face.readings if each.period_start_at}
    following: dict[bool, datetime | None] = {True: None, False: None}
    pasts = {}
    for start in sorted(found.keys() | told, reverse=True):
        if len(found[start]) == 1:
            pasts[start] = Past(found[start][0], following[may_be_a_month(start)])
        following[may_be_a_month(start)] = start
    return pasts


def _only_in_one(mine: dict[datetime, Past], theirs: dict[datetime, Past]) -> bool:
    """Say whether a window with usage, in the time that both lists know of, is missing in one."""
    # When the list was read last: only it tells of windows that ended.
    listed_at = max((one.read_at for one in theirs.values() if one.is_closed), default=None)
    if listed_at is None:
        return False
    # The list forgets what is long past.
    known_since = max(min(mine, default=NEVER), min(theirs))
    return any(
        known_since <= start < listed_at and past.was_used_by(listed_at)
        for start, past in mine.items()
        if start not in theirs
    )


def _ended_apart(one: Past, other: Past) -> bool:
    """Say whether a window ended with other counters, or with less than was counted before."""
    if not other.is_closed:
        return False
    counters = [(getattr(one.window, name), getattr(other.window, name)) for name in COUNTERS]
    known = [(a, b) for a, b in counters if a is not None and b is not None]
    if one.is_closed:
        return any(a != b for a, b in known)
    return one.read_at <= other.read_at and any(a > b for a, b in known)
