"""Books of cycles: what RemBG counted, what went through us, and the rest; sums always close."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Count, Max, Q, Value

from dashboard.keys.models import Account
from dashboard.removals.models import Charged, Removal
from dashboard.removals.models.queries import RemovalQuerySet
from dashboard.usage.since import SinceNewest, since_newest
from dashboard.usage.windows import Stretch, Window

GROUPS = ("user", "member", "virtual_key", "virtual_key_label", "tag")
# SQLite takes at most 500 parts of a union.
MOST_TOGETHER = 100


@dataclass(frozen=True)
class ChargedShare:
    """Removals of one member, virtual key and tag: credits charged, and how many nobody knows."""

    user: int | None
    member: str
    virtual_key: UUID | None
    virtual_key_label: str
    tag: str
    charged: int
    unknown: int
    newest_at: datetime


@dataclass(frozen=True)
class BookLine:
    """A line of the books: whose, in credits; `unknown` removals stand apart and are not added."""

    name: str
    credits: int
    unknown: int = 0
    # Whose it is in every cycle: the person, virtual key or tag. A name may change or be shared.
    key: object = None


@dataclass(frozen=True)
class Books:
    """One cycle of one account; counters are upstream's, in credits, None where unknown."""

    app_usage: int | None
    api_usage: int | None
    shares: tuple[ChargedShare, ...] = ()

    @property
    def upstream(self) -> int | None:
        """Return RemBG's total of the cycle; None when either counter is unknown."""
        if self.app_usage is None or self.api_usage is None:
            return None
        return self.app_usage + self.api_usage

    @cached_property
    def through(self) -> int:
        """Return the credits charged for removals through us."""
        return sum(share.charged for share in self.shares)

    @cached_property
    def unknown(self) -> int:
        """Return how many removals may have cost a credit; each may be part of the API's rest."""
        return sum(share.unknown for share in self.shares)

    @property
    def outside_app(self) -> int | None:
        """Return the credits used in RemBG's app: none of it goes through us."""
        return self.app_usage

    @property
    def outside_api(self) -> int | None:
        """Return the credits of API use by others, at least 0."""
        return None if self.api_usage is None else max(0, self.api_usage - self.through)

    @property
    def only_here(self) -> int | None:
        """Return the credits that we count and RemBG's API counter does not."""
        return None if self.api_usage is None else max(0, self.through - self.api_usage)

    @cached_property
    def members(self) -> list[BookLine]:
        """The credits by member, the largest first; together they are `through`."""
        return _lines(self.shares, lambda one: one.user or one.member, lambda one: one.member)

    @cached_property
    def virtual_keys(self) -> list[BookLine]:
        """The credits by virtual key; what came by the upload form has no name."""
        return _lines(self.shares, lambda one: one.virtual_key, lambda one: one.virtual_key_label)

    @cached_property
    def tags(self) -> list[BookLine]:
        """The credits by tag; what has none has no name."""
        return _lines(self.shares, lambda one: one.tag, lambda one: one.tag)


def _lines(
    shares: Iterable[ChargedShare],
    key: Callable[[ChargedShare], object],
    name: Callable[[ChargedShare], str],
) -> list[BookLine]:
    """Add up by key; the newest removal tells the name, which a person may have changed."""
    grouped: defaultdict[object, list[ChargedShare]] = defaultdict(list)
    for share in shares:
        grouped[key(share)].append(share)
    lines = [
        BookLine(
            name(max(group, key=lambda one: (one.newest_at, name(one)))),
            sum(one.charged for one in group),
            sum(one.unknown for one in group),
            whose,
        )
        for whose, group in grouped.items()
    ]
    return sorted(lines, key=lambda line: (-line.credits, -line.unknown, line.name))


def booked_accounts(account: Account) -> list[UUID]:
    """Name the account and those joined to it: their removals are in its counters (D14)."""
    return booked([account])[account.pk]


def booked(accounts: Iterable[Account]) -> dict[UUID, list[UUID]]:
    """Name for each account itself and those joined to it (1 query)."""
    found = {account.pk: [account.pk] for account in accounts}
    joined = Account.objects.filter(same_as__in=found).exclude(archived_at=None)
    for account in joined:
        assert account.same_as_id is not None
        found[account.same_as_id].append(account.pk)
    return found


def read_until(window: Window) -> datetime:
    """Return until when the counters speak: the last reading, or where RemBG stopped to count."""
    end = window.counted_end_at
    return min(window.asked_at, end) if window.asked_at else end


def stretches(window: Window) -> list[Stretch]:
    """Return when removals count in the window, as far as its counters speak."""
    until = read_until(window)
    parts = window.stretches
    if parts is None:
        parts = ((window.start_at, window.counted_end_at),)
    return [(start, min(end, until)) for start, end in parts if start < until]


def books_of(account: Account, window: Window) -> Books:
    """Return the books of one cycle, of removals sent until RemBG was last asked (2 queries)."""
    [found] = all_books([(booked_accounts(account), window)])
    return found


