"""The readings and cycles that a stretch of history is made of, and those beside it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import DateTimeField, Q, Subquery, Value
from django.db.models.functions import Coalesce

from dashboard.keys.models import Account
from dashboard.usage.history.differences import settled_kinds
from dashboard.usage.history.values import DAY, Closing, Place, Reading
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
    "used_included_credits",
)
# A difference needs the readings on both sides of the stretch; a few, as one may be odd.
BESIDE = 8
# Upstream may go on reading a window after its end; nobody looks for its readings beyond this.
READ_ON = timedelta(days=40)
BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
END = datetime(9999, 12, 30, tzinfo=UTC)
OF_WINDOW = ("app_usage", "api_usage")
OF_ACCOUNT = {"prepaid_credits": None, "included_credits": None, "membership": ""}
NAMES = dict(zip(COLUMNS, Reading._fields, strict=True))


@dataclass(frozen=True)
class Source:
    """Readings in order, and the windows that upstream listed."""

    readings: list[Reading]
    closings: list[Closing]


def good_readings(account: Account) -> SnapshotQuerySet:
    """Return the readings of an account that tell of a window."""
    return Snapshot.objects.good().filter(account=account).exclude(period_start_at=None)


def load(
    account: Account,
    *,
    begin: datetime,
    end: datetime,
    cycles: Sequence[Cycle] | None = None,
) -> Source:
    """Return what happened in `[begin, end)` and just beside it.

    Two queries, one where the cycles are known, whatever the length of history; one more where
    readings lack a number, and one more where a window that was listed was not read here.
    """
    good = good_readings(account)
    before = good.filter(asked_at__lt=begin).order_by("-asked_at")
    after = good.filter(asked_at__gte=end).order_by("asked_at")
    wanted = good.filter(
        asked_at__gte=_eighth(before, BEGINNING), asked_at__lte=_eighth(after, END)
    )
    found = [Reading(*row) for row in wanted.order_by("asked_at", "pk").values_list(*COLUMNS)]
    read = {one.start_at for one in found}
    # A window ends where the next one begins: that may lie beside the stretch too.
    times = [one.at for one in found]
    first, last = min([begin, *times[:1]]), max([end, *times[-1:]])
    closings = closings_of(account, begin=first, end=last, read=read, cycles=cycles)
    found += _farther_back(good, settled_kinds(found, closings), closings, begin)
    found += _farther_on(good, settled_kinds(found, closings), closings, end)
    readings = settled_kinds(found, closings)
    return Source(readings, _truly_listed(good, closings, readings))


def closings_of(
    account: Account,
    *,
    begin: datetime | None = None,
    end: datetime | None = None,
    read: Collection[datetime] = (),
    cycles: Iterable[Cycle] | None = None,
) -> list[Closing]:
    """Return the cycles that have a part in `[begin, end)`, with their final counters if closed.

    Those that begin at a moment of `read` are among them. Without the account's cycles, oldest
    first, they are read.
    """
    if cycles is None:
        within = Q(end_at__gt=begin or BEGINNING, start_at__lt=end or END)
        asked = Cycle.objects.filter(within | Q(start_at__in=read), account=account)
        cycles = asked.oldest_first()
    return [
        Closing(
            Place(one.kind, one.start_at),
            one.end_at,
            one.app_usage,
            one.api_usage,
            is_final=one.asked_at >= one.end_at,
            is_told=not one.kind_guessed,
            counted_until=one.counted_until_at,
        )
        for one in cycles
        if (one.end_at > (begin or BEGINNING) and one.start_at < (end or END))
        or one.start_at in read
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
    # A window's readings are no older than it is: so far back, and no farther, is looked for them.
    missing = [
        Q(period_start_at=place.start_at, asked_at__gte=place.start_at - DAY)
        & _of_kind(place)
        & ~Q(**{column: None})
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
    return _nearest(earlier.newest_first(), missing)


def _farther_on(
    good: SnapshotQuerySet, loaded: list[Reading], closings: Iterable[Closing], end: datetime
) -> list[Reading]:
    """Return the next known numbers after the stretch where those beside it lack one."""
    after = [one for one in loaded if one.at >= end]
    if len(after) < BESIDE:
        return []
    later = good.filter(asked_at__gt=after[-1].at)
    ends = {one.place: one.end_at for one in closings}
    ends |= {one.place: one.end_at for one in loaded if one.end_at}
    lacking = [
        (place, ends.get(place, END - READ_ON), column)
        for place in _windows(loaded, closings)
        if place.start_at < end < ends.get(place, END)
        for column in OF_WINDOW
        if not any(one.place == place and _known(one, column) for one in after)
    ]
    missing = [
        Q(period_start_at=place.start_at, asked_at__lt=over + READ_ON)
        & _of_kind(place)
        & ~Q(**{column: None})
        for place, over, column in lacking
    ]
    # What is unknown to the end of a window is a gap once something is read after it.
    missing += [Q(asked_at__gte=over) for over in {over for _, over, _ in lacking}]
    if not any(one.prepaid is not None for one in after):
        missing.append(~Q(prepaid_credits=None))
    return _nearest(later.order_by("asked_at", "pk"), missing)


def _nearest(ordered: SnapshotQuerySet, missing: Iterable[Q]) -> list[Reading]:
    """Return the first of the readings in which each missing number is known, in one query."""
    nearest = [Q(pk=Subquery(ordered.filter(one).values("pk")[:1])) for one in missing]
    if not nearest:
        return []
    found = Snapshot.objects.filter(reduce(or_, nearest))
    return [Reading(*row) for row in found.values_list(*COLUMNS)]


def _truly_listed(
    good: SnapshotQuerySet, closings: list[Closing], readings: Iterable[Reading]
) -> list[Closing]:
    """Leave out the windows whose readings lie elsewhere: those are not unread."""
    read = {one.place for one in readings}
    unread = [one for one in closings if one.place not in read]
    if not unread:
        return closings
    since = max(min(one.place.start_at for one in unread), BEGINNING + DAY) - DAY
    until = min(max(one.end_at for one in unread), END - READ_ON) + READ_ON
    starts = {one.place.start_at for one in unread}
    elsewhere = good.filter(period_start_at__in=starts, asked_at__gte=since, asked_at__lt=until)
    told = elsewhere.order_by().values_list("kind", "period_start_at", "synced").distinct()
    found = {(start, kind if synced is not None else None) for kind, start, synced in told}
    return [
        one
        for one in closings
        if one.place in read
        or not found & {(one.place.start_at, kind) for kind in (one.place.kind, None)}
    ]


def _windows(loaded: Iterable[Reading], closings: Iterable[Closing]) -> set[Place]:
    return {one.place for one in loaded} | {one.place for one in closings}


def _of_kind(place: Place) -> Q:
    return Q(kind=place.kind) | Q(synced=None)


def _known(reading: Reading, column: str) -> bool:
    return getattr(reading, NAMES[column]) is not None
