"""A month of all accounts: the statements of the cycles that ended in it, and what they add up to.

A cycle belongs to the UTC calendar month of its last second, as RemBG counts it: it is in one month
only, and a team's zone changes nothing. No credit is added twice: not where a fall-back to calendar
months, or a wrong window, shares time with another cycle of the account (D5, D8), and not where an
account may be another one's twin (D14). Such a cycle stands there, with the reason.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property

from django.utils.translation import gettext as _

from dashboard.keys.models import Account
from dashboard.keys.pricing import CreditPrice
from dashboard.overview import ledgers
from dashboard.overview.money import Price
from dashboard.overview.statements import (
    Entry,
    Statement,
    accounts_with_cycles,
    price_of,
    written,
)
from dashboard.teams.models import Team
from dashboard.usage.models import Cycle, Kind
from dashboard.usage.windows import TOUCHING, Window

SECTIONS = ("members", "virtual_keys", "tags")


@dataclass(frozen=True)
class Sum:
    """A line over several cycles: credits (None where none is known), and money by currency."""

    name: str
    credits: int | None
    unknown: int
    amounts: tuple[tuple[str, Decimal], ...] = ()

    @property
    def said(self) -> str:
        """Return "5.00 EUR + 1.20 USD": currencies are never added to each other."""
        return " + ".join(Price(Decimal(0), code).said(amount) for code, amount in self.amounts)


@dataclass(frozen=True)
class Part:
    """The statement of a cycle in its month, and why it is not added, if it is not."""

    statement: Statement
    left_out: str = ""


@dataclass(frozen=True)
class SumSection:
    """Lines that add up to what went through this dashboard."""

    slug: str
    title: str
    sums: tuple[Sum, ...]


@dataclass(frozen=True)
class MonthStatement:
    """What a team's accounts used in the cycles that ended in a month (UTC), and its cost."""

    month: date
    at: datetime
    parts: tuple[Part, ...]
    summary: tuple[Sum, ...]
    total: Sum
    sections: tuple[SumSection, ...]

    @property
    def through(self) -> Sum:
        """The line of what went through this dashboard; there is one where anything is added."""
        return self.summary[0]

    @property
    def added(self) -> list[Statement]:
        """The statements that are in the sums."""
        return [part.statement for part in self.parts if not part.left_out]

    @property
    def since(self) -> int:
        """Credits charged through us that the sums do not show yet (D21)."""
        return sum(one.since for one in self.added)

    @property
    def uncounted(self) -> list[Statement]:
        """Those added whose total nobody knows: the sums lack them."""
        return [one for one in self.added if one.books.upstream is None]

    @property
    def unpriced(self) -> list[Statement]:
        """Those added that have no price: the money lacks them."""
        return [one for one in self.added if one.price is None]

    @property
    def is_running(self) -> bool:
        """Say whether a cycle of it still goes on: then all of it is "so far"."""
        return any(part.statement.is_running for part in self.parts)

    @property
    def is_final(self) -> bool:
        """Say whether RemBG was asked about each of its cycles after they ended."""
        return all(part.statement.is_final for part in self.parts)


@dataclass(frozen=True)
class Held:
    """A cycle of an account, and why it is not added, if it is not."""

    account: Account
    window: Window
    left_out: str


def month_of(window: Window) -> date:
    """Return the first day of the UTC month in which the cycle's last second lies."""
    return window.last_second().astimezone(UTC).date().replace(day=1)


@dataclass(frozen=True, eq=False)
class TeamCycles:
    """Every cycle of a team's accounts, read once (2 queries), and the months that they make."""

    team: Team

    @cached_property
    def accounts(self) -> list[Account]:
        """The accounts that have cycles of their own."""
        return accounts_with_cycles(self.team)

    @cached_property
    def held(self) -> list[Held]:
        """Every sound cycle, and whether it adds up with the others."""
        return _held(self.accounts)

    @property
    def months(self) -> list[date]:
        """The months that have a statement, newest first."""
        return sorted({month_of(one.window) for one in self.held}, reverse=True)

    def statement(self, month: date, *, at: datetime) -> MonthStatement:
        """Return the month's statement (up to 6 queries, or one more for each 100 cycles)."""
        held = [one for one in self.held if month_of(one.window) == month]
        booked = ledgers.booked(self.accounts)
        books = ledgers.all_books([(booked[one.account.pk], one.window) for one in held])
        later = ledgers.charged_since([(one.account, one.window) for one in held], at=at)
        prices = list(CreditPrice.objects.of_team(self.team).newest_first())
        parts = tuple(
            Part(
                written(one.account, one.window, found, _price(prices, one), at=at, since=since),
                one.left_out,
            )
            for one, found, since in zip(held, books, later, strict=True)
        )
        return added_up(month, parts, at=at)


