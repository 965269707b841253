"""Statements for programs: read-only; `None` for what is unknown, money as decimal text."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Router, Schema

from dashboard.keys.models import Account
from dashboard.overview.month_statements import MonthPart, Sum, TeamCycles
from dashboard.overview.reconciliation import StatementsPage
from dashboard.overview.statement_views import find, find_month
from dashboard.overview.statements import Entry, Statement, accounts_with_cycles
from dashboard.teams.api import membership_for
from dashboard.teams.models import Team

router = Router(tags=["statements"])


class EntryOut(Schema):
    """A line: credits, removals whose outcome nobody knows (not added), and money."""

    name: str
    credits: int | None
    outcome_unknown: int
    amount: str | None


class SummaryOut(Schema):
    """A cycle's books: `through + outside_app + outside_api + discrepancy = total`.

    It is final once RemBG was asked after its end, and that end is sure: `period_end_source` is
    `told` or `shortened` then; else it was inferred. `since_credits` were charged through this
    dashboard since RemBG counted, and are in none of it.
    """

    key: str
    kind: str
    period_start_unix: int
    period_end_unix: int
    is_running: bool
    is_final: bool
    period_end_source: str
    as_of: datetime | None
    since_credits: int
    currency: str | None
    credit_price: str | None
    through: EntryOut
    outside_app: EntryOut
    outside_api: EntryOut
    discrepancy: EntryOut | None
    total: EntryOut


class StatementsOut(Schema):
    """An account's statements, of each kind of cycles the newest 60, newest first."""

    statements: list[SummaryOut]


class StatementOut(SummaryOut):
    """A cycle's books with who and what; the lines of each list add up to `through`.

    `sent_since` is another name of `since_credits`.
    """

    sent_since: int
    members: list[EntryOut]
    virtual_keys: list[EntryOut]
    tags: list[EntryOut]


class AmountOut(Schema):
    """Money in one currency; currencies are never added to each other."""

    currency: str
    amount: str


class SumOut(Schema):
    """A line over several cycles: credits (null where none is known), and money by currency."""

    name: str
    credits: int | None
    outcome_unknown: int
    amounts: list[AmountOut]


class PartOut(SummaryOut):
    """A cycle in its month; `left_out` says why it is not in the sums, and is empty if it is."""

    account_id: UUID
    account: str
    left_out: str


class MonthsOut(Schema):
    """The months (UTC) in which a cycle of the team ended or will end, newest first."""

    months: list[str]


class MonthOut(Schema):
    """All accounts, by the cycles whose last second lies in a month (UTC).

    `is_lower_bound` is true where a cycle's total is unknown, or while an account may be the same
    as another one and nobody has decided: the sums may lack credits.
    """

    month: str
    is_running: bool
    is_final: bool
    is_lower_bound: bool
    since_credits: int
    total: SumOut
    summary: list[SumOut]
    statements: list[PartOut]
    members: list[SumOut]
    virtual_keys: list[SumOut]
    tags: list[SumOut]


@router.get("/teams/{slug}/statements", response=MonthsOut)
def months(request: HttpRequest, slug: str) -> dict[str, object]:
    """List the months that have a statement of all accounts."""
    team = membership_for(request, slug).team
    return {"months": [f"{month:%Y-%m}" for month in TeamCycles(team).months]}


@router.get("/teams/{slug}/statements/{month}", response=MonthOut)
def month(request: HttpRequest, slug: str, month: str) -> dict[str, object]:
    """Tell what all accounts used and cost in the cycles that ended in a month, as "2026-10"."""
    found = find_month(TeamCycles(membership_for(request, slug).team), month)
    lists: dict[str, object] = {"members": [], "virtual_keys": [], "tags": []}
    for section in found.sections:
        lists[section.slug] = [_sum(one) for one in section.sums]
    return {
        "month": f"{found.month:%Y-%m}",
        "is_running": found.is_running,
        "is_final": found.is_final,
        "is_lower_bound": found.is_lower_bound,
        "since_credits": found.since,
        "total": _sum(found.total),
        "summary": [_sum(one) for one in found.summary],
        "statements": [_part(one) for one in found.parts],
        **lists,
    }


@router.get("/teams/{slug}/accounts/{uuid:account_id}/statements", response=StatementsOut)
def statements(request: HttpRequest, slug: str, account_id: UUID) -> dict[str, object]:
    """List what each cycle used and cost."""
    team = membership_for(request, slug).team
    page = StatementsPage(team, _account(team, account_id), timezone.now())
    return {"statements": [_summary(one) for one in page.statements]}


@router.get("/teams/{slug}/accounts/{uuid:account_id}/statements/{key}", response=StatementOut)
def statement(request: HttpRequest, slug: str, account_id: UUID, key: str) -> dict[str, object]:
    """Tell what one cycle used and cost, by member, virtual key and tag."""
    found = find(membership_for(request, slug).team, account_id, key)
    lists = {section.slug: [_entry(one) for one in section.entries] for section in found.sections}
    return {**_summary(found), **lists, "sent_since": found.since}


def _account(team: Team, pk: UUID) -> Account:
    found = next((one for one in accounts_with_cycles(team) if one.pk == pk), None)
    if found is None:
        raise Http404
    return found


def _summary(one: Statement) -> dict[str, object]:
    window, price = one.window, one.price
    entries = {entry.role: _entry(entry) for entry in (*one.summary, one.total)}
    return {
        "key": window.key,
        "kind": window.kind,
        "period_start_unix": int(window.start_at.timestamp()),
        # As RemBG counts it: the last second.
        "period_end_unix": int(window.last_second().timestamp()),
        "is_running": one.is_running,
        "is_final": one.is_final,
        "period_end_source": window.end_source,
        "as_of": window.asked_at,
        "since_credits": one.since,
        "currency": price.currency if price else None,
        "credit_price": f"{price.amount.normalize():f}" if price else None,
        "discrepancy": None,
        **entries,
    }


def _part(part: MonthPart) -> dict[str, object]:
    account = part.statement.account
    whose = {"account_id": account.pk, "account": account.label, "left_out": part.left_out}
    return {**_summary(part.statement), **whose}


def _sum(one: Sum) -> dict[str, object]:
    return {
        "name": one.name,
        "credits": one.credits,
        "outcome_unknown": one.unknown,
        "amounts": [
            {"currency": currency, "amount": f"{amount:f}"} for currency, amount in one.amounts
        ],
    }


def _entry(one: Entry) -> dict[str, object]:
    return {
        "name": one.name,
        "credits": one.credits,
        "outcome_unknown": one.unknown,
        "amount": None if one.amount is None else f"{one.amount:f}",
    }
