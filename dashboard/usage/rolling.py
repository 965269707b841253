"""Rolling readings up: hours and days are kept, old readings are deleted.

Readings of 15 minutes are kept for 40 days, hours for 13 months, days and gaps for ever. What is
written is computed from the readings alone, so that doing it again gives the same rows; readings
are deleted only in a later transaction, once nothing before them can change any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, Min, Model, OuterRef, Q

from dashboard.keys.models import Account
from dashboard.usage.history import buckets
from dashboard.usage.history.buckets import SHORT_BESIDE_A_DAY, Rolled, longest_step
from dashboard.usage.history.loading import (
    OF_ACCOUNT,
    OF_WINDOW,
    Source,
    closings_of,
    good_readings,
    load,
)
from dashboard.usage.history.rows import row_of
from dashboard.usage.history.values import DAY, floor_day, floor_hour
from dashboard.usage.models import (
    AccountOutlook,
    CalendarMonth,
    Cycle,
    RollUp,
    Snapshot,
    SnapshotQuerySet,
    UsageSpan,
)

READINGS_KEPT = timedelta(days=40)
HOURS_KEPT = timedelta(days=396)
# A difference that may be shared out over hours or days has both its ends by then.
SETTLED = SHORT_BESIDE_A_DAY
# So much is written, and deleted, in one transaction: of the order of a tenth of a second.
MOST_READINGS = 2000
DELETED_AT_ONCE = timedelta(days=10)
# Rows that name a reading as where their numbers come from.
NAMING: tuple[type[Model], ...] = (Cycle, CalendarMonth, AccountOutlook)
TURN_EVERY = timedelta(hours=3)
Kept = UsageSpan.Span
KEPT = {**dict.fromkeys(OF_WINDOW), **OF_ACCOUNT}


@dataclass(frozen=True)
class Seen:
    """What stood in the rows before a moment; when it changes, they are rolled up again."""

    readings: int
    closings: str

    @classmethod
    def of(cls, account: Account, *, until: datetime | None) -> Seen:
        """Count the good readings before then, and sum up the closed cycles (2 queries)."""
        good = _good(account)
        readings = good.filter(asked_at__lt=until).count() if until else 0
        return cls(readings, _digest(account))


def _digest(account: Account) -> str:
    closed = [one for one in closings_of(account) if one.is_final]
    told = [(*one.place, one.end_at, one.app, one.api) for one in closed]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def _good(account: Account) -> SnapshotQuerySet:
    return Snapshot.objects.good().filter(account=account)


def take_turns(*, at: datetime) -> Iterator[Account]:
    """Yield accounts not looked at for three hours, each claimed by one conditional UPDATE.

    The turn is noted before the work: an account that fails does not keep the others waiting.
    """
    read = Exists(Snapshot.objects.filter(account=OuterRef("pk")))
    new = Account.objects.filter(read, rolled_up=None)
    RollUp.objects.bulk_create((RollUp(account=one) for one in new), ignore_conflicts=True)
    due = Q(turn_at=None) | Q(turn_at__lte=at - TURN_EVERY) | Q(turn_at__gt=at)
    waiting = RollUp.objects.filter(due).order_by(F("turn_at").asc(nulls_first=True), "pk")
    for state in waiting.select_related("account"):
        mine = RollUp.objects.filter(pk=state.pk, turn_at=state.turn_at)
        if mine.update(turn_at=at):
            yield state.account


def tidy(account: Account, *, at: datetime) -> None:
    """Roll an account's readings up as far as they are settled, then delete what is too old."""
    while roll_up(account, hours_from=at - HOURS_KEPT):
        pass
    delete_readings(account, at=at)
    delete_hours(account, at=at)


def roll_up(
    account: Account, *, hours_from: datetime | None = None, most: int = MOST_READINGS
) -> bool:
    """Write the hours, days and gaps that are settled and new; say whether there may be more.

    After a late reading (D6), or when a cycle was closed or corrected, it begins again with the
    oldest reading that is kept. Hours before `hours_from` would be deleted at once: their days
    are written alone. Of two workers at once one writes.
    """
    state, _new = RollUp.objects.get_or_create(account=account)
    seen = Seen.of(account, until=state.until_at)
    changed = seen != Seen(state.readings, state.closings)
    since = state.readings_from_at if changed else state.until_at
    begin = floor_day(since) if since else None
    source = _source(account, begin, most=most)
    if source.newest is None:
        return False
    until = floor_hour(source.newest - SETTLED)
    if not changed and state.until_at and until <= state.until_at:
        return False
    rows = _rows(account, source, begin=begin, until=until)
    border = floor_day(min(hours_from, until)) if hours_from else None
    kept = [one for one in rows if one.span != Kept.HOUR or not border or one.end_at > border]
    with transaction.atomic():
        # A reading that came in meanwhile is not among the rows: then it is done at the next turn.
        if _count(good_readings(account), begin, source.newest) != source.count(begin):
            return False
        if changed:
            before = _count(_good(account), None, until)
        else:
            before = state.readings + _count(_good(account), state.until_at, until)
        found = RollUp.objects.filter(
            pk=state.pk, until_at=state.until_at, readings=state.readings, closings=state.closings
        )
        without = {"hours_from_at": border} if len(kept) < len(rows) else {}
        if found.update(until_at=until, readings=before, closings=seen.closings, **without):
            _replace(account, kept, begin=begin)
    return source.is_cut


