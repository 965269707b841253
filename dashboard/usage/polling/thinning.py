"""Thinning old readings: those are deleted that say nothing which their neighbours do not say.

Counters are cumulative, so that differences telescope. After 40 days the first and the last reading
of each hour are kept, after 13 months of each UTC day and of each day of a cycle; always both
around a change of plan or window, a top-up and a fall (`differences.telling`), and those that a row
names as where its numbers come from. Every hour's, day's and cycle's figure stays as it was.

What goes follows from the readings that are there, so that doing it again, or twice at once,
deletes nothing more; where a worker died the next one begins the account's stretch again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, Q

from dashboard.keys.models import Account
from dashboard.usage.history.differences import telling
from dashboard.usage.history.queries import COLUMNS, closings_of, good_readings
from dashboard.usage.history.values import DAY, HOUR, Closing, Reading, floor_day, floor_hour
from dashboard.usage.models import AccountOutlook, CalendarMonth, Cycle, Snapshot, Thinning

ALL_KEPT = timedelta(days=40)
HOURS_KEPT = timedelta(days=396)
TURN_EVERY = timedelta(hours=12)
# So much is looked at together, and deleted in one transaction: a small part of a second.
DAYS_AT_ONCE = 10
DELETED_AT_ONCE = 200
# Rows that name a reading as where their numbers come from.
NAMING: tuple[type[Model], ...] = (Cycle, CalendarMonth, AccountOutlook)


def hours_from(at: datetime) -> datetime:
    """Return since when hours are known: of the days before, the first and last readings are."""
    return floor_day(at - HOURS_KEPT)


def take_turns(*, at: datetime) -> Iterator[Account]:
    """Yield accounts not looked at for twelve hours, each claimed by one conditional UPDATE.

    The turn is noted before the work: an account that fails does not keep the others waiting.
    """
    read = Exists(Snapshot.objects.filter(account=OuterRef("pk")))
    new = Account.objects.filter(read, thinning=None)
    Thinning.objects.bulk_create((Thinning(account=one) for one in new), ignore_conflicts=True)
    due = Q(turn_at=None) | Q(turn_at__lte=at - TURN_EVERY) | Q(turn_at__gt=at)
    waiting = Thinning.objects.filter(due).order_by(F("turn_at").asc(nulls_first=True), "pk")
    for state in waiting.select_related("account"):
        mine = Thinning.objects.filter(pk=state.pk, turn_at=state.turn_at)
        if mine.update(turn_at=at):
            yield state.account


def thin(account: Account, *, at: datetime) -> int:
    """Delete what the account's old readings need not say; return how many went."""
    good = Snapshot.objects.filter(account=account).newest_good()
    newest = good.values_list("asked_at", flat=True).first()
    if newest is None:
        return 0
    state, _new = Thinning.objects.get_or_create(account=account)
    # What failed after the newest good reading says how it stands with the account now.
    until = min(floor_day(at - ALL_KEPT), floor_day(newest))
    if state.until_at and until <= state.until_at:
        return 0
    older = HOURS_KEPT - ALL_KEPT
    deleted = _thin(account, state.until_at, until, every=HOUR)
    deleted += _thin(account, state.until_at and state.until_at - older, until - older, every=DAY)
    Thinning.objects.filter(Q(until_at=None) | Q(until_at__lt=until), pk=account.pk).update(
        until_at=until
    )
    return deleted


def _thin(account: Account, since: datetime | None, until: datetime, *, every: timedelta) -> int:
    """Thin what was asked in `[since, until)`, whole UTC days, a few at a time."""
    mine = Snapshot.objects.filter(account=account, asked_at__lt=until)
    deleted = 0
    while since is None or since < until:
        # Every mode is named, so that the index that begins with account and mode serves.
        rest = mine.filter(mode__in=Snapshot.Mode.values)
        rest = rest.filter(asked_at__gte=since) if since else rest
        first = rest.order_by("asked_at").values_list("asked_at", flat=True).first()
        if first is None:
            break
        begin = floor_day(first)
        since = min(until, begin + DAYS_AT_ONCE * DAY)
        deleted += _delete(account, _superfluous(account, begin, since, every=every))
    return deleted


def _superfluous(
    account: Account, begin: datetime, end: datetime, *, every: timedelta
) -> list[UUID]:
    """Return the readings of `[begin, end)` that say nothing; one that failed says nothing now."""
    rows = good_readings(account).within(start=begin, end=end).values_list("pk", *COLUMNS)
    readings = {Reading(*row[1:]): row[0] for row in rows}
    edges = [begin + every * number for number in range((end - begin) // every)]
    closings = closings_of(account, begin=begin, end=end, read={one.start_at for one in readings})
    if every == DAY:
        edges += [edge for one in closings for edge in _days_of(one, begin, end)]
    kept = {readings[one] for one in telling([*readings], closings, edges)}
    asked = Snapshot.objects.filter(account=account, mode__in=Snapshot.Mode.values)
    found = asked.within(start=begin, end=end).values_list("pk", flat=True)
    return [pk for pk in found if pk not in kept]


def _days_of(one: Closing, begin: datetime, end: datetime) -> Iterator[datetime]:
    """Return the hours within `[begin, end)` in which a day of a cycle ends, with their ends.

    Cycles are compared by their own days, and of an hour its last reading counts.
    """
    edge = floor_hour(one.place.start_at)
    edge += max(0, (begin - edge) // DAY) * DAY
    while edge < min(end, one.end_at):
        yield from (edge, edge + HOUR)
        edge += DAY


def _delete(account: Account, going: Sequence[UUID]) -> int:
    """Delete these but for those that a row names, a few in one transaction; return how many."""
    deleted = 0
    for number in range(0, len(going), DELETED_AT_ONCE):
        some = Snapshot.objects.filter(pk__in=going[number : number + DELETED_AT_ONCE])
        for model in NAMING:
            some = some.exclude(Exists(model._default_manager.filter(snapshot=OuterRef("pk"))))
        with transaction.atomic():
            count, _by_model = some.only("pk").delete()
        deleted += count
    return deleted
