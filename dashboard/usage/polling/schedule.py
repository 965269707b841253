"""When an account is read next: jittered, claimed by one worker, later after failures.

No account is asked about more than twice in 60 seconds, whoever wants it (promises R2).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce

from dashboard.keys.models import Account, AccountQuerySet, ApiKey, ApiKeyQuerySet
from dashboard.lib.renewals import next_month
from dashboard.rembg import errors
from dashboard.rembg.usage import Month
from dashboard.usage.models import SURE_ENDS, CalendarMonth, Refresh, Snapshot
from dashboard.usage.polling.record import OLD_ANSWERS
from dashboard.usage.polling.snapshots import Question
from dashboard.usage.windows import months_before

JITTER = 0.1
LONGEST = timedelta(hours=1)
# After a clock that went back an account would wait for ever; further ahead than this is no plan.
NO_PLAN = LONGEST * (1 + JITTER) + timedelta(minutes=1)
AFTER_RENEWAL = timedelta(seconds=20)
CYCLES_EVERY = timedelta(days=1)
MONTHS = 12
MONTH_AGAIN = timedelta(hours=6)
REFRESH_EVERY = timedelta(minutes=1)
MOST_REQUESTS, REQUESTS_IN = 2, timedelta(minutes=1)
NO_KEY, KEY_LOCKED = "no_usable_key", "key_locked"
# For these nothing was sent, so they say nothing about RemBG and count as no request.
OURS = frozenset({NO_KEY, KEY_LOCKED})
UNSENT = OURS | {errors.BreakerOpen.code}
# RemBG said something about the key, so it is there; any other failure may be everybody's.
LIMITS = frozenset(
    {
        *(leaf.code for leaf in (errors.RateShort, errors.RateUnknown)),
        *(leaf.code for leaf in (errors.RateDaily, errors.RateMonthly, errors.BudgetSpent)),
    }
)
REFUSALS = frozenset(
    {
        *(leaf.code for leaf in (errors.BadKey, errors.Unverified, errors.Forbidden)),
        *(leaf.code for leaf in (errors.AccountRefused, errors.TwoCredentials)),
    }
)
# A limit on removals does not keep us from reading; only so do we see that credits were bought.
READABLE_RESTS = (errors.RateDaily.code, errors.RateMonthly.code)
# A limit says itself how long to wait, and where nothing was sent nothing is to be spared.
NOT_PUT_OFF = LIMITS | UNSENT


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


@dataclass(frozen=True)
class Due:
    """An account whose turn it is, and how many requests may be made about it."""

    account: Account
    requests: int


def due(*, at: datetime, limit: int) -> list[Due]:
    """Return what is due and may be asked about, the longest due first (1 query)."""
    too_far = Q(next_poll_at__gt=at + max(NO_PLAN, interval(0) * 2)) & ~_rests()
    found = readable().filter(Q(next_poll_at__lte=at) | too_far).exclude(_can_wait(at=at))
    return askable(found.order_by("next_poll_at", "pk"), at=at, limit=limit)


def _rests() -> Exists:
    """Match the accounts that wait as long as a key of theirs has to: for midnight, say (F18)."""
    resting = ApiKey.objects.active().filter(resting_until__gte=OuterRef("next_poll_at"))
    return Exists(resting.filter(account=OuterRef("pk")))


def _can_wait(*, at: datetime) -> Q:
    """Match the accounts read within their period whose keys rest from a removal's 429 (F17).

    Such a reading is only due because of removals (D21): it needs a key, not a failed row.
    """
    of_account = {"account": OuterRef("pk")}
    resting = ApiKey.objects.active().filter(resting_until__gt=at, paused_at=None, **of_account)
    read = Q(answered_at__gt=at - interval(0))
    return read & Q(Exists(resting)) & ~Q(Exists(awake(at=at).filter(**of_account)))


def awake(*, at: datetime) -> ApiKeyQuerySet:
    """Return the keys that RemBG may be asked with now."""
    rested = Q(resting_until=None) | Q(resting_until__lte=at) | Q(rest_reason__in=READABLE_RESTS)
    return ApiKey.objects.active().filter(rested, paused_at=None)


def readable() -> AccountQuerySet:
    """Return the active accounts with a key."""
    with_key = Exists(ApiKey.objects.active().filter(account=OuterRef("pk")))
    return Account.objects.active().filter(with_key)


def askable(accounts: AccountQuerySet, *, at: datetime, limit: int) -> list[Due]:
    """Return the first of these about which less than two requests were made in 60 seconds."""
    sent = _sent(at=at).filter(account=OuterRef("pk")).order_by().values("account")
    counted = Subquery(sent.annotate(count=Count("pk")).values("count"))
    counting: QuerySet[Any] = accounts.annotate(sent=Coalesce(counted, 0))
    found = counting.filter(sent__lt=MOST_REQUESTS).select_related("team")[:limit]
    return [Due(account, MOST_REQUESTS - account.sent) for account in found]


def requests_left(account: Account, *, at: datetime) -> int:
    """Return how many requests may be made about the account now."""
    return max(0, MOST_REQUESTS - _sent(at=at).filter(account=account).count())


def _sent(*, at: datetime) -> QuerySet[Snapshot]:
    # A minute ahead too, should the clock have gone back a little.
    near = {"asked_at__gt": at - REQUESTS_IN, "asked_at__lt": at + REQUESTS_IN}
    recent = Snapshot.objects.filter(**near)
    # The modes are named for the index's sake: it begins with account and mode.
    return recent.filter(mode__in=Snapshot.Mode.values).exclude(error__in=UNSENT)


def claim(account: Account, *, at: datetime) -> bool:
    """Mark the account's turn as taken; False if another worker was faster."""
    seen = account.next_poll_at
    account.next_poll_at = at + jittered(account, interval(account.failed_polls), at=at)
    unclaimed = Account.objects.filter(pk=account.pk, next_poll_at=seen)
    return bool(unclaimed.update(next_poll_at=account.next_poll_at))


