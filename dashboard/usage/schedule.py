"""When an account is read next: jittered, claimed by one worker, later after failures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db.models import Exists, OuterRef, Q

from dashboard.keys.models import Account, ApiKey
from dashboard.rembg.usage import Month
from dashboard.usage.models import CalendarMonth, Refresh, Snapshot
from dashboard.usage.windows import months_before, next_month

JITTER = 0.1
LONGEST = timedelta(hours=1)
# After a clock that went back an account would wait for ever; further ahead than this is no plan.
NO_PLAN = LONGEST * (1 + JITTER) + timedelta(minutes=1)
AFTER_RENEWAL = timedelta(seconds=20)
CYCLES_EVERY = timedelta(days=1)
MONTHS = 12
MONTH_AGAIN = timedelta(hours=6)
REFRESH_EVERY = timedelta(seconds=30)


def jittered(account: Account, length: timedelta, *, at: datetime) -> timedelta:
    """Return the length give or take 10 %: the same for an account and tick, so that none bunch."""
    tick = int(at.timestamp()) // max(1, settings.POLL_SECONDS)
    digest = hashlib.sha256(f"{account.pk}|{tick}".encode()).digest()
    share = int.from_bytes(digest[:4], "big") / 2**32
    return length * (1 - JITTER + 2 * JITTER * share)


def interval(failed_polls: int) -> timedelta:
    """Return how long to wait: the period, doubled with each failure, at most an hour."""
    period = timedelta(seconds=settings.POLL_SECONDS)
    return max(period, min(LONGEST, period * 2 ** min(max(0, failed_polls - 1), 12)))


def claim_due(*, at: datetime, limit: int) -> Iterator[Account]:
    """Yield the due accounts that this worker was the first to claim (one UPDATE each)."""
    due = Q(next_poll_at__lte=at) | Q(next_poll_at__gt=at + max(NO_PLAN, interval(0) * 2))
    with_key = Exists(ApiKey.objects.active().filter(account=OuterRef("pk")))
    accounts = Account.objects.active().filter(due, with_key)
    for account in accounts.order_by("next_poll_at", "pk")[:limit]:
        if claim(account, at=at):
            yield account


def claim(account: Account, *, at: datetime) -> bool:
    """Mark the account's turn as taken; False if another worker was faster."""
    seen = account.next_poll_at
    account.next_poll_at = at + jittered(account, interval(account.failed_polls), at=at)
    return bool(
        Account.objects.filter(pk=account.pk, next_poll_at=seen).update(
            next_poll_at=account.next_poll_at
        )
    )


def claim_refresh(account: Account, *, at: datetime) -> bool:
    """Take a person's wish to read now; False within 30 seconds of the last one."""
    Refresh.objects.get_or_create(account=account, defaults={"at": at - REFRESH_EVERY})
    before = Q(at__lte=at - REFRESH_EVERY) | Q(at__gt=at)
    return bool(Refresh.objects.filter(before, account=account).update(at=at))


def settle(account: Account, newest: Snapshot, *, at: datetime, not_before: datetime) -> None:
    """Plan the next reading after this one; a claim made meanwhile by another worker stands."""
    good = newest.is_good
    failed_polls = 0 if good else account.failed_polls + 1
    plan = max(not_before, at + jittered(account, interval(failed_polls), at=at))
    renewal = newest.period_end_at
    if good and renewal and at < renewal + AFTER_RENEWAL < plan:
        plan = renewal + AFTER_RENEWAL + jittered(account, AFTER_RENEWAL, at=at)
    Account.objects.filter(pk=account.pk).update(failed_polls=failed_polls)
    Account.objects.filter(pk=account.pk, next_poll_at=account.next_poll_at).update(
        next_poll_at=plan
    )
    account.failed_polls, account.next_poll_at = failed_polls, plan


def settle_cycles(account: Account, *, at: datetime, renewal: datetime | None) -> None:
    """Plan the next list of cycles: in a day, or when the running one has ended."""
    account.cycles_due_at = at + jittered(account, CYCLES_EVERY, at=at)
    if renewal and at < renewal < account.cycles_due_at:
        account.cycles_due_at = renewal
    Account.objects.filter(pk=account.pk).update(cycles_due_at=account.cycles_due_at)


def month_due(account: Account, *, at: datetime) -> Month | None:
    """Return the newest month that was not read since it ended, or not at all (2 queries).

    One that could not be read is left alone for six hours.
    """
    stored = {
        (month.year, month.month): month.asked_at
        for month in CalendarMonth.objects.filter(account=account)
    }
    tried = set(
        Snapshot.objects.filter(
            account=account, mode=Snapshot.Mode.MONTH, asked_at__gt=at - MONTH_AGAIN
        ).values_list("query", flat=True)
    )
    for start in reversed(months_before(at, MONTHS)):
        asked_at, end = stored.get((start.year, start.month)), next_month(start)
        due = asked_at is None or asked_at < end <= at
        if due and f"year={start.year}&month={start.month}" not in tried:
            return Month(start.year, start.month)
    return None


def end_of_day(at: datetime) -> datetime:
    """Return the next 00:00 UTC, when a daily limit ends (F18)."""
    return datetime.combine(at.date() + timedelta(days=1), time(), tzinfo=at.tzinfo)
