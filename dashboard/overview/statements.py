"""Statements: the books of a cycle with their money, ready for a page, a file or a program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.db.models import F, Q
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.keys.models import Account
from dashboard.keys.pricing import CreditPrice, holding
from dashboard.overview import cycle_books
from dashboard.overview.cycle_books import BookLine, Books
from dashboard.overview.money import Price
from dashboard.teams.models import Team
from dashboard.usage import formatting
from dashboard.usage.models import Cycle
from dashboard.usage.windows import Window, with_stretches


@dataclass(frozen=True)
class Entry:
    """A line of a statement: credits and money, None where unknown or without a price."""

    role: str
    name: str
    credits: int | None
    unknown: int = 0
    amount: Decimal | None = None
    said: str = ""
    key: object = None


@dataclass(frozen=True)
class Section:
    """Lines of one kind that add up to a sum: members, virtual keys or tags."""

    slug: str
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Statement:
    """A cycle of an account: what was used, by whom, and what it cost."""

    account: Account
    window: Window
    books: Books
    price: Price | None
    at: datetime
    summary: tuple[Entry, ...]
    total: Entry
    sections: tuple[Section, ...]
    # Credits charged through us that RemBG's counters do not show yet (D21).
    since: int = 0

    @property
    def is_running(self) -> bool:
        """Say whether the cycle still goes on: then everything is "so far"."""
        return self.window.runs(at=self.at)

    @property
    def is_final(self) -> bool:
        """Say whether RemBG was asked after the cycle's end, and that end is sure (D15)."""
        return self.window.is_closed and self.window.end_is_sure

    @property
    def end_note(self) -> str:
        """Where the cycle's end comes from, if RemBG did not tell it."""
        return formatting.where_it_ends(self.window)

    @property
    def why_url(self) -> str:
        """The address that explains its numbers."""
        where = ["statement", self.account.pk]
        root = reverse("overview:explain_one", args=[self.account.team.slug, *where])
        return f"{root}?cycle={self.window.key}"

    @property
    def through(self) -> Entry:
        """The line of what went through this dashboard."""
        return self.summary[0]


def accounts_with_cycles(team: Team) -> list[Account]:
    """Name the accounts that have statements; one that was joined to another has none (D14)."""
    joined = Q(same_as__isnull=False, archived_at__isnull=False)
    return list(
        team.accounts.select_related("team")
        .exclude(joined)
        .filter(cycles__isnull=False)
        .distinct()
        .order_by(F("archived_at").asc(nulls_first=True), "label", "pk")
    )


def windows_of(account: Account) -> list[Window]:
    """Return the account's cycles of both kinds, newest first; unsound ones have no books."""
    cycles = Cycle.objects.filter(account=account).order_by("-start_at", "kind", "pk")
    return with_stretches([window for window in map(Window.of, cycles) if window.is_sound])


def prices_of(account: Account) -> list[CreditPrice]:
    """Return every price of the account, and of its team."""
    found = CreditPrice.objects.that_may_hold_for(account.pk, team=account.team_id)
    return list(found.newest_first())


def price_of(prices: list[CreditPrice], window: Window) -> Price | None:
    """Return the price that held at the cycle's start: it is the price of all of it."""
    found = holding(prices, at=window.start_at)
    return Price(found.amount, found.currency) if found else None


def statement(account: Account, window: Window, *, at: datetime) -> Statement:
    """Return the statement of one cycle (4 queries, or up to 6 while it is not closed)."""
    books = cycle_books.books_of(account, window)
    price = price_of(prices_of(account), window)
    [since] = cycle_books.charged_since([(account, window)], at=at)
    return written(account, window, books, price, at=at, since=since)


def written(
    account: Account,
    window: Window,
    books: Books,
    price: Price | None,
    *,
    at: datetime,
    since: int = 0,
) -> Statement:
    """Return the statement that these books and this price make; asks nobody."""
    total = _priced(Entry("total", _("Total counted by RemBG"), books.upstream), price)
    summary = _summed(_summary(books), total, price)
    through = summary[0]
    sections = (
        _section("members", _("By member"), books.members, through, price, _("Unnamed")),
        _section(
            "virtual_keys",
            _("By virtual key"),
            books.virtual_keys,
            through,
            price,
            _("Upload form, no virtual key"),
        ),
        _section("tags", _("By tag"), books.tags, through, price, _("No tag")),
    )
    return Statement(account, window, books, price, at, tuple(summary), total, sections, since)


def _summary(books: Books) -> list[Entry]:
    entries = [
        Entry("through", _("Through this dashboard"), books.through, books.unknown),
        Entry("outside_app", _("Outside: RemBG's app"), books.outside_app),
        Entry("outside_api", _("Outside: other API use"), books.outside_api),
    ]
    if books.only_here:
        name = _("Discrepancy: counted here, not by RemBG")
        entries.append(Entry("discrepancy", name, -books.only_here))
    return entries


def _section(
    slug: str,
    title: str,
    lines: Sequence[BookLine],
    through: Entry,
    price: Price | None,
    nameless: str,
) -> Section:
    entries = [
        Entry(slug, line.name or nameless, line.credits, line.unknown, key=line.key)
        for line in lines
    ]
    return Section(slug, title, tuple(_summed(entries, through, price)))


def _summed(entries: list[Entry], total: Entry, price: Price | None) -> list[Entry]:
    """Put money to lines so that it adds up to the total's; alone where the total is unknown."""
    if price is None or total.amount is None:
        return [_priced(entry, price) for entry in entries]
    amounts = price.shared(total.amount, [entry.credits or 0 for entry in entries])
    return [
        replace(entry, amount=amount, said=price.said(amount))
        for entry, amount in zip(entries, amounts, strict=True)
    ]


def _priced(entry: Entry, price: Price | None) -> Entry:
    if price is None or entry.credits is None:
        return entry
    amount = price.of(entry.credits)
    return replace(entry, amount=amount, said=price.said(amount))