def _count(readings: SnapshotQuerySet, begin: datetime | None, end: datetime) -> int:
    readings = readings.filter(asked_at__gte=begin) if begin else readings
    return readings.filter(asked_at__lt=end).count()


def _source(account: Account, begin: datetime | None, *, most: int) -> Source:
    """Return so many readings from there on that at least one hour among them is settled."""
    while True:
        source = load(account, begin=begin, most=most)
        settled = source.newest and source.newest - SETTLED
        if not source.is_cut or (settled and settled >= (begin or source.readings[0].at) + DAY):
            return source
        most *= 2


def _rows(
    account: Account, source: Source, *, begin: datetime | None, until: datetime
) -> list[UsageSpan]:
    longest = longest_step(settings.POLL_SECONDS)
    found = buckets.rolled(source.readings, source.closings, longest=longest)
    hours = [one for one in found.hours if one.start_at < until]
    gaps = [one for one in found.gaps if one.end_at <= until]
    if begin:
        hours = [one for one in hours if one.start_at >= begin]
        gaps = [one for one in gaps if one.end_at > begin]
    # Gaps that end later have a part in the last of the days; it may be all that is known of one.
    known = (floor_day(one.start_at) for one in (*hours, *found.gaps))
    first = begin or min(known, default=until)
    whole = floor_day(until)
    days = buckets.utc_days(Rolled(tuple(hours), found.gaps), start=first, end=whole)
    kept = ((Kept.HOUR, hours), (Kept.DAY, days), (Kept.GAP, gaps))
    return [row_of(account, name, span) for name, spans in kept for span in spans]


def _replace(account: Account, rows: list[UsageSpan], *, begin: datetime | None) -> None:
    old = UsageSpan.objects.filter(account=account)
    if begin:
        old = old.filter(span__in=Kept.values, end_at__gt=begin)
    old.delete()
    UsageSpan.objects.bulk_create(rows, batch_size=200)


def delete_readings(account: Account, *, at: datetime) -> int:
    """Delete readings older than 40 days that are rolled up; return how many.

    What stays: the first and the last reading of each window, those that the next one kept is
    compared with, and those that a row names as where its numbers come from. The newest reading
    is never older than what is rolled up, so it stays too.
    """
    state = RollUp.objects.filter(account=account).exclude(until_at=None).first()
    if state is None or state.until_at is None:
        return 0
    if Seen.of(account, until=state.until_at) != Seen(state.readings, state.closings):
        return 0
    border = floor_day(min(at - READINGS_KEPT, state.until_at))
    going = _going(account, border)
    since = going.aggregate(first=Min("asked_at"))["first"] or border
    deleted = 0
    while since < border:
        until = min(border, since + DELETED_AT_ONCE)
        part = going.filter(asked_at__gte=since, asked_at__lt=until)
        gone = _delete(part, state, border=border)
        if gone is None:
            break
        since, deleted = until, deleted + gone
    return deleted


def _delete(part: SnapshotQuerySet, state: RollUp, *, border: datetime) -> int | None:
    """Delete these readings and count them out; None if they are being rolled up meanwhile."""
    with transaction.atomic():
        # No row names one of them, so they go in one statement, without a look for each.
        good = part.good()._raw_delete(part.db)
        others = part._raw_delete(part.db)
        mine = RollUp.objects.filter(pk=state.pk, until_at=state.until_at, readings=state.readings)
        if not mine.update(readings=state.readings - good, readings_from_at=border):
            transaction.set_rollback(True)
            return None
    state.readings -= good
    return int(good + others)


def _going(account: Account, border: datetime) -> SnapshotQuerySet:
    # Every mode is named, so that the index that begins with account and mode serves.
    old = Snapshot.objects.filter(
        account=account, mode__in=Snapshot.Mode.values, asked_at__lt=border
    )
    kept = set(old.filter(asked_at__in=_kept_moments(old)).values_list("pk", flat=True))
    for model in NAMING:
        named = model._default_manager.filter(account=account).exclude(snapshot=None)
        kept |= set(named.values_list("snapshot_id", flat=True))
    return old.exclude(pk__in=kept)


def _kept_moments(old: SnapshotQuerySet) -> set[datetime]:
    """Return when the first and last readings of each window came, and the last known numbers."""
    known = {name: Max("asked_at", filter=~Q(**{name: unknown})) for name, unknown in KEPT.items()}
    windows = old.good().values("kind", "period_start_at").order_by()
    first, last = Min("asked_at"), Max("asked_at")
    rows: Any = list(windows.annotate(first=first, last=last, **known))
    found = {row[name] for row in rows for name in ("first", "last", *OF_WINDOW)}
    found |= {max((row[name] for row in rows if row[name]), default=None) for name in OF_ACCOUNT}
    return found - {None}


def delete_hours(account: Account, *, at: datetime) -> int:
    """Delete hours older than 13 months, whose days are kept; return how many."""
    state = RollUp.objects.filter(account=account).exclude(until_at=None).first()
    if state is None or state.until_at is None:
        return 0
    border = floor_day(min(at - HOURS_KEPT, state.until_at))
    hours = UsageSpan.objects.filter(account=account, span=Kept.HOUR, end_at__lte=border)
    with transaction.atomic():
        deleted, _by_model = hours.delete()
        if deleted:
            RollUp.objects.filter(pk=state.pk).update(hours_from_at=border)
    return deleted
