"""The readings and cycles that a stretch of history is made of, and those beside it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import DateTimeField, Q, Subquery, Value
from django.db.models.functions import Coalesce

from dashboard.keys.models import Account
from dashboard.usage.history.differences import settled_kinds
from dashboard.usage.history.values import Closing, Place, Reading
from dashboard.usage.models import Cycle, Snapshot, SnapshotQuerySet

COLUMNS = (
    "asked_at",
    "kind",
    "period_start_at",
    "period_end_at",
    "app_usage",
    "api_usage",
    "included_credits",
    "remaining_included_credits",
    "prepaid_credits",
    "membership",
    "synced",
)
# A difference needs the readings on both sides of the stretch; a few, as one may be odd.
BESIDE = 8
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
OF_WINDOW = ("app_usage", "api_usage")
OF_ACCOUNT = {"prepaid_credits": None, "included_credits": None, "membership": ""}
NAMES = dict(zip(COLUMNS, Reading._fields, strict=True))


@dataclass(frozen=True)
class Source:
    """Readings in order, and the windows that upstream listed; `is_cut` if there are more."""

    readings: list[Reading]
    closings: list[Closing]
    is_cut: bool = False

    @property
    def newest(self) -> datetime | None:
        """Return when the newest of the readings was asked for."""
        return self.readings[-1].at if self.readings else None


def good_readings(account: Account) -> SnapshotQuerySet:
    """Return the readings of an account that tell of a window."""
    return Snapshot.objects.good().filter(account=account).exclude(period_start_at=None)


def load(
    account: Account, *, begin: datetime | None, end: datetime | None = None, most: int = 0
) -> Source:
    """Return what happened in `[begin, end)` and just beside it; at most so many readings.

    Two queries, whatever the length of history; more only where readings lack a number.
    """
    good = good_readings(account)
    closings = closings_of(account, begin=begin, end=end)
    wanted = good.order_by("asked_at", "pk")
    if begin:
        before = good.filter(asked_at__lt=begin).order_by("-asked_at")
        wanted = wanted.filter(asked_at__gte=_eighth(before, BEGINNING))
    if end:
        after = good.filter(asked_at__gte=end).order_by("asked_at")
        wanted = wanted.filter(asked_at__lte=_eighth(after, END))
    rows = wanted.values_list(*COLUMNS)
    found = [Reading(*row) for row in (rows[:most] if most else rows)]
    if begin:
        found += _farther_back(good, settled_kinds(found, closings), closings, begin)
    readings = settled_kinds(found, closings)
    return Source(readings, _truly_listed(good, closings, readings), 0 < most <= len(found))


def closings_of(
    account: Account, *, begin: datetime | None = None, end: datetime | None = None
) -> list[Closing]:
    """Return the cycles that have a part in `[begin, end)`, with their final counters if closed."""
    cycles = Cycle.objects.filter(account=account)
    if begin:
        cycles = cycles.filter(end_at__gt=begin)
    if end:
        cycles = cycles.filter(start_at__lt=end)
    return [
        Closing(
            Place(one.kind, one.start_at),
            one.end_at,
            one.app_usage,
            one.api_usage,
            is_final=one.asked_at >= one.end_at,
            is_told=not one.kind_guessed,
        )
        for one in cycles.order_by("start_at", "kind")
    ]


def _eighth(readings: SnapshotQuerySet, otherwise: datetime) -> Coalesce:
    moment = readings.values("asked_at")[BESIDE - 1 : BESIDE]
    return Coalesce(Subquery(moment), Value(otherwise), output_field=DateTimeField())


def _farther_back(
    good: SnapshotQuerySet, loaded: list[Reading], closings: Iterable[Closing], begin: datetime
) -> list[Reading]:
    """Return the last known numbers before the stretch where those beside it lack one."""
    before = [one for one in loaded if one.at < begin]
    earlier = good.filter(asked_at__lt=before[0].at if before else begin)
    missing = [
        Q(period_start_at=place.start_at) & _of_kind(place) & ~Q(**{column: None})
        for place in _windows(loaded, closings)
        if place.start_at < begin
        for column in OF_WINDOW
        if not any(one.place == place and _known(one, column) for one in before)
    ]
    missing += [
        ~Q(**{column: unknown})
        for column, unknown in OF_ACCOUNT.items()
        if not any(getattr(one, NAMES[column]) != unknown for one in before)
    ]
    found = {
        row[0]: row
        for condition in missing
        for row in earlier.filter(condition).newest_first().values_list(*COLUMNS)[:1]
    }
    return [Reading(*row) for row in found.values()]


def _truly_listed(
    good: SnapshotQuerySet, closings: list[Closing], readings: Iterable[Reading]
) -> list[Closing]:
    """Leave out the windows whose readings lie elsewhere: those are not unread."""
    read = {one.place for one in readings}
    return [
        one
        for one in closings
        if one.place in read
        or not good.filter(_of_kind(one.place), period_start_at=one.place.start_at).exists()
    ]


def _windows(loaded: Iterable[Reading], closings: Iterable[Closing]) -> set[Place]:
    return {one.place for one in loaded} | {one.place for one in closings}


def _of_kind(place: Place) -> Q:
    return Q(kind=place.kind) | Q(synced=None)


def _known(reading: Reading, column: str) -> bool:
    return getattr(reading, NAMES[column]) is not None
