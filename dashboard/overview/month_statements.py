"""A month of all accounts: the statements of the cycles that ended in it, and what they add up to.

A cycle belongs to the UTC calendar month of its last second, as RemBG counts it: it is in one month
only, and a team's zone changes nothing. No credit is added twice: not where a fall-back to calendar
months, or a wrong window, shares time with another cycle of the account (D5, D8), and not where an
account may be another one's twin (D14). Such a cycle stands there, with the reason; in the latter
case the sums are lower bounds until a person has decided (D19).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from django.utils.translation import gettext as _

from dashboard.keys.models import Account
from dashboard.keys.pricing import CreditPrice
from dashboard.overview import cycle_books
from dashboard.overview.money import Price
from dashboard.overview.statements import (
    Entry,
    Statement,
    accounts_with_cycles,
    price_of,
    written,
)
from dashboard.teams.models import Team
from dashboard.usage.models import CalendarMonth, Cycle
from dashboard.usage.windows import Window, fallbacks, share_time, with_stretches

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
class MonthPart:
    """The statement of a cycle in its month, and why it is not added, if it is not.

    It is `undecided` while its account may be the same as another one.
    """

    statement: Statement
    left_out: str = ""
    undecided: bool = False


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
    parts: tuple[MonthPart, ...]
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
    def undecided(self) -> list[Account]:
        """The accounts left out until a person says whether they are others: sums lack them."""
        waiting = [part.statement.account for part in self.parts if part.undecided]
        return list({account.pk: account for account in waiting}.values())

    @property
    def is_lower_bound(self) -> bool:
        """Say whether there may be more: a cycle's total is unknown, or an account waits."""
        return bool(self.uncounted or self.undecided)

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
        """Say whether each of its cycles is final: read after an end that is sure."""
        return all(part.statement.is_final for part in self.parts)


@dataclass(frozen=True)
class Held:
    """A cycle of an account, and why it is not added, if it is not."""

    account: Account
    window: Window
    left_out: str
    undecided: bool


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
        booked = cycle_books.booked(self.accounts)
        books = cycle_books.all_books([(booked[one.account.pk], one.window) for one in held])
        later = cycle_books.charged_since([(one.account, one.window) for one in held], at=at)
        prices = list(CreditPrice.objects.of_team(self.team).newest_first())
        parts = tuple(
            MonthPart(
                written(one.account, one.window, found, _price(prices, one), at=at, since=since),
                one.left_out,
                one.undecided,
            )
            for one, found, since in zip(held, books, later, strict=True)
        )
        return added_up(month, parts, at=at)


def added_up(month: date, parts: tuple[MonthPart, ...], *, at: datetime) -> MonthStatement:
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
    windows: defaultdict[UUID, list[Window]] = defaultdict(list)
    for cycle in Cycle.objects.filter(account__in=accounts).order_by("start_at", "pk"):
        windows[cycle.account_id].append(Window.of(cycle))
    months = _months({pk for pk, some in windows.items() if fallbacks(some)})
    return [
        Held(account, window, _("May be the same account as another one") if twin else reason, twin)
        for account in accounts
        for twin in [account.same_as_id is not None]
        for window, reason in _apart(with_stretches(windows[account.pk]), months[account.pk])
    ]


def _months(accounts: Collection[UUID]) -> dict[object, dict[datetime, int]]:
    """Return what RemBG counted in calendar months, by account and start (1 query, or none)."""
    found: defaultdict[object, dict[datetime, int]] = defaultdict(dict)
    rows = CalendarMonth.objects.filter(account__in=accounts) if accounts else ()
    for row in rows:
        if row.app_usage is not None and row.api_usage is not None:
            start = datetime(row.year, row.month, 1, tzinfo=UTC)
            found[row.account_id][start] = row.app_usage + row.api_usage
    return found


def _apart(windows: Iterable[Window], months: Mapping[datetime, int]) -> list[tuple[Window, str]]:
    """Leave out what would count credits twice: of cycles of one kind that overlap, the later.

    The two kinds may share time (D8): RemBG counts each credit in the one that it is in then.
    """
    taken: list[Window] = []
    found: list[tuple[Window, str]] = []
    sound = [one for one in windows if one.is_sound]
    for window in sorted(sound, key=lambda one: one.start_at):
        same = [other for other in taken if other.kind == window.kind]
        reason = "" if window.can_be else _("Its dates cannot be right")
        if any(share_time(window, other) for other in same):
            reason = _("Shares days with another cycle")
        if not reason:
            taken.append(window)
        found.append((window, reason))
    doubled = _doubled(taken, months)
    return [(window, doubled.get(window, reason)) for window, reason in found]


def _doubled(windows: Sequence[Window], months: Mapping[datetime, int]) -> dict[Window, str]:
    """Return the fall-backs that may hold credits of billing cycles again, and why.

    A fall-back begins or ends within a month: there it holds less than all of the month, or else
    RemBG answered with the month's own count, which has the billing cycles' credits in it.
    """
    runs: list[list[Window]] = []
    for one in fallbacks(windows):
        if runs and runs[-1][-1].end_at == one.start_at:
            runs[-1].append(one)
        else:
            runs.append([one])
    found: dict[Window, str] = {}
    for run in runs:
        counts = [(one.used, months.get(one.start_at)) for one in run]
        known = [(mine, whole) for mine, whole in counts if mine is not None and whole is not None]
        if not any(mine < whole for mine, whole in known):
            because = _("RemBG counted the whole month in it, the days of billing cycles too")
            reason = because if len(known) == len(run) else _("Shares days with another cycle")
            found |= dict.fromkeys(run, reason)
    return found


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
