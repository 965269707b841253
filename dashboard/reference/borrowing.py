"""A key for minutes, behind the scenes: the page sends requests, and nobody pastes a secret."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.gateway.issuing import lend, own_reference_key
from dashboard.gateway.models import VirtualKey
from dashboard.teams.models import Membership, Role, User


@dataclass(frozen=True)
class Lender:
    """Where a person can borrow: an own virtual key, or a team in which there is none yet."""

    membership: Membership
    key: VirtualKey | None = None

    @property
    def value(self) -> str:
        """Return what a form calls it."""
        return f"key:{self.key.pk}" if self.key else f"team:{self.membership.pk}"

    def lend(self, *, at: datetime) -> tuple[VirtualKey, str]:
        """Return a key for minutes that draws on this one, and its secret."""
        return lend(self.key or own_reference_key(self.membership, at=at), at=at)


def lenders(user: User, *, at: datetime) -> Sequence[Lender]:
    """List where this person can borrow: teams in order, those in which one only looks left out."""
    keys = VirtualKey.objects.of(user).active(at=at).newest_first()
    found: list[Lender] = []
    for membership in Membership.objects.of(user):
        if not membership.may(Role.MEMBER):
            continue
        own = [Lender(membership, key) for key in keys if key.membership_id == membership.pk]
        found += own or [Lender(membership)]
    return found
