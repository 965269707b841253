"""The newest readings of many accounts, as the columns that a list needs and not as models.

Fifty accounts with two rows beside each are 200 models of up to 24 fields: to make those took
longer than everything else that a page of them does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery

from dashboard.keys.models import AccountQuerySet
from dashboard.rembg.usage import left_of, used_of
from dashboard.teams.models import Team
from dashboard.usage.models import Snapshot, SnapshotQuerySet
from dashboard.usage.models.reading import USABLE
from dashboard.usage.outlook import Kept

OF_LISTED = ("pk", "label", "same_as__label", "same_as", "removed_credits", "degraded_at")
OUTLOOK = [f"outlook__{name}" for name in Kept._fields]


class Line(NamedTuple):
    """A reading, named as a Snapshot's fields are."""

    pk: UUID
    account_id: UUID
    outcome: str
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
    removed_credits: int | None

    @property
    def is_good(self) -> bool:
        """Say whether its numbers can be shown."""
        return self.outcome in USABLE

    @property
    def is_doubted(self) -> bool:
        """Say whether it waits to be confirmed."""
        return self.outcome == Snapshot.Outcome.DOUBTED

    @property
    def used(self) -> int | None:
        """Return app and API credits of the window."""
        return used_of(self.app_usage, self.api_usage, self.used_included_credits)

    @property
    def left(self) -> int | None:
        """Return the included credits left."""
        return left_of(self.included_credits, self.remaining_included_credits, self.used)


class Listed(NamedTuple):
    """An account in a list: which account it seems to equal, and its outlook."""

    pk: UUID
    label: str
    twin_of: str
    twin_of_id: UUID | None
    removed_credits: int
    degraded_at: datetime | None = None
    kept: Kept | None = None


def newest_readings(accounts: AccountQuerySet) -> SnapshotQuerySet:
    """Return each one's newest reading of the running cycle and its newest good one.

    One row where they are the same; the newest first.
    """
    readings = Snapshot.objects.filter(account=OuterRef("pk"))
    newest = readings.filter(mode=Snapshot.Mode.CURRENT).newest_first()
    accounts = accounts.order_by().annotate(
        newest_pk=Subquery(newest.values("pk")[:1]),
        good_pk=Subquery(readings.newest_good().values("pk")[:1]),
    )
    named = Q(pk__in=accounts.values("newest_pk")) | Q(pk__in=accounts.values("good_pk"))
    return Snapshot.objects.filter(named).newest_first()


def lines(rows: Iterable[tuple[Any, ...]]) -> Mapping[UUID, list[Line]]:
    """Return the rows of readings by account, in their order; none for an account without one."""
    found: defaultdict[UUID, list[Line]] = defaultdict(list)
    for row in rows:
        line = Line(*row)
        found[line.account_id].append(line)
    return found


def listed(team: Team) -> list[Listed]:
    """Return the active accounts of a team, by label (1 query)."""
    rows = team.accounts.active().order_by("label", "pk").values_list(*OF_LISTED, *OUTLOOK)
    return [
        Listed(pk, label, twin or "", twin_id, removed, degraded, Kept(*kept) if kept[0] else None)
        for pk, label, twin, twin_id, removed, degraded, *kept in rows
    ]


def newest_of(team: Team) -> Mapping[UUID, list[Line]]:
    """Return the newest readings of its active accounts, the newest first (1 query)."""
    return lines(newest_readings(team.accounts.active()).values_list(*Line._fields))
