"""Accounts, cycles and snapshots for programs: read-only, `None` for what is unknown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Router, Schema

from dashboard.keys.models import Account
from dashboard.teams.api import membership_for
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.standing import Standing, Total, standings, total
from dashboard.usage.windows import Window

router = Router(tags=["usage"])


class WindowOut(Schema):
    """A billing window; `period_end_unix` is its last second, as RemBG counts it."""

    period_start_unix: int
    period_end_unix: int
    kind: str


class AccountOut(Schema):
    """Where an account stands, in credits, as RemBG said it at `as_of`.

    `since_credits` were charged for removals through this dashboard since then; no other number of
    this answer has them in it. Null before the first reading. `degraded_at`: when it answered a
    removal with the small picture of an account without credits; null once a reading shows some.
    """

    id: UUID
    label: str
    plan: str | None
    included_credits: int | None
    used_included_credits: int | None
    remaining_included_credits: int | None
    prepaid_credits: int | None
    spendable_credits: int | None
    cycle: WindowOut | None
    as_of: datetime | None
    stale: bool
    since_credits: int | None
    degraded_at: datetime | None


class UndecidedOut(AccountOut):
    """An account that may be the same as another one, `same_as`; a person has not decided."""

    same_as: UUID


class TotalsOut(Schema):
    """The sums over `accounts`, in credits; null where none is known.

    `is_lower_bound` is true while an account is unknown or undecided: there may be more.
    """

    spendable_credits: int | None
    remaining_included_credits: int | None
    prepaid_credits: int | None
    is_lower_bound: bool
    as_of: datetime | None
    stale: bool


class AccountsOut(Schema):
    """The accounts that the team's totals add, and those that wait for a decision beside them."""

    accounts: list[AccountOut]
    undecided: list[UndecidedOut]
    totals: TotalsOut


class CycleOut(Schema):
    """A cycle and what was used in it, in credits.

    `period_end_source` says where its end comes from: `told` by RemBG, or `shortened` by a cycle
    that was told to begin earlier; else it is inferred: `listed` while it ran, by the `rhythm` of
    the subscription, or from the `next` cycle of its kind.
    """

    period_start_unix: int
    period_end_unix: int
    app_usage: int | None
    api_usage: int | None
    kind: str
    period_end_source: str


class CyclesOut(Schema):
    """An account's cycles, newest first."""

    cycles: list[CycleOut]


class SnapshotOut(Schema):
    """One reading, as RemBG gave it, without the raw answer."""

    id: UUID
    mode: str
    outcome: str
    asked_at: datetime
    status: int | None
    error: str
    plan: str | None
    included_credits: int | None
    remaining_included_credits: int | None
    prepaid_credits: int | None
    app_usage: int | None
    api_usage: int | None
    cycle: WindowOut | None


class SnapshotsOut(Schema):
    """An account's readings, newest first."""

    snapshots: list[SnapshotOut]


@router.get("/teams/{slug}/accounts", response=AccountsOut)
def accounts(request: HttpRequest, slug: str) -> dict[str, object]:
    """List where each account of the team stands, and what they make together.

    One that may be the same account as another one stands in `undecided` and in no total.
    """
    found = standings(membership_for(request, slug).team, at=timezone.now())
    sums = total(found)
    return {
        "accounts": [_account(one) for one in found if one.is_counted],
        "undecided": [
            {**_account(one).dict(), "same_as": one.twin_of_id} for one in sums.undecided
        ],
        "totals": _totals(sums),
    }


@router.get("/teams/{slug}/accounts/{uuid:account_id}/cycles", response=CyclesOut)
def cycles(request: HttpRequest, slug: str, account_id: UUID) -> dict[str, object]:
    """List an account's billing cycles with their counters."""
    found = _find(request, slug, account_id).cycles.oldest_first().reverse()
    return {"cycles": [_cycle(one) for one in found]}


@router.get("/teams/{slug}/accounts/{uuid:account_id}/snapshots", response=SnapshotsOut)
def snapshots(
    request: HttpRequest,
    slug: str,
    account_id: UUID,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, object]:
    """List an account's newest readings."""
    found = _find(request, slug, account_id).snapshots.newest_first().defer("raw")[:limit]
    return {"snapshots": [_snapshot(one) for one in found]}


def _find(request: HttpRequest, slug: str, account_id: UUID) -> Account:
    team = membership_for(request, slug).team
    return get_object_or_404(team.accounts, pk=account_id)


def _totals(sums: Total) -> TotalsOut:
    return TotalsOut(
        spendable_credits=sums.spendable,
        remaining_included_credits=sums.remaining,
        prepaid_credits=sums.prepaid,
        is_lower_bound=sums.is_lower_bound,
        as_of=sums.as_of,
        stale=sums.stale,
    )


def _account(one: Standing) -> AccountOut:
    return AccountOut(
        id=one.account_id,
        label=one.label,
        plan=one.plan or None,
        included_credits=one.included,
        used_included_credits=one.used,
        remaining_included_credits=one.remaining,
        prepaid_credits=one.prepaid,
        spendable_credits=one.spendable,
        cycle=_window(one.window) if one.window else None,
        as_of=one.as_of,
        stale=one.stale,
        since_credits=one.since if one.is_read else None,
        degraded_at=one.degraded_at,
    )


def _window(window: Window) -> WindowOut:
    return WindowOut(
        period_start_unix=int(window.start_at.timestamp()),
        period_end_unix=int(window.last_second().timestamp()),
        kind=window.kind,
    )


def _cycle(cycle: Cycle) -> CycleOut:
    window = _window(Window.of(cycle))
    return CycleOut(
        **window.dict(),
        app_usage=cycle.app_usage,
        api_usage=cycle.api_usage,
        period_end_source=cycle.end_source,
    )


def _snapshot(one: Snapshot) -> SnapshotOut:
    start, end = one.period_start_at, one.period_end_at
    window = Window(one.kind, start, end) if start and end else None
    return SnapshotOut(
        id=one.pk,
        mode=one.mode,
        outcome=one.outcome,
        asked_at=one.asked_at,
        status=one.status,
        error=one.error,
        plan=one.membership or None,
        included_credits=one.included_credits,
        remaining_included_credits=one.left,
        prepaid_credits=one.prepaid_credits,
        app_usage=one.app_usage,
        api_usage=one.api_usage,
        cycle=_window(window) if window else None,
    )