def claim_all(found: list[Due], *, at: datetime) -> list[Due]:
    """Claim these, in one transaction; return those for which no other worker was faster."""
    with transaction.atomic():
        return [one for one in found if claim(one.account, at=at)]


def claim_refresh(account: Account, *, at: datetime) -> bool:
    """Take a person's wish to read now; False within a minute of the last, or of two requests."""
    if not requests_left(account, at=at):
        return False
    Refresh.objects.get_or_create(account=account, defaults={"at": at - REFRESH_EVERY})
    before = Q(at__lte=at - REFRESH_EVERY) | Q(at__gt=at)
    return bool(Refresh.objects.filter(before, account=account).update(at=at))


def settle(account: Account, newest: Snapshot, *, at: datetime, not_before: datetime) -> None:
    """Plan the next reading after this one; a claim made meanwhile by another worker stands.

    So does the earlier moment that a removal asked for meanwhile (D21), unless this one failed.
    """
    good = newest.is_good or newest.is_doubted
    unsent = newest.error == errors.BreakerOpen.code
    failed_polls = 0 if good else max(1, account.failed_polls + (not unsent))
    wait = interval(0 if newest.error in NOT_PUT_OFF else failed_polls)
    plan = max(not_before, at + jittered(account, wait, at=at))
    renewal = newest.period_end_at
    if newest.is_good and renewal and at < renewal + AFTER_RENEWAL < plan:
        plan = renewal + AFTER_RENEWAL + jittered(account, AFTER_RENEWAL, at=at)
    seen = account.next_poll_at
    account.failed_polls, account.next_poll_at = failed_polls, plan
    if good or newest.error in LIMITS | REFUSALS:
        account.answered_at, account.silent_since = at, None
    elif newest.error not in OURS:
        account.silent_since = account.silent_since or at
    first = seen if good else min(at, seen)
    ours = When(next_poll_at__range=(first, seen), then=Value(plan))
    Account.objects.filter(pk=account.pk).update(
        failed_polls=failed_polls,
        answered_at=account.answered_at,
        silent_since=account.silent_since,
        next_poll_at=Case(ours, default=F("next_poll_at")),
    )


def settle_cycles(account: Account, *, at: datetime, renewal: datetime | None) -> None:
    """Plan the next list of cycles: in a day, or when the running one has ended."""
    account.cycles_due_at = at + jittered(account, CYCLES_EVERY, at=at)
    if renewal and at < renewal < account.cycles_due_at:
        account.cycles_due_at = renewal
    Account.objects.filter(pk=account.pk).update(cycles_due_at=account.cycles_due_at)


def month_due(account: Account, *, at: datetime) -> Month | None:
    """Return the newest month that was not read since it ended, or not at all (2 queries at most).

    One that could not be read is left alone for six hours.
    """
    read = CalendarMonth.objects.filter(account=account).values_list("year", "month", "asked_at")
    stored = {(year, month): asked_at for year, month, asked_at in read}
    due = [
        Month(start.year, start.month)
        for start in reversed(months_before(at, MONTHS))
        if _is_due(stored.get((start.year, start.month)), next_month(start), at=at)
    ]
    if not due:
        return None
    tried = set(
        Snapshot.objects.filter(
            account=account, mode=Snapshot.Mode.MONTH, asked_at__gt=at - MONTH_AGAIN
        ).values_list("query", flat=True)
    )
    untried = (one for one in due if f"year={one.year}&month={one.month}" not in tried)
    return next(untried, None)


def window_due(account: Account, *, at: datetime) -> datetime | None:
    """Return the start of the newest cycle whose end RemBG can still tell (1 query, 2 if any).

    Asked by its start it tells the end that its list only infers (contract 2). It is asked once, or
    again after six hours where no answer came.
    """
    unsure = account.cycles.exclude(end_source__in=SURE_ENDS).filter(end_at__lte=at)
    starts = list(unsure.order_by("-start_at").values_list("start_at", flat=True))
    if not starts:
        return None
    failed = Q(outcome=Snapshot.Outcome.FAILED, asked_at__lte=at - MONTH_AGAIN)
    asked = Snapshot.objects.filter(account=account, mode=Snapshot.Mode.WINDOW).exclude(failed)
    queries = set(asked.values_list("query", flat=True))
    untried = (one for one in starts if Question(Snapshot.Mode.WINDOW, one).query not in queries)
    return next(untried, None)


def _is_due(asked_at: datetime | None, end: datetime, *, at: datetime) -> bool:
    """Say whether a month was not read since it ended, or only when an old answer was possible."""
    if asked_at is None or asked_at < end <= at:
        return True
    # An old answer, soon after the end, may lack the last hours (D18).
    return end <= asked_at < end + OLD_ANSWERS <= at
