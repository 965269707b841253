"""The newest readings of many accounts, as the columns that a list needs and not as models.

Fifty accounts with two rows beside each are 200 models of up to 24 fields: to make those took
longer than everything else that a page of them does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery

from dashboard.keys.models import AccountQuerySet
from dashboard.usage.models import Snapshot, SnapshotQuerySet
from dashboard.usage.models.reading import left_of, used_of
from dashboard.usage.outlook import Kept

OUTLOOK = [f"outlook__{name}" for name in Kept._fields]


class Line(NamedTuple):
    """A reading, named as a Snapshot's fields are."""

    pk: UUID
    asked_at: datetime
    error: str
    message: str
    membership: str
    included_credits: int | None
    prepaid_credits: int | None
    used_included_credits: int | None
    remaining_included_credits: int | None
    app_usage: int | None
    api_usage: int | None
    period_start_at: datetime | None
    period_end_at: datetime | None
    synced: bool | None
    kind: str
    problems: list[dict[str, str]]
    clock_skew_seconds: int | None

    @property
    def used(self) -> int | None:
        """Return app and API credits of the window."""
        return used_of(self.app_usage, self.api_usage, self.used_included_credits)

    @property
    def left(self) -> int | None:
        """Return the included credits left."""
        return left_of(self.included_credits, self.remaining_included_credits, self.used)


class Listed(NamedTuple):
    """An account in a list: which account it seems to equal, its newest readings, its outlook."""

    pk: UUID
    label: str
    twin_of: str
    newest_pk: UUID | None = None
    good_pk: UUID | None = None
    kept: Kept | None = None


def with_newest(accounts: AccountQuerySet) -> QuerySet[Any]:
    """Name each one's newest reading of the running cycle, and its newest good one."""
    readings = Snapshot.objects.filter(account=OuterRef("pk"))
    newest = readings.filter(mode=Snapshot.Mode.CURRENT).newest_first()
    return accounts.annotate(
        newest_pk=Subquery(newest.values("pk")[:1]),
        good_pk=Subquery(readings.newest_good().values("pk")[:1]),
    )


def listed(accounts: AccountQuerySet) -> list[Listed]:
    """Return the accounts in their order (1 query)."""
    found = with_newest(accounts).values_list(
        "pk", "label", "same_as__label", "newest_pk", "good_pk", *OUTLOOK
    )
    return [
        Listed(pk, label, twin or "", newest, good, Kept(*kept) if kept[0] else None)
        for pk, label, twin, newest, good, *kept in found
    ]


def lines(readings: SnapshotQuerySet) -> list[Line]:
    """Return the readings in their order (1 query)."""
    return [Line(*row) for row in readings.values_list(*Line._fields)]


def newest_of(accounts: Iterable[Listed]) -> dict[UUID, Line]:
    """Return their newest readings and their newest good ones (1 query)."""
    wanted = {pk for one in accounts for pk in (one.newest_pk, one.good_pk) if pk}
    return {line.pk: line for line in lines(Snapshot.objects.filter(pk__in=wanted))}
