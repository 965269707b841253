"""The values of history: readings, windows, and what was used in a stretch of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

ZERO = timedelta()
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
COUNTERS = ("app", "api")
WHATS = ("app", "api", "prepaid")
# A gap, where nobody read, is marked on a line of readings alone.
Role = Literal["renewal", "topup", "plan", "switch", "correction", "gap"]


class Place(NamedTuple):
    """A billing window of a kind: counters are compared within one, never across (D8)."""

    kind: str
    start_at: datetime


class Reading(NamedTuple):
    """What one good reading said of its window, in credits; None is unknown."""

    at: datetime
    kind: str
    start_at: datetime
    end_at: datetime | None = None
    app: int | None = None
    api: int | None = None
    included: int | None = None
    remaining: int | None = None
    prepaid: int | None = None
    plan: str = ""
    synced: bool | None = None
    # Upstream's own sum of both counters.
    used: int | None = None

    @property
    def place(self) -> Place:
        """Return the window that it speaks of."""
        return Place(self.kind, self.start_at)

    @property
    def left(self) -> int | None:
        """Return the included credits left, by the contract's formula where upstream is silent."""
        if self.remaining is not None:
            return self.remaining
        if self.included is None or self.app is None or self.api is None:
            return None
        return max(0, self.included - self.app - self.api)


@dataclass(frozen=True)
class Closing:
    """A window that upstream listed; its counters are final once they were read after its end."""

    place: Place
    end_at: datetime
    app: int | None = None
    api: int | None = None
    is_final: bool = False
    is_told: bool = True
    # When a reading last found RemBG counting in it.
    counted_until: datetime | None = None

    @property
    def is_sound(self) -> bool:
        """Say whether the window has a length that makes sense (D5)."""
        return self.place.start_at < self.end_at


class Use(NamedTuple):
    """What one counter told of a stretch: credits (None is unknown) and for how long it is known.

    `back` is what a correction took back, or what was bought of prepaid credits; it lessens no
    use. `shared` is the longest stretch whose credits were shared out by time over a border.
    """

    credits: int | None = None
    known_for: timedelta = ZERO
    back: int = 0
    shared: timedelta = ZERO


NOTHING = Use()


class Levels(NamedTuple):
    """What the last reading in a stretch said, in credits; None is unknown."""

    at: datetime
    app: int | None = None
    api: int | None = None
    included: int | None = None
    left: int | None = None
    prepaid: int | None = None

    @classmethod
    def of(cls, reading: Reading, *, at: datetime) -> Levels:
        """Return the levels of a reading, as of a moment in its window."""
        return cls(at, reading.app, reading.api, reading.included, reading.left, reading.prepaid)


@dataclass(frozen=True)
class Mark:
    """Something that happened at a moment: from what to what, in credits or in words."""

    at: datetime
    role: Role
    what: str = ""
    before: int | str | None = None
    after: int | str | None = None

    @property
    def order(self) -> tuple[datetime, str, str]:
        """Return what marks are sorted by."""
        return self.at, self.role, self.what


@dataclass(frozen=True)
class Span:
    """What a window used in a stretch of time: an hour, or a gap between readings.

    `is_after` says that it was counted after the window's end, as a late webhook lets it (D16).
    """

    place: Place
    start_at: datetime
    end_at: datetime
    app: Use = NOTHING
    api: Use = NOTHING
    prepaid: Use = NOTHING
    levels: Levels | None = None
    marks: tuple[Mark, ...] = ()
    is_after: bool = False

    def use(self, what: str) -> Use:
        """Return the use by its name: app, api or prepaid."""
        found: Use = getattr(self, what)
        return found

    @property
    def length(self) -> timedelta:
        """Return how long it is."""
        return self.end_at - self.start_at

    @property
    def is_counted(self) -> bool:
        """Say whether anything is known of the window's counters."""
        return self.app.credits is not None or self.api.credits is not None

    @property
    def is_of_balance(self) -> bool:
        """Say whether it tells of the prepaid balance alone, which runs on over a renewal."""
        return not self.is_counted and self.prepaid != NOTHING


@dataclass(frozen=True)
class Bucket:
    """One column of a chart: an hour or a day, with what one kind of windows used in it.

    `expected` is how much of it the windows asked for cover. Where windows of one kind overlap,
    their credits are not added (D5): they are unknown here, and known of each window alone.
    """

    start_at: datetime
    end_at: datetime
    expected: timedelta
    app: Use = NOTHING
    api: Use = NOTHING
    prepaid: Use = NOTHING
    overlaps: bool = False
    levels: Levels | None = None

    @property
    def used(self) -> int | None:
        """Return app and API credits, None unless both are known; prepaid is not in it."""
        if self.app.credits is None or self.api.credits is None:
            return None
        return self.app.credits + self.api.credits

    @property
    def is_complete(self) -> bool:
        """Say whether both counters are known for all of it; else the use is at least this."""
        return min(self.app.known_for, self.api.known_for) >= self.expected and not self.overlaps

    @property
    def is_estimated(self) -> bool:
        """Say whether credits were shared out over one of its borders."""
        return bool(self.shared)

    @property
    def shared(self) -> timedelta:
        """Return the longest stretch between two readings on both sides of a border, if used."""
        return max(self.app.shared, self.api.shared)


@dataclass(frozen=True)
class Course:
    """Use over time: dense buckets for each kind of window, which are never added together.

    `gaps` are stretches between readings that lie in more than one bucket: their credits are
    known, if at all, for the stretch as a whole, and stand in no bucket. `prepaid` is the
    account's, whatever the kind. `read_until` is the newest reading's moment.

    Of one window alone (`is_of_window`), `after` is what was counted in it after its end (D16).
    """

    start_at: datetime
    end_at: datetime
    series: Mapping[str, Sequence[Bucket]] = field(default_factory=dict)
    prepaid: Sequence[Bucket] = ()
    gaps: Sequence[Span] = ()
    marks: Sequence[Mark] = ()
    read_until: datetime | None = None
    is_of_window: bool = False
    after: Span | None = None

    def total(self, what: str, *, kind: str) -> int | None:
        """Return the credits of buckets and gaps, less corrections; None where nothing is known.

        For all of a window this is upstream's counter. A gap only partly in range is not in it.
        """
        uses = [getattr(bucket, what) for bucket in self.series.get(kind, ())]
        uses += [gap.use(what) for gap in self.gaps if gap.place.kind == kind and self.holds(gap)]
        uses += [self.after.use(what)] if self.after else []
        known = [use.credits for use in uses if use.credits is not None]
        back = sum(use.back for use in uses)
        return sum(known) - back if known or back else None

    def holds(self, gap: Span) -> bool:
        """Say whether the gap lies in the range as a whole."""
        ends_within = gap.end_at <= self.end_at or self.is_of_window
        return self.start_at <= gap.start_at and ends_within


def floor_hour(moment: datetime) -> datetime:
    """Return the start of the UTC hour."""
    # Rows are in UTC already, and there are many.
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.replace(minute=0, second=0, microsecond=0)


def floor_day(moment: datetime) -> datetime:
    """Return the start of the UTC day."""
    return floor_hour(moment).replace(hour=0)
