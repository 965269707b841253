"""Which account pays for a removal, and which of its keys is sent."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from dashboard.keys.breakers import SITE
from dashboard.keys.models import Account, ApiKey, ApiKeyQuerySet
from dashboard.lib.sealing import SealError
from dashboard.rembg import errors
from dashboard.rembg.address import base_of
from dashboard.rembg.client import Client
from dashboard.removals.errors import Degraded, KeysLocked, KeysRefused, NoKey
from dashboard.removals.models import Removal

# An operator may put the right encryption key back at any moment (K15).
LOCKED_PAUSE = timedelta(minutes=1)
# An account that could not be read so often in a row is taken after those that can.
FAILING_POLLS = 3
# The queue does not wait for the end of a rest for one of these reasons (F18, F19).
LONG_RESTS = {leaf.code: leaf for leaf in (errors.RateDaily, errors.RateMonthly)}


class NoneUsable(Exception):
    """No key can be used now: `error` says why, `until` when it is worth another look."""

    def __init__(self, error: errors.RembgError, *, until: datetime | None = None) -> None:
        super().__init__(error.code)
        self.error = error
        self.until = until


@dataclass(frozen=True)
class Payer:
    """Who is to pay: a team, by one of its accounts or by the best; keys in `tried` refused."""

    team_id: int
    account_id: uuid.UUID | None = None
    falls_over: bool = False  # Another account pays when the named one has run out or rests.
    tried: tuple[str, ...] = ()

    @property
    def is_bound(self) -> bool:
        """Say whether no other account may pay."""
        return self.account_id is not None and not self.falls_over


def choose(removal: Removal, *, at: datetime) -> tuple[ApiKey, Client]:
    """Return the key to send for a removal, and a client; raise NoneUsable."""
    tried = tuple(removal.tried_keys)
    return choose_for(Payer(removal.team_id, removal.wanted_account_id, tried=tried), at=at)


def choose_for(
    payer: Payer, *, at: datetime, of: Callable[[int], list[ApiKey]] | None = None
) -> tuple[ApiKey, Client]:
    """Return the key to send, of the wanted account or of the one with most to spend, and a client.

    `of` asks for a team's keys in place of the ORM. Raises NoneUsable.
    """
    keys, locked = _candidates(payer, of or _keys_of), False
    for key in keys:
        if _is_usable(key, payer, at):
            if key.account.degraded_at and not payer.is_bound:
                raise NoneUsable(Degraded())
            try:
                return key, key.client()
            except SealError:
                locked = True
    if locked:
        raise NoneUsable(KeysLocked(), until=at + LOCKED_PAUSE)
    raise _reason(keys, payer, at)


def best_account(payer: Payer) -> Account | None:
    """Return the account that would pay, whether its keys can be used now or not."""
    keys = _candidates(payer, _keys_of)
    return keys[0].account if keys else None


def _candidates(payer: Payer, of: Callable[[int], list[ApiKey]]) -> list[ApiKey]:
    """Return the keys that could pay, the best first; an account known to be empty is the last.

    One that answers with small pictures pays only where it alone was asked for.
    """
    keys = of(payer.team_id)
    held = SITE.held(base_of(settings.REMBG_API_URL))
    if payer.is_bound:
        keys = [key for key in keys if key.account_id == payer.account_id]
    elif well := [key for key in keys if key.account.degraded_at is None]:
        keys = well

    def rank(key: ApiKey) -> tuple[bool, bool, bool, int, str, str, str]:
        spendable = key.account.spendable_credits
        # Unknown credits are worth a try before none at all.
        is_empty = spendable is not None and spendable <= 0
        is_other = payer.account_id is not None and key.account_id != payer.account_id
        is_held = (str(key.team_id), str(key.account_id)) in held
        is_failing = is_held or key.account.failed_polls >= FAILING_POLLS
        credits = 1 if spendable is None else spendable
        names = (str(key.account_id), key.label, str(key.pk))
        return is_empty, is_other, is_failing, -credits, *names

    return sorted(keys, key=rank)


def keys_of(team: int) -> ApiKeyQuerySet:
    """Return the keys of a team's active accounts, with these."""
    active = ApiKey.objects.active().filter(team=team, account__archived_at=None)
    return active.select_related("account")


def _keys_of(team: int) -> list[ApiKey]:
    return list(keys_of(team))


def _is_usable(key: ApiKey, payer: Payer, at: datetime) -> bool:
    return key.paused_at is None and not _rests(key, at) and str(key.pk) not in payer.tried


def _rests(key: ApiKey, at: datetime) -> bool:
    return key.resting_until is not None and key.resting_until > at


def _reason(keys: list[ApiKey], payer: Payer, at: datetime) -> NoneUsable:
    """Say why none of these can be used, the reason that ends soonest first."""
    resting = [key for key in keys if key.paused_at is None and _rests(key, at)]
    short = [key.resting_until for key in resting if key.rest_reason not in LONG_RESTS]
    if short:
        return NoneUsable(errors.RateShort(), until=min(filter(None, short)))
    if resting:
        return NoneUsable(LONG_RESTS[resting[0].rest_reason](status=429))
    if any(key.paused_at or str(key.pk) in payer.tried for key in keys):
        return NoneUsable(KeysRefused())
    return NoneUsable(NoKey())
