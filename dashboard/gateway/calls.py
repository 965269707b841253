"""A call of `POST /rmbg`: what was sent becomes a removal, once for each Idempotency-Key."""

from __future__ import annotations

import hashlib
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO, cast

from django.conf import settings

from dashboard.gateway import immediate, refusals
from dashboard.gateway.answer_file import AnswerFile
from dashboard.gateway.immediate import Caller, Order, SameOrder
from dashboard.gateway.models import VirtualKey
from dashboard.lib.database import release_connection
from dashboard.lib.form_reader import BLOCK, MultipartForm, Slice
from dashboard.rembg import pictures
from dashboard.rembg.answer import Removed
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import Picture
from dashboard.removals import files
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.models import Charged, Removal, State
from dashboard.removals.picture_form import picture_of
from dashboard.removals.queueing import Wish

Clock = Callable[[], datetime]

IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
REPLAYED_FOR = timedelta(hours=24)
LOOK_EVERY = 0.1  # seconds


@dataclass(frozen=True)
class Done:
    """What to answer: the picture of a removal, or, without a file, what became of it."""

    removal: Removal
    file: BinaryIO | None = None
    answer: Removed | None = None
    uses: list[BudgetUse] = field(default_factory=list)

    @property
    def is_replay(self) -> bool:
        """Say whether an earlier call was answered so."""
        return self.answer is None

    @property
    def content_type(self) -> str:
        """The picture's own; that of the answer, for the row may not have been written."""
        return self.answer.content_type if self.answer else self.removal.result_type

    @property
    def size(self) -> int:
        """The picture's bytes."""
        return self.answer.size if self.answer else self.removal.result_bytes or 0

    @property
    def notices(self) -> list[str]:
        """What is odd about the picture."""
        if self.answer:
            return [notice.message for notice in self.answer.notices]
        return [notice["message"] for notice in self.removal.notices]


def remove(
    key: VirtualKey,
    form: MultipartForm,
    *,
    idempotency_key: str,
    request_id: str,
    clock: Clock,
    has_left: Callable[[], bool],
) -> Done:
    """Do what a call asks for. Raises an error of `rembg` or `removals`, or GatewayRefusal.

    The same Idempotency-Key of a virtual key within 24 hours is the same call (R18): it is
    answered again and never charged again. What certainly cost nothing is not remembered.
    """
    filename, _, content = picture_of(form)
    picture, image = pictures.without_metadata(cast(BinaryIO, content), filename=filename)
    asked = Parameters.parse(form.texts)
    if name := key.forbidden(asked):
        raise refusals.NotAllowed.of(name)
    sha256 = _sha256(content) if idempotency_key else ""
    order = _order(key, picture, asked, filename, sha256, idempotency_key, request_id, at=clock())
    while True:
        target = cast(BinaryIO, AnswerFile())
        try:
            done = immediate.remove(
                caller_of(key), order, image, target, clock=clock, has_left=has_left
            )
        except SameOrder as same:
            target.close()
            if replay := _replayed(same.first, order, at=clock()):
                return replay
        except BaseException:
            target.close()
            raise
        else:
            return Done(done.removal, target, done.answer, done.uses)


def caller_of(key: VirtualKey) -> Caller:
    """Return who calls with this key."""
    user = key.membership.user if key.membership else None
    return Caller(
        team=key.team,
        user=user,
        member=str(user) if user else key.member,
        virtual_key=key.spender_id,
        virtual_key_label=key.label,
    )


def _sha256(content: Slice) -> str:
    """Return what says that two pictures are the same bytes, in hex."""
    digest = hashlib.sha256()
    content.seek(0)
    while block := content.read(BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _order(
    key: VirtualKey,
    picture: Picture,
    asked: Parameters,
    filename: str,
    sha256: str,
    idempotency_key: str,
    request_id: str,
    *,
    at: datetime,
) -> Order:
    kept = at + timedelta(days=key.team.retention_days) if key.team.keeps_api_pictures else None
    replayed = at + REPLAYED_FOR if idempotency_key else None
    return Order(
        Wish(filename, asked, key.account, _nonce(key, idempotency_key), key.tag),
        picture,
        falls_over=key.falls_over,
        sha256=sha256,
        request_id=request_id,
        picture_until=kept,
        result_until=max(filter(None, (kept, replayed)), default=None),
    )


def _nonce(key: VirtualKey, idempotency_key: str) -> str:
    if not idempotency_key:
        return ""
    return hashlib.sha256(f"{key.spender_id}|{idempotency_key}".encode()).hexdigest()


def _replayed(first: Removal, order: Order, *, at: datetime) -> Done | None:
    """Return the first call's answer again; None where the order may be tried anew."""
    if first.queued_at <= at - REPLAYED_FOR or _cost_nothing(first):
        Removal.objects.filter(pk=first.pk, nonce=order.wish.nonce).update(nonce=uuid.uuid4().hex)
        return None
    if (first.picture_sha256, first.parameters) != (order.sha256, asdict(order.wish.asked)):
        raise refusals.AnotherBody
    first = _ended(first)
    if _cost_nothing(first):
        return None
    if first.state != State.DONE:
        return Done(first)
    if not first.result:  # The disk was full when it was answered.
        raise refusals.AnswerGone
    try:
        return Done(first, files.opened(first.result))
    except FileNotFoundError:
        raise refusals.AnswerGone from None


def _ended(first: Removal) -> Removal:
    """Wait a little for the call that is under way; raise InProgress when that is not enough."""
    deadline = time.monotonic() + settings.IDEMPOTENCY_WAIT_SECONDS
    while not first.is_final:
        if time.monotonic() >= deadline:
            raise refusals.InProgress
        release_connection()
        time.sleep(LOOK_EVERY)
        first.refresh_from_db()
    return first


def _cost_nothing(removal: Removal) -> bool:
    return removal.state == State.FAILED and removal.charged == Charged.NO
