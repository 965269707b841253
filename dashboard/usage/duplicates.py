"""Accounts that may be one: proposed by the readings, decided by a person (D14, D19)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from dashboard.keys.models import Account, ApiKey
from dashboard.teams import audit
from dashboard.teams.models import User
from dashboard.usage.likeness import CurrentReading, Face, Likeness, likeness
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.windows import Window

MOST_READINGS = 50
# A team may have many accounts on calendar months, which all begin at once.
MOST_COMPARED = 3


def likeness_to(account: Account, face: Face) -> Likeness:
    """Compare what was just read with what an account answered so far (2 queries)."""
    return likeness(_faces({account.pk})[account.pk], face)


def look_for_twin(account: Account, newest: CurrentReading) -> Account | None:
    """Note which account of the team is the same as the one just read; forget what is over.

    The younger of the two waits outside the totals until a person has decided. Where no account
    has a window that starts when this one's does, nothing is compared (1 query).
    """
    pairs = [_by_age(account, other) for other in _candidates(account, newest)]
    pairs = [pair for pair in pairs if pair[1].known_apart_at is None]
    faces = _faces({one.pk for pair in pairs for one in pair})
    for older, younger in pairs:
        found = likeness(faces[older.pk], faces[younger.pk])
        if found is Likeness.SAME and _propose(younger, older):
            return older
        if found is Likeness.DIFFERENT and younger.same_as_id == older.pk:
            Account.objects.filter(pk=younger.pk, same_as=older).update(same_as=None)
    return None


def _by_age(one: Account, other: Account) -> tuple[Account, Account]:
    """Return the older account and the younger one."""
    if (one.created_at, one.pk) < (other.created_at, other.pk):
        return one, other
    return other, one


def _candidates(account: Account, newest: CurrentReading) -> list[Account]:
    """Return the accounts that may be the same, or are already proposed as such."""
    start = newest.period_start_at
    if account.same_as_id:
        found = {account.same_as_id}
    elif start is None:
        return []
    else:
        others = Cycle.objects.filter(account__team=account.team_id, account__archived_at=None)
        rows = (
            others.filter(start_at=start)
            .exclude(account=account)
            .values_list("account", "account__same_as", "app_usage", "api_usage")
        )
        found = {pk for pk, same_as, *_counters in rows if same_as == account.pk}
        found |= _nearest([row for row in rows if row[1] is None], newest)
    return list(Account.objects.active().filter(pk__in=found).order_by("pk")) if found else []


def _nearest(rows: Iterable[tuple[Any, ...]], newest: CurrentReading) -> set[UUID]:
    """Return the accounts that come nearest to a reading, none that counted more.

    What a twin was read to have counted before this reading cannot be more than the reading says.
    """
    gaps = []
    for pk, _same_as, *counters in rows:
        pairs = zip((newest.app_usage, newest.api_usage), counters, strict=True)
        behind = [mine - theirs for mine, theirs in pairs if None not in (mine, theirs)]
        if all(gap >= 0 for gap in behind):
            gaps.append((sum(behind), pk))
    return {pk for _gap, pk in sorted(gaps)[:MOST_COMPARED]}


def _faces(accounts: Collection[UUID]) -> dict[UUID, Face]:
    """Return what accounts answered so far (1 query, and 1 for each)."""
    if not accounts:
        return {}
    windows: defaultdict[UUID, list[Window]] = defaultdict(list)
    for cycle in Cycle.objects.filter(account__in=accounts):
        windows[cycle.account_id].append(Window.of(cycle))
    return {
        pk: Face(
            tuple(windows[pk]),
            tuple(CurrentReading(*row) for row in _newest_readings(pk)),
        )
        for pk in accounts
    }


def _newest_readings(account: UUID) -> Iterable[tuple[Any, ...]]:
    good = Snapshot.objects.filter(account=account).newest_good()
    return good.values_list(*CurrentReading._fields)[:MOST_READINGS]


def _propose(younger: Account, older: Account) -> bool:
    if older.same_as_id or younger.same_as_id:
        return False
    return bool(
        Account.objects.filter(pk=younger.pk, same_as=None, known_apart_at=None).update(
            same_as=older
        )
    )


def join(twin: Account, *, by: User, at: datetime, address: str | None) -> Account | None:
    """File the twin's keys under the account it equals; None if there is nothing to join.

    The twin is archived with its history, and keeps saying whose it is.
    """
    with transaction.atomic():
        # no_key: a removal that holds the team (budgets) may still refer to the account.
        held = Account.objects.select_for_update(no_key=True)
        locked = held.active().filter(pk=twin.pk).first()
        if locked is None or locked.same_as is None:
            return None
        account = locked.same_as
        ApiKey.objects.filter(account=locked).update(account=account)
        Account.objects.filter(pk=locked.pk).update(archived_at=at)
        audit.record(
            account.team,
            "account.joined",
            at=at,
            user=by,
            subject=account.label,
            address=address,
            twin=locked.label,
        )
    return account


def keep_apart(twin: Account, *, by: User, at: datetime, address: str | None) -> bool:
    """Count the twin as an account of its own from now on; False if that was decided before."""
    undecided = Account.objects.active().filter(pk=twin.pk, same_as__isnull=False)
    if not undecided.update(same_as=None, known_apart_at=at):
        return False
    audit.record(
        twin.team, "account.kept_apart", at=at, user=by, subject=twin.label, address=address
    )
    return True