def all_books(cycles: Sequence[tuple[Sequence[UUID], Window]]) -> list[Books]:
    """Return the books of cycles, each of its booked accounts (1 query for each 100)."""
    shares: defaultdict[int, list[ChargedShare]] = defaultdict(list)
    for first in range(0, len(cycles), MOST_TOGETHER):
        some = list(enumerate(cycles))[first : first + MOST_TOGETHER]
        one, *others = [_grouped(index, booked, window) for index, (booked, window) in some]
        for row in one.union(*others, all=True) if others else one:
            shares[row["window"]].append(_share(row))
    return [
        Books(window.app_usage, window.api_usage, tuple(shares[index]))
        for index, (_booked, window) in enumerate(cycles)
    ]


def _grouped(index: int, booked: Sequence[UUID], window: Window) -> RemovalQuerySet:
    yes, unknown = Q(charged=Charged.YES), Q(charged=Charged.UNKNOWN)
    paid = _paid(booked, stretches(window))
    return (
        paid.annotate(window=Value(index))
        .values("window", *GROUPS)
        .annotate(
            yes=Count("pk", filter=yes),
            no_answer=Count("pk", filter=unknown),
            newest=Max("sending_at"),
        )
    )


def _share(row: dict[str, Any]) -> ChargedShare:
    return ChargedShare(
        row["user"],
        person_name(row["member"]),
        row["virtual_key"],
        row["virtual_key_label"],
        row["tag"],
        row["yes"],
        row["no_answer"],
        row["newest"],
    )


def charged_since(cycles: Sequence[tuple[Account, Window]], *, at: datetime) -> list[int]:
    """Return for each cycle the credits charged through us that its counter does not show yet.

    Of one that runs it is what all pages say (`usage.since`, 1 query); of one that was not read
    since it ended, what was sent between the two (1 query, and 1 for each 100).
    """
    running = [account for account, window in cycles if window.runs(at=at)]
    newest = since_newest(running) if running else {}
    unread = _unread(cycles, at=at)
    return [
        _since(newest.get(account.pk), window)
        if window.runs(at=at)
        else unread.get((account.pk, window), 0)
        for account, window in cycles
    ]


def _since(newest: SinceNewest | None, window: Window) -> int:
    """Return what came since the newest reading, if it speaks of this window; else 0."""
    if newest is None or (newest.start_at, newest.kind) != (window.start_at, window.kind):
        return 0
    return newest.credits


def _unread(
    cycles: Sequence[tuple[Account, Window]], *, at: datetime
) -> dict[tuple[UUID, Window], int]:
    """Count what was sent after the last reading of a cycle that has ended, and before its end."""
    ended = [one for one in cycles if read_until(one[1]) < one[1].counted_end_at <= at]
    if not ended:
        return {}
    accounts = booked(account for account, _window in ended)
    found: dict[tuple[UUID, Window], int] = {}
    for first in range(0, len(ended), MOST_TOGETHER):
        some = ended[first : first + MOST_TOGETHER]
        one, *others = [
            _paid(accounts[account.pk], [(read_until(window), window.counted_end_at)])
            .filter(charged=Charged.YES)
            .annotate(window=Value(index))
            .values("window")
            .annotate(count=Count("pk"))
            .values_list("window", "count")
            for index, (account, window) in enumerate(some)
        ]
        for index, count in one.union(*others, all=True) if others else one:
            account, window = some[index]
            found[account.pk, window] = count
    return found


def sums(account: Account, windows: Sequence[Window]) -> list[Books]:
    """Return the books of many cycles, each with one nameless share (2 queries).

    Each cycle counts its own stretch of the index `removal_paid_by`, so that removals are looked
    at once, however many cycles there are.
    """
    if not windows:
        return []
    accounts = booked_accounts(account)
    counts = [
        _paid(accounts, stretches(window))
        .annotate(window=Value(index))
        .values("window", "charged")
        .annotate(count=Count("sending_at"))
        .values_list("window", "charged", "count")
        for index, window in enumerate(windows)
    ]
    found = {(index, charged): n for index, charged, n in counts[0].union(*counts[1:], all=True)}
    return [
        Books(
            window.app_usage,
            window.api_usage,
            (
                ChargedShare(
                    None,
                    "",
                    None,
                    "",
                    "",
                    found.get((index, Charged.YES), 0),
                    found.get((index, Charged.UNKNOWN), 0),
                    window.start_at,
                ),
            ),
        )
        for index, window in enumerate(windows)
    ]


def person_name(member: str) -> str:
    """Return a member's name; of one who gave none, the address without where it is delivered."""
    name, at_sign, _host = member.partition("@")
    return f"{name}@…" if at_sign else member


def _paid(accounts: Sequence[UUID], stretches: Sequence[Stretch]) -> RemovalQuerySet:
    """Those that cost the accounts a credit, or may have, by when they were sent."""
    sent = [Q(sending_at__gte=start, sending_at__lt=end) for start, end in stretches]
    charged = Removal.objects.exclude(charged=Charged.NO)
    return charged.filter(reduce(or_, sent, Q(pk__in=())), account__in=accounts)
