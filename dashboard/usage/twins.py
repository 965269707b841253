"""Accounts that answer the same numbers: proposed by the readings, decided by a person (D14)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from dashboard.keys.models import Account, ApiKey
from dashboard.lib.prepared import Prepared
from dashboard.teams import audit
from dashboard.teams.models import User
from dashboard.usage.models import Cycle
from dashboard.usage.sameness import Face, Likeness, likeness
from dashboard.usage.windows import Window

# Another account of the team with a window that starts then.
COMPANY = Prepared(
    lambda team, account, start: (
        Cycle.objects.filter(start_at=start, account__team=team)
        .exclude(account=account)
        .values_list("pk")[:1]
    ),
    team=int,
    account=UUID,
    start=datetime,
)


def face_of(cycles: Iterable[Cycle]) -> Face:
    """Return what an account answered so far."""
    return Face(tuple(Window.of(cycle) for cycle in cycles))


def likeness_to(account: Account, windows: Iterable[Window]) -> Likeness:
    """Compare windows that were just read with what an account answered so far (1 query)."""
    return likeness(face_of(account.cycles.all()), Face(tuple(windows)))


def look_for_twin(account: Account, *, at: datetime) -> Account | None:
    """Note which account of the team answers the same; forget a likeness that is over.

    The younger of the two waits outside the totals until a person has decided.
    """
    others = _candidates(account, at=at)
    mine = face_of(account.cycles.all()) if others else Face(())
    for other in others:
        found = likeness(mine, face_of(other.cycles.all()))
        older, younger = sorted((account, other), key=lambda one: (one.created_at, one.pk))
        if found is Likeness.SAME and _propose(younger, older):
            return older
        if found is Likeness.DIFFERENT and younger.same_as_id == older.pk:
            Account.objects.filter(pk=younger.pk, same_as=older).update(same_as=None)
    return None


def has_company(account: Account, *, start: datetime | None) -> bool:
    """Say whether another account of the team has a window that starts then, as a twin would."""
    if start is None:
        return False
    return bool(COMPANY.rows(team=account.team_id, account=account.pk, start=start))


def _candidates(account: Account, *, at: datetime) -> list[Account]:
    """Return the team's other accounts with a window that starts when one running here does."""
    starts = set(account.cycles.running(at=at).values_list("start_at", flat=True))
    alike = Q(cycles__start_at__in=starts) | Q(pk=account.same_as_id) | Q(same_as=account)
    others = Account.objects.active().filter(alike, team=account.team_id).exclude(pk=account.pk)
    return list(others.distinct().order_by("created_at", "pk"))


def _propose(younger: Account, older: Account) -> bool:
    if older.same_as_id or younger.same_as_id or younger.known_apart_at:
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
