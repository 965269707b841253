"""Removals through us since a reading: RemBG has charged them, and the numbers do not show them.

An account counts every credit charged through us; a reading keeps what that was when it asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Subquery

from dashboard.keys.models import Account
from dashboard.usage.models import Snapshot


class SinceNewest(NamedTuple):
    """The window that an account's newest good reading speaks of, and the credits charged since."""

    start_at: datetime | None
    kind: str
    credits: int


def since(now: int, then: int | None) -> int:
    """Return the credits charged through us since a reading; 0 for one that did not keep `then`.

    Both are an account's `removed_credits`. What is under way while RemBG is asked may be in its
    answer and here, once.
    """
    return 0 if then is None else max(0, now - then)


def charged_so_far(account: UUID) -> int:
    """Return the credits charged through us until now, to be kept by a reading (1 query)."""
    return Account.objects.values_list("removed_credits", flat=True).get(pk=account)


def since_newest(accounts: Iterable[Account]) -> dict[UUID, SinceNewest]:
    """Return for each account that was read what was charged since (1 query)."""
    good = Snapshot.objects.filter(account=OuterRef("pk")).newest_good()
    names = ("period_start_at", "kind", "removed_credits")
    of_good = [Subquery(good.values(name)[:1]) for name in names]
    rows = Account.objects.filter(pk__in=[one.pk for one in accounts])
    return {
        pk: SinceNewest(start, kind, since(now, then))
        for pk, now, start, kind, then in rows.values_list("pk", "removed_credits", *of_good)
        if kind is not None
    }
