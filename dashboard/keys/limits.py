"""How long RemBG's 429 rests a key, whoever met it: a removal, a reading, or a person's test."""

from __future__ import annotations

from datetime import datetime, timedelta

from dashboard.keys.models import Account, ApiKey
from dashboard.lib.renewals import end_of_day, next_month
from dashboard.rembg import errors

DEFAULT_PAUSE = 30.0  # seconds, where RemBG does not say how long


def note_limited(
    key: ApiKey, error: errors.Limited, *, at: datetime, pause: float | None = None
) -> datetime:
    """Let a key rest until its limit is over, and return when that is.

    Where the limit is the account's, its other keys rest, too. `pause` is for a short limit: the
    seconds to wait; by default what RemBG asks for.
    """
    until = rest_until(key.account, error, at=at, pause=pause)
    keys = [key] if error.retriable else [key, *_others(key)]
    for each in keys:
        each.rest(until=until, reason=error.code)
    return until


def rest_until(
    account: Account, error: errors.Limited, *, at: datetime, pause: float | None = None
) -> datetime:
    """Return when a limit is over: a short one after a pause, a day's at 00:00 UTC (F17, F18, F20).

    A month's lasts until the cycle ends; a reading with more credits ends it sooner (F19). An
    account that is not synced counts by the calendar month (contract 2).
    """
    if isinstance(error, errors.RateDaily):
        return end_of_day(at)
    if isinstance(error, errors.RateMonthly):
        renewal = account.cycle_end_at
        return renewal if renewal and renewal > at else next_month(at)
    return at + timedelta(seconds=pause or error.retry_after or DEFAULT_PAUSE)


def _others(key: ApiKey) -> list[ApiKey]:
    return list(ApiKey.objects.active().filter(account=key.account_id).exclude(pk=key.pk))