def added_up(month: date, parts: tuple[Part, ...], *, at: datetime) -> MonthStatement:
    """Return what these statements make together; asks nobody."""
    added = [part.statement for part in parts if not part.left_out]
    total = _sum(_("Total counted by RemBG"), [(one.total, one) for one in added])
    by_role: defaultdict[object, list[tuple[Entry, Statement]]] = defaultdict(list)
    for one in added:
        for entry in one.summary:
            by_role[entry.role].append((entry, one))
    summary = tuple(_sum(found[0][0].name, found) for found in by_role.values())
    sections = tuple(_section(slug, added) for slug in SECTIONS) if added else ()
    return MonthStatement(month, at, parts, summary, total, sections)


def _held(accounts: Sequence[Account]) -> list[Held]:
    """Return every sound cycle, in the order of the accounts, and which of them add up."""
    windows: defaultdict[object, list[Window]] = defaultdict(list)
    for cycle in Cycle.objects.filter(account__in=accounts).order_by("start_at", "pk"):
        windows[cycle.account_id].append(Window.of(cycle))
    return [
        Held(account, window, _("May be the same account as another one") if twin else reason)
        for account in accounts
        for twin in [account.same_as_id is not None]
        for window, reason in _apart(windows[account.pk])
    ]


def _apart(windows: Iterable[Window]) -> list[tuple[Window, str]]:
    """Leave out cycles that share time with one before them: billing cycles go first."""
    taken: list[Window] = []
    found: list[tuple[Window, str]] = []
    sound = [one for one in windows if one.is_sound]
    for window in sorted(sound, key=lambda one: (one.kind != Kind.STRIPE, one.start_at)):
        reason = "" if window.can_be else _("Its dates cannot be right")
        if any(_share_time(window, other) for other in taken):
            reason = _("Shares days with another cycle")
        if not reason:
            taken.append(window)
        found.append((window, reason))
    return sorted(found, key=lambda one: one[0].start_at)


def _share_time(one: Window, other: Window) -> bool:
    return one.start_at + TOUCHING < other.end_at and other.start_at + TOUCHING < one.end_at


def _price(prices: Sequence[CreditPrice], held: Held) -> Price | None:
    own = [one for one in prices if one.account_id in (None, held.account.pk)]
    return price_of(own, held.window)


def _section(slug: str, statements: Sequence[Statement]) -> SumSection:
    """Add one list of all statements up by person, key or tag; the newest cycle tells the name."""
    found: defaultdict[object, list[tuple[Entry, Statement]]] = defaultdict(list)
    titles = []
    for one in sorted(statements, key=lambda one: one.window.end_at, reverse=True):
        [section] = [section for section in one.sections if section.slug == slug]
        titles.append(section.title)
        for entry in section.entries:
            found[entry.key].append((entry, one))
    sums = [_sum(group[0][0].name, group) for group in found.values()]
    ordered = sorted(sums, key=lambda one: (-(one.credits or 0), -one.unknown, one.name))
    return SumSection(slug, titles[0], tuple(ordered))


def _sum(name: str, entries: Sequence[tuple[Entry, Statement]]) -> Sum:
    known = [entry.credits for entry, _one in entries if entry.credits is not None]
    amounts: defaultdict[str, Decimal] = defaultdict(Decimal)
    for entry, one in entries:
        if one.price is not None and entry.amount is not None:
            amounts[one.price.currency] += entry.amount
    return Sum(
        name,
        sum(known) if known else None,
        sum(entry.unknown for entry, _one in entries),
        tuple(sorted(amounts.items())),
    )
