"""`GET /api/membership-usage` from our rows: every mode, and unknown stays unknown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict

from dashboard.gateway import refusals
from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import Account
from dashboard.rembg import errors
from dashboard.rembg.errors import FieldProblem
from dashboard.removals import budgets
from dashboard.removals.errors import NoKey
from dashboard.removals.payers import Payer, best_account
from dashboard.usage.models import CalendarMonth, Cycle, Kind, Snapshot
from dashboard.usage.since import since, since_newest

DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
LIMITS = {"year": (1, 9999), "month": (1, 12), "periodStartUnix": (0, 4_102_444_800)}
CONFLICT = "Use either periodStartUnix, or year and month, not both."


@dataclass(frozen=True)
class UsageQuery:
    """What is asked (contract 2); None is "now". A list of cycles ignores all the rest."""

    lists_cycles: bool = False
    expand: bool = False
    year: int | None = None
    month: int | None = None
    period_start: int | None = None

    @classmethod
    def parse(cls, query: QueryDict) -> UsageQuery:
        """Read a query; raise InvalidFields naming each parameter that is wrong."""
        if _is_set(query.get("listBillingCycles", "")):
            return cls(lists_cycles=True)
        numbers, problems = {}, []
        for name in (name for name in LIMITS if name in query):
            try:
                numbers[name] = _number(name, query.getlist(name))
            except ValueError as exc:
                problems.append(FieldProblem(name, str(exc)))
        if "periodStartUnix" in query and ("year" in query or "month" in query):
            problems.append(FieldProblem("periodStartUnix", CONFLICT))
        if problems:
            message = problems[0].message if len(problems) == 1 else ""
            raise errors.InvalidFields(message, details=tuple(problems))
        flags = [flag.strip() for flag in query.get("expand", "").split(",")]
        return cls(
            expand="billing_cycle" in flags or _is_set(query.get("includeBillingCycle", "")),
            year=numbers.get("year"),
            month=numbers.get("month"),
            period_start=numbers.get("periodStartUnix"),
        )


@dataclass(frozen=True)
class UsageResponse:
    """The document, when upstream said what is in it, and the credits charged through us since."""

    document: dict[str, Any]
    as_of: datetime | None
    since: int


def usage_response(key: VirtualKey, query: QueryDict, *, at: datetime) -> UsageResponse:
    """Say what was used of the account that a key draws on.

    `virtualKey` is ours: what this key may spend in its cycle, in credits, and has. So is
    `sinceReading`: the credits charged through us that are in none of the other numbers (D21).
    Raises InvalidFields, NoKey or GatewayRefusal.
    """
    asked = UsageQuery.parse(query)
    account = key.account or best_account(Payer(key.team_id))
    if account is None:
        raise NoKey(retry_after=60)
    if asked.lists_cycles:
        if not account.snapshots.lists().exists():
            raise refusals.NotReadYet
        return _listed(account)
    good = account.snapshots.good().newest_first().defer("raw").first()
    if good is None:
        raise refusals.NotReadYet
    newer = since(account.removed_credits, good.removed_credits)
    document = {
        "membership": good.membership or None,
        "credits": good.included_credits,
        "prepaidCredits": good.prepaid_credits,
        **_counters(account, asked, good, at=at),
        "virtualKey": _of_key(key, at=at),
        "sinceReading": {"credits": newer, "asOfUnix": _unix(good.asked_at)},
    }
    return UsageResponse(document, good.asked_at, newer)


def _listed(account: Account) -> UsageResponse:
    """List the cycles, as they were last read."""
    cycles = list(account.cycles.oldest_first().reverse())
    as_of = max((cycle.asked_at for cycle in cycles), default=None)
    newest = since_newest([account]).get(account.pk)
    document = {"billingCycles": [_counted(cycle) for cycle in cycles]}
    return UsageResponse(document, as_of, newest.credits if newest else 0)


def _counters(
    account: Account, asked: UsageQuery, good: Snapshot, *, at: datetime
) -> dict[str, Any]:
    """Return the top-level counters, and the billing cycle where it was asked for."""
    if asked.period_start is not None:
        start = datetime.fromtimestamp(asked.period_start, UTC)
        cycle = account.cycles.filter(start_at=start).order_by("-asked_at", "pk").first()
        block = _window(cycle, start, good)
        top = {"app_usage": block["appUsage"], "api_usage": block["apiUsage"]}
    else:
        block = _running(good)
        top = _month(account, asked, at=at)
    return {**top, "billingCycle": block} if asked.expand else top


def _month(account: Account, asked: UsageQuery, *, at: datetime) -> dict[str, int | None]:
    """Return a calendar month's counters; they are not the cycle's (contract 2)."""
    now = at.astimezone(UTC)
    year, month = asked.year or now.year, asked.month or now.month
    row = CalendarMonth.objects.filter(account=account, year=year, month=month).first()
    return {
        "app_usage": row.app_usage if row else None,
        "api_usage": row.api_usage if row else None,
    }


def _running(good: Snapshot) -> dict[str, Any]:
    return _block(
        good.period_start_at,
        good.period_end_at,
        (good.app_usage, good.api_usage),
        included=good.included_credits,
        prepaid=good.prepaid_credits,
        used=good.used,
        left=good.left,
        synced=good.synced,
    )


def _window(cycle: Cycle | None, start: datetime, good: Snapshot) -> dict[str, Any]:
    if cycle is None:
        return _block(start, None, (None, None), prepaid=good.prepaid_credits)
    known = cycle.app_usage is not None and cycle.api_usage is not None
    used = (cycle.app_usage or 0) + (cycle.api_usage or 0) if known else None
    included = cycle.included_credits
    return _block(
        cycle.start_at,
        cycle.end_at,
        (cycle.app_usage, cycle.api_usage),
        included=included,
        prepaid=good.prepaid_credits,
        used=used,
        left=None if used is None or included is None else max(0, included - used),
        synced=None if cycle.kind_guessed else cycle.kind == Kind.STRIPE,
    )


def _block(
    start: datetime | None,
    end: datetime | None,
    counters: tuple[int | None, int | None],
    *,
    included: int | None = None,
    prepaid: int | None = None,
    used: int | None = None,
    left: int | None = None,
    synced: bool | None = None,
) -> dict[str, Any]:
    return {
        "periodStartUnix": _unix(start),
        "periodEndUnix": _last_second(end),
        "appUsage": counters[0],
        "apiUsage": counters[1],
        "includedCredits": included,
        "prepaidCredits": prepaid,
        "usedIncludedCredits": used,
        "remainingIncludedCredits": left,
        "stripeBillingSynced": synced,
    }


def _counted(cycle: Cycle) -> dict[str, int | None]:
    return {
        "periodStartUnix": _unix(cycle.start_at),
        "periodEndUnix": _last_second(cycle.end_at),
        "appUsage": cycle.app_usage,
        "apiUsage": cycle.api_usage,
    }


def _of_key(key: VirtualKey, *, at: datetime) -> dict[str, int | None]:
    (use,) = budgets.uses([key.budget], at=at)
    hard = key.budget.hard
    return {
        "cap": hard,
        "used": use.taken,
        "remaining": None if hard is None else max(0, hard - use.taken),
        "periodEndUnix": _last_second(use.period.end_at),
    }


def _unix(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _last_second(end: datetime | None) -> int | None:
    """Return a half-open end as upstream counts it: the second before the renewal."""
    return None if end is None else int(end.timestamp()) - 1


def _number(name: str, texts: list[str]) -> int:
    least, most = LIMITS[name]
    if len(texts) > 1:
        raise ValueError(f"{name} was sent more than once.")
    if not DIGITS.fullmatch(texts[0]) or not least <= int(texts[0]) <= most:
        raise ValueError(f"'{name}' must be a whole number between {least} and {most}.")
    return int(texts[0])


def _is_set(text: str) -> bool:
    return text.lower() in ("1", "true")
