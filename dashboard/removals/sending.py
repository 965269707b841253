"""One attempt at a removal: from a lease to a picture, a refusal, or an honest "unknown"."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, BinaryIO

from django.conf import settings
from django.db import DatabaseError, OperationalError

from dashboard.keys import limits
from dashboard.keys.models import ApiKey
from dashboard.rembg import errors, retry
from dashboard.rembg.answer import Notice, Removed
from dashboard.rembg.client import Client
from dashboard.rembg.client import TransferPhase as ClientPhase
from dashboard.rembg.progress import Progress
from dashboard.removals import failpoints, files, thumbnails
from dashboard.removals.errors import KeysRefused, NoSpace, PictureGone
from dashboard.removals.models import Phase, Removal
from dashboard.removals.payers import NoneUsable, choose

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

GRACE = timedelta(seconds=30)  # What a `sending` lease has beyond the request's own deadline.
WRITE_EVERY = 0.3  # seconds between two writes of progress
MOST_ATTEMPTS = 3
NO_CONNECTION = (errors.Unreachable, errors.ConnectTimeout, errors.BreakerOpen)
MOST_ATTEMPTS_AT_UNKNOWN_LIMIT = 5  # F20
LONGEST_WAIT = timedelta(hours=24)
NO_ROOM_PAUSE = timedelta(minutes=1)
# The moment of the answer is worth more than a second's wait for a busy database.
SETTLE_TRIES, SETTLE_PAUSE = 5, 1.0

# Each process has its share of a key's retries.
allowance = retry.Allowance(share=settings.WEB_WORKERS)
random = Random()


@dataclass
class Reporter:
    """Writes down how far a request is, seldom enough not to slow it."""

    removal: Removal
    clock: Clock
    phase: Phase = Phase.SENDING
    news: dict[str, Any] = field(default_factory=dict)
    written: float = field(default_factory=time.monotonic)

    def change(self, phase: ClientPhase) -> None:
        """Note a new phase at once."""
        self.phase = Phase(phase.value)
        if self.phase == Phase.WAITING:
            failpoints.reach("after_upload")
        self._write()

    def up(self, progress: Progress) -> None:
        """Note bytes on their way to RemBG."""
        if 0 < progress.loaded < (progress.total or 0):
            failpoints.reach("mid_upload")
        self._note(up=asdict(progress))

    def down(self, progress: Progress) -> None:
        """Note bytes on their way back."""
        self._note(down=asdict(progress))

    def _note(self, **direction: Any) -> None:
        self.news |= direction
        if time.monotonic() - self.written >= WRITE_EVERY:
            self._write()

    def _write(self) -> None:
        self.written = time.monotonic()
        until = lease_end(self.clock())
        try:
            self.removal.note_progress(self.phase, until=until, **self.news)
        except DatabaseError as exc:
            # The picture is on its way and may be paid for; a bar that stands still is no reason.
            log.warning("progress of %s was not written: %s", self.removal.pk, type(exc).__name__)
        else:
            self.news = {}


def lease_end(at: datetime) -> datetime:
    """Return when a request that is alive at this moment must have ended."""
    return at + timedelta(seconds=settings.REMBG_DEADLINE_SECONDS) + GRACE


def send(removal: Removal, *, clock: Clock) -> None:
    """Try a leased removal once, and write down what came of it."""
    try:
        key, client = choose(removal, at=clock())
    except NoneUsable as none:
        _put_off(removal, none.error, until=none.until, at=clock())
        return
    if not files.has_room():
        _put_off(removal, NoSpace(), until=clock() + NO_ROOM_PAUSE, at=clock())
        return
    try:
        picture = files.opened(removal.picture)
    except FileNotFoundError:
        removal.end(PictureGone(), at=clock())
        return
    with picture:
        try:
            # Before `sending` is written down: from then on nothing is known to be harmless.
            draft = files.Draft(result_name(removal))
        except OSError as exc:
            log.error("no file for the result of %s: %s", removal.pk, exc.strerror)
            _put_off(removal, NoSpace(), until=clock() + NO_ROOM_PAUSE, at=clock())
            return
        try:
            if removal.begin_sending(key, at=clock(), until=lease_end(clock())):
                failpoints.reach("after_sending")
                _exchange(removal, key, client, picture, draft, clock=clock)
        finally:
            draft.discard()


def result_name(removal: Removal) -> str:
    """Return the result's name; it follows from the attempt, so that a restart finds it."""
    extension = {"jpeg": "jpg"}.get(removal.asked.format, removal.asked.format)
    return files.name_for("results", removal.team_id, extension, stem=removal.attempt)


def settle(write: Callable[[], bool]) -> bool:
    """Write down an outcome even if the database is busy for longer than it waits by itself."""
    for _ in range(SETTLE_TRIES - 1):
        try:
            return write()
        except OperationalError:
            time.sleep(SETTLE_PAUSE)
    return write()


