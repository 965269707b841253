"""A removal whose caller waits for it: sent at once, by the same law as one from the queue.

What differs from the queue: nothing waits for a rest to end, another account is taken only as long
as no byte has left, and the pictures are kept only where somebody wants them.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO

from django.db import DatabaseError, IntegrityError, transaction

from dashboard.gateway import queries
from dashboard.keys import limits
from dashboard.keys.models import ApiKey
from dashboard.lib.database import release_connection
from dashboard.rembg import errors, retry
from dashboard.rembg.answer import Notice, Removed
from dashboard.rembg.client import Client
from dashboard.rembg.pictures import Picture
from dashboard.removals import budgets, files, sending, thumbnails
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.errors import KeysRefused, NoKey, NoSpace, OverBudget
from dashboard.removals.models import Charged, Phase, Removal, Source, State
from dashboard.removals.payers import NoneUsable, Payer, choose_for
from dashboard.removals.queueing import Wish, picture_fields, wish_fields
from dashboard.teams.models import Team, User

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

ARCHIVED = "The account that should pay is archived. An admin can choose another one for this key."
MOST_TRIES = 3  # F1, F2: nothing was sent, so it may be tried again.
RECOVERY = 5.0  # seconds that a call waits for a breaker that is closing
KEPT_FOR_WHO_LEFT = timedelta(days=1)
CALLER_LEFT = Notice(
    "caller_left",
    "The caller had gone before the picture could be answered. It is kept here for a day at least.",
)
NOT_KEPT = Notice("not_stored", "The picture was answered, and could not be kept here.")


@dataclass(frozen=True)
class Caller:
    """Who asks: a person, by a virtual key of his (the one that it spends as)."""

    team: Team
    user: User | None
    member: str
    virtual_key: uuid.UUID | None = None
    virtual_key_label: str = ""


@dataclass(frozen=True)
class Order:
    """A wish, the picture, whether another account may pay, and until when files are kept.

    The same nonce again in a team is the same order. `picture_until` and `result_until` keep a
    file; None keeps none.
    """

    wish: Wish
    picture: Picture
    falls_over: bool = False
    sha256: str = ""
    request_id: str = ""
    picture_until: datetime | None = None
    result_until: datetime | None = None


@dataclass(frozen=True)
class Answered:
    """What came of it: the row, the answer, and what is left of the budgets that bound it."""

    removal: Removal
    answer: Removed
    uses: list[BudgetUse] = field(default_factory=list)


class SameOrder(Exception):
    """There is a removal with this nonce already; it says what became of the order."""

    def __init__(self, first: Removal) -> None:
        super().__init__(str(first.pk))
        self.first = first


def remove(
    caller: Caller,
    order: Order,
    image: BinaryIO,
    target: BinaryIO,
    *,
    clock: Clock,
    has_left: Callable[[], bool] = lambda: False,
) -> Answered:
    """Send a picture and write what comes back to `target`; both are files open for both.

    Costs one credit. What nobody waits for any more (`has_left`) is kept for a day (R24). Raises an
    error of `rembg.errors` or `removals.errors` (whether anything was charged, it says), or
    SameOrder.
    """
    _look_for_same(caller, order)
    key, client = _choose(caller, order, at=clock())
    if not files.has_room():
        raise NoSpace
    removal, uses = _begin(caller, order, key, image, at=clock())
    answer = _exchange(removal, order, key, client, image, target, clock=clock, has_left=has_left)
    return Answered(removal, answer, [use for use in uses if use.budget.is_bounded])


def _choose(caller: Caller, order: Order, *, at: datetime) -> tuple[ApiKey, Client]:
    account = order.wish.account.pk if order.wish.account else None
    payer = Payer(caller.team.pk, account, falls_over=order.falls_over)
    try:
        return choose_for(payer, at=at, of=queries.usable_keys)
    except NoneUsable as none:
        error = none.error
        if order.wish.account and order.wish.account.archived_at and not order.falls_over:
            raise NoKey(ARCHIVED) from None
        if none.until is not None:
            error.retry_after = max(1, min(3600, round((none.until - at).total_seconds())))
        raise error from None


def _begin(
    caller: Caller,
    order: Order,
    key: ApiKey,
    image: BinaryIO,
    *,
    at: datetime,
) -> tuple[Removal, list[BudgetUse]]:
    """Reserve, and write down that bytes are about to leave, in one transaction (promises 3.1)."""
    removal = _new(caller, order, key, at=at)
    if order.picture_until:
        removal.picture = files.name_for("pictures", caller.team.pk, order.picture.extension)
        with files.no_space():
            files.keep(image, removal.picture)
    try:
        with transaction.atomic():
            uses = budgets.reserve(removal, by=queries)
            queries.insert(removal)
    except (IntegrityError, OverBudget):
        # The same order came at the same time: it took the nonce, and perhaps the last credit.
        files.delete(removal.picture)
        _look_for_same(caller, order)
        raise
    except BaseException:
        files.delete(removal.picture)
        raise
    return removal, uses


def _look_for_same(caller: Caller, order: Order) -> None:
    if order.wish.nonce:
        first = Removal.objects.filter(team=caller.team, nonce=order.wish.nonce).first()
        if first is not None:
            raise SameOrder(first)


def _new(caller: Caller, order: Order, key: ApiKey, *, at: datetime) -> Removal:
    keep_until = max(filter(None, (order.picture_until, order.result_until)), default=at)
    asked = wish_fields(caller.team, caller.user, order.wish, at=at)
    asked |= picture_fields(order.picture, sha256=order.sha256)
    asked["member"] = caller.member
    return Removal(
        **asked,
        virtual_key=caller.virtual_key,
        virtual_key_label=caller.virtual_key_label,
        source=Source.GATEWAY,
        request_id=order.request_id,
        account=key.account,
        api_key=key,
        state=State.SENDING,
        charged=Charged.UNKNOWN,
        attempt=uuid.uuid4(),
        attempts=1,
        sending_at=at,
        lease_expires_at=sending.lease_end(at),
        phase=Phase.SENDING,
        keep_until=keep_until,
        files_deleted_at=None if order.picture_until or order.result_until else at,
    )


def _exchange(
    removal: Removal,
    order: Order,
    key: ApiKey,
    client: Client,
    image: BinaryIO,
    target: BinaryIO,
    *,
    clock: Clock,
    has_left: Callable[[], bool],
) -> Removed:
    release_connection()
    try:
        answer = _send(removal, order, key, client, image, target)
    except errors.RembgError as error:
        raise _end(removal, key, error, at=clock()) from None
    except OSError as exc:
        # Of our own disk, and the client does not say how far it had come (R19).
        log.error("%s broke off: %s", removal.pk, exc.strerror)
        raise _end(removal, key, errors.OutcomeUnknown(), at=clock()) from None
    left = has_left()
    until = order.result_until or (clock() + KEPT_FOR_WHO_LEFT if left else None)
    kept = until is not None and _keep(removal, target)
    notices = [CALLER_LEFT] if left else []
    notices += [] if kept or until is None else [NOT_KEPT]
    with _written_or_told(removal):
        sending.note_answer(
            removal,
            answer,
            kept_until=until if kept else None,
            more=notices,
            at=clock(),
            finish=queries.finish,
        )
        if key.refusals:
            key.note_accepted(at=clock())
        if kept:
            thumbnails.make(removal)
    return answer


@contextmanager
def _written_or_told(removal: Removal) -> Iterator[None]:
    """Go on where the database does not take the end: the caller hears what happened.

    What is paid for is given, and nobody hears "not charged" because a row could not be written.
    The sweeper calls such a row unknown later.
    """
    try:
        yield
    except DatabaseError as exc:
        log.error("the end of %s was not written: %s", removal.pk, type(exc).__name__)


def _send(
    removal: Removal,
    order: Order,
    key: ApiKey,
    client: Client,
    image: BinaryIO,
    target: BinaryIO,
) -> Removed:
    """Send it; again only where no connection came about, so that nothing was sent (F1, F2)."""
    retries, until = 0, time.monotonic() + RECOVERY
    while True:
        try:
            return client.remove(image, target, order.wish.asked, picture=order.picture)
        except (errors.Unreachable, errors.ConnectTimeout) as error:
            pause = retry.pause(error, retries=retries, random=sending.random)
            retries += 1
            may = retries < MOST_TRIES and sending.allowance.take(str(key.pk))
            if pause is None or not may:
                raise
        except errors.BreakerOpen as error:
            # RemBG has just come back, and lets ever more calls through.
            pause = float(error.retry_after or RECOVERY)
            if time.monotonic() + pause > until:
                raise
        time.sleep(pause)


def _end(
    removal: Removal, key: ApiKey, error: errors.RembgError, *, at: datetime
) -> errors.RembgError:
    """Write down how it failed; return what the caller may know of it (F15)."""
    said = KeysRefused.of(error) if isinstance(error, errors.AccountRefused) else error
    with _written_or_told(removal):
        if isinstance(error, errors.AccountRefused):
            key.note_refused(error, at=at)
        elif isinstance(error, errors.Limited):
            # As long as the caller is told, so that who waits for it is not refused again.
            limits.note_limited(key, error, at=at)
        sending.settle(lambda: removal.end(said, at=at))
    return said


def _keep(removal: Removal, target: BinaryIO) -> bool:
    """Store a copy of the answer; it was paid for, so that a full disk spoils only the copy."""
    try:
        files.keep(target, sending.result_name(removal))
    except OSError as exc:
        log.error("the result of %s was not stored: %s", removal.pk, exc.strerror)
        target.seek(0)
        return False
    return True
