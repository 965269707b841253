"""A cycle's books: what RemBG counted, what went through us, and the rest; sums always close.

    upstream = through us + app (outside) + API (outside) - counted here only

Our calls are API use. All app use is outside this dashboard, and API use beyond ours is foreign.
Where we count more than RemBG's API counter, the difference stands as a discrepancy of its own:
nothing is negative in silence. An unknown counter leaves its part, and the total, unknown.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property


@dataclass(frozen=True)
class Share:
    """Removals of one member, virtual key and tag: credits charged, and how many nobody knows."""

    user: int | None
    member: str
    virtual_key: uuid.UUID | None
    virtual_key_label: str
    tag: str
    charged: int
    unknown: int
    newest_at: datetime


@dataclass(frozen=True)
class Line:
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
    shares: tuple[Share, ...] = ()

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
    def members(self) -> list[Line]:
        """The credits by member, the largest first; together they are `through`."""
        return _lines(self.shares, lambda one: one.user or one.member, lambda one: one.member)

    @cached_property
    def virtual_keys(self) -> list[Line]:
        """The credits by virtual key; what came by the upload form has no name."""
        return _lines(self.shares, lambda one: one.virtual_key, lambda one: one.virtual_key_label)

    @cached_property
    def tags(self) -> list[Line]:
        """The credits by tag; what has none has no name."""
        return _lines(self.shares, lambda one: one.tag, lambda one: one.tag)


def _lines(
    shares: Iterable[Share], key: Callable[[Share], object], name: Callable[[Share], str]
) -> list[Line]:
    """Add up by key; the newest removal tells the name, which a person may have changed."""
    grouped: defaultdict[object, list[Share]] = defaultdict(list)
    for share in shares:
        grouped[key(share)].append(share)
    lines = [
        Line(
            name(max(group, key=lambda one: (one.newest_at, name(one)))),
            sum(one.charged for one in group),
            sum(one.unknown for one in group),
            whose,
        )
        for whose, group in grouped.items()
    ]
    return sorted(lines, key=lambda line: (-line.credits, -line.unknown, line.name))
