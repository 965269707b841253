"""Which account pays for a removal, and which of its keys is sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Value
from django.db.models.functions import Coalesce

from dashboard.keys.models import ApiKey
from dashboard.lib.sealing import SealError
from dashboard.rembg import errors
from dashboard.rembg.client import Client
from dashboard.removals.errors import KeysLocked, KeysRefused, NoKey
from dashboard.removals.models import Removal

# An operator may put the right encryption key back at any moment (K15).
LOCKED_PAUSE = timedelta(minutes=1)
# The queue does not wait for the end of a rest for one of these reasons (F18, F19).
LONG_RESTS = {leaf.code: leaf for leaf in (errors.RateDaily, errors.RateMonthly)}


class NoneUsable(Exception):
    """No key can be used now: `error` says why, `until` when it is worth another look."""

    def __init__(self, error: errors.RembgError, *, until: datetime | None = None) -> None:
        super().__init__(error.code)
        self.error = error
        self.until = until


def choose(removal: Removal, *, at: datetime) -> tuple[ApiKey, Client]:
    """Return the key to send, of the wanted account or of the one with most to spend, and a client.

    Raises NoneUsable.
    """
    keys, locked = _candidates(removal), False
    for key in keys:
        if _is_usable(key, removal, at):
            try:
                return key, key.client()
            except SealError:
                locked = True
    if locked:
        raise NoneUsable(KeysLocked(), until=at + LOCKED_PAUSE)
    raise _reason(keys, removal, at)


def _candidates(removal: Removal) -> list[ApiKey]:
    keys = ApiKey.objects.active().filter(team=removal.team_id, account__archived_at=None)
    if removal.wanted_account_id:
        keys = keys.filter(account=removal.wanted_account_id)
    # Unknown credits are worth a try before none at all.
    spendable = Coalesce("account__spendable_credits", Value(1))
    return list(keys.select_related("account").order_by(spendable.desc(), "account", "label", "pk"))


def _is_usable(key: ApiKey, removal: Removal, at: datetime) -> bool:
    return key.paused_at is None and not _rests(key, at) and str(key.pk) not in removal.tried_keys


def _rests(key: ApiKey, at: datetime) -> bool:
    return key.resting_until is not None and key.resting_until > at


def _reason(keys: list[ApiKey], removal: Removal, at: datetime) -> NoneUsable:
    """Say why none of these can be used, the reason that ends soonest first."""
    resting = [key for key in keys if key.paused_at is None and _rests(key, at)]
    short = [key.resting_until for key in resting if key.rest_reason not in LONG_RESTS]
    if short:
        return NoneUsable(errors.RateShort(), until=min(filter(None, short)))
    if resting:
        return NoneUsable(LONG_RESTS[resting[0].rest_reason](status=429))
    if any(key.paused_at or str(key.pk) in removal.tried_keys for key in keys):
        return NoneUsable(KeysRefused())
    return NoneUsable(NoKey())
