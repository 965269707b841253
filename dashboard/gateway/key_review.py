"""Virtual keys that somebody should look at, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_

from django.db.models import F, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.gateway.models import VirtualKey, VirtualKeyQuerySet
from dashboard.teams.models import Role, Team


@dataclass(frozen=True)
class Worry:
    """A reason to look at a key: its name in the page, in words, and what is done about it."""

    name: str
    title: str | Promise
    reason: str | Promise
    action: str
    find: Callable[[Team, datetime], VirtualKeyQuerySet]


@dataclass(frozen=True)
class Finding:
    """A worry, and the keys of the team that it is about."""

    worry: Worry
    keys: list[VirtualKey]


def review(team: Team, *, at: datetime) -> list[Finding]:
    """Return the findings of every kind, the most urgent kind first, the newest key first."""
    return [Finding(worry, list(worry.find(team, at).newest_first())) for worry in WORRIES]


def count(team: Team, *, at: datetime) -> int:
    """Return how many keys somebody should look at."""
    return reduce(or_, (worry.find(team, at) for worry in WORRIES)).count()


def _live(team: Team, at: datetime) -> VirtualKeyQuerySet:
    return VirtualKey.objects.listed().unended(at=at).filter(team=team)


def _in_clear(team: Team, at: datetime) -> VirtualKeyQuerySet:
    """Those whose secret came unencrypted, and is good still: rotating is the remedy (T21)."""
    same = Q(rotated_at=None) | Q(rotated_at__lt=F("sent_in_clear_at")) | Q(old_until__gt=at)
    return _live(team, at).filter(same, sent_in_clear_at__isnull=False)


def _ownerless(team: Team, at: datetime) -> VirtualKeyQuerySet:
    """Those whose member has left or only watches: they open nothing, and stand about."""
    gone = Q(membership=None) | Q(membership__role=Role.VIEWER)
    unexpired = Q(expires_at=None) | Q(expires_at__gt=at)
    return VirtualKey.objects.listed().filter(gone, unexpired, team=team, revoked_at=None)


def _idle(team: Team, at: datetime) -> VirtualKeyQuerySet:
    return _live(team, at).idle(at=at)


def _uncapped(team: Team, at: datetime) -> VirtualKeyQuerySet:
    return _live(team, at).uncapped()


def _without_expiry(team: Team, at: datetime) -> VirtualKeyQuerySet:
    return _live(team, at).without_expiry()


WORRIES = (
    Worry(
        "in-clear",
        _("Sent in clear"),
        _("The secret came over plain http, so others may have read it. Rotate these keys."),
        "rotate",
        _in_clear,
    ),
    Worry(
        "ownerless",
        _("Without a member"),
        _("The person has left the team or only watches now. These keys open nothing."),
        "revoke",
        _ownerless,
    ),
    Worry(
        "idle",
        _("Idle"),
        _("Not used for 60 days. What nobody uses, nobody misses: revoke it."),
        "revoke",
        _idle,
    ),
    Worry(
        "uncapped",
        _("No cap"),
        _("Nothing stops a program that runs wild before the account is empty."),
        "change",
        _uncapped,
    ),
    Worry(
        "unexpiring",
        _("No expiry"),
        _("A lost secret would stay good for ever."),
        "change",
        _without_expiry,
    ),
)