def note_answer(
    removal: Removal,
    answer: Removed,
    *,
    kept_until: datetime | None,
    more: Iterable[Notice] = (),
    at: datetime,
    finish: Callable[..., bool] = Removal.finish,
) -> bool:
    """Write down a result, stored under `result_name` until then, or not kept; by `finish`."""
    kept = kept_until is not None
    files_kept: dict[str, datetime | None] = {}
    if kept_until is not None:
        files_kept = {"keep_until": max(kept_until, removal.keep_until), "files_deleted_at": None}
    elif not removal.picture:
        files_kept = {"files_deleted_at": at}
    return settle(
        lambda: finish(
            removal,
            at=at,
            result=result_name(removal) if kept else "",
            result_type=answer.content_type,
            result_bytes=answer.size,
            result_width=answer.width,
            result_height=answer.height,
            degraded=answer.is_degraded,
            notices=[asdict(notice) for notice in (*answer.notices, *more)],
            upstream_request_id=answer.request_id[:80],
            **files_kept,
        )
    )


def _exchange(
    removal: Removal,
    key: ApiKey,
    client: Client,
    picture: BinaryIO,
    draft: files.Draft,
    *,
    clock: Clock,
) -> None:
    """Send it, keep the answer, and write down what came of it (promises 3.1, R19)."""
    try:
        answer = _remove(removal, client, picture, draft.file, clock=clock)
    except errors.RembgError as error:
        _settle_error(removal, key, error, at=clock())
        return
    except OSError as exc:
        # Of our own disk, and the client does not say how far it had come.
        log.error("%s broke off: %s", removal.pk, exc.strerror)
        settle(lambda: removal.end(errors.OutcomeUnknown(), at=clock()))
        return
    failpoints.reach("after_answer")
    try:
        draft.file.flush()
        failpoints.reach("after_result_tmp")
        draft.keep()
    except OSError as exc:
        log.error("the result of %s was not stored: %s", removal.pk, exc.strerror)
        settle(lambda: removal.end(errors.NotStored(), at=clock()))
        return
    failpoints.reach("after_result_stored")
    _settle_result(removal, key, answer, at=clock())


def _remove(
    removal: Removal, client: Client, picture: BinaryIO, target: BinaryIO, *, clock: Clock
) -> Removed:
    reporter = Reporter(removal, clock)
    return client.remove(
        picture,
        target,
        removal.asked,
        picture=removal.original,
        on_upload=reporter.up,
        on_download=reporter.down,
        on_phase=reporter.change,
    )


def _settle_result(removal: Removal, key: ApiKey, answer: Removed, *, at: datetime) -> None:
    note_answer(removal, answer, kept_until=removal.keep_until, at=at)
    failpoints.reach("after_done")
    if key.refusals:
        key.note_accepted(at=at)
    thumbnails.make(removal)


def _settle_error(removal: Removal, key: ApiKey, error: errors.RembgError, *, at: datetime) -> None:
    if error.charged != "no":
        settle(lambda: removal.end(error, at=at))
    elif isinstance(error, errors.AccountRefused):
        key.note_refused(error, at=at)
        settle(lambda: removal.wait(KeysRefused.of(error), until=at, tried=key))
    elif isinstance(error, errors.Limited):
        _settle_limit(removal, key, error, at=at)
    else:
        pause = retry.pause(error, retries=removal.attempts - 1, random=random)
        if isinstance(error, NO_CONNECTION) and not error.retry_after:
            pause = retry.patience((at - removal.queued_at).total_seconds(), random=random)
        until = None if pause is None else at + timedelta(seconds=pause)
        _put_off(removal, error, until=until and _within_allowance(key, until, at), at=at)


def _settle_limit(removal: Removal, key: ApiKey, error: errors.Limited, *, at: datetime) -> None:
    """Let the key rest; another key, or another account, may do it at once (F17-F20)."""
    pause = retry.pause(error, retries=removal.attempts - 1, random=random)
    limits.note_limited(key, error, at=at, pause=pause)
    _put_off(removal, error, until=at, at=at)


def _within_allowance(key: ApiKey, until: datetime, at: datetime) -> datetime:
    """Put a retry off further while this key's retries are used up (promises 3, error budget)."""
    name = str(key.pk)
    if allowance.take(name):
        return until
    return max(until, at + timedelta(seconds=allowance.wait(name)))


def _put_off(
    removal: Removal, error: errors.RembgError, *, until: datetime | None, at: datetime
) -> None:
    """Let a removal of which nothing was sent wait, or end it where waiting is over."""
    most = MOST_ATTEMPTS
    if isinstance(error, errors.RateUnknown):
        most = MOST_ATTEMPTS_AT_UNKNOWN_LIMIT
    # What was never sent waits for RemBG to be there again, and uses up no attempt.
    asked = not isinstance(error, NO_CONNECTION)
    is_spent = isinstance(error, errors.RateShort) and removal.attempts >= most
    if until is None or is_spent or until > removal.queued_at + LONGEST_WAIT:
        settle(lambda: removal.end(error, at=at))
    else:
        settle(lambda: removal.wait(error, until=until, counts=asked))
