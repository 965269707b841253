"""What became of removals whose worker ended, and of files whose time is over."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import Error
from django.db.models import F

from dashboard.rembg import answer, errors
from dashboard.rembg.answer import Removed
from dashboard.rembg.parameters import CONTENT_TYPES
from dashboard.removals import files, sending, thumbnails
from dashboard.removals.errors import Parked, ProcessEnded
from dashboard.removals.models import LOST_LEASES_UNTIL_PARKED, Removal, State

BATCH = 500  # rows a sweep looks at of each kind; the next one is a minute away
log = logging.getLogger(__name__)


@dataclass
class Swept:
    """How many removals a sweep brought back, ended, found done, and whose files it deleted."""

    queued: int = 0
    parked: int = 0
    unknown: int = 0
    recovered: int = 0
    expired: int = 0


def sweep(*, at: datetime) -> Swept:
    """Bring each expired lease to where it belongs (promises 3.1), and delete what is kept no more.

    Running it twice, or twice at once, does no harm.
    """
    swept = Swept()
    for removal in Removal.objects.expired_leases(at=at).order_by("pk")[:BATCH]:
        _sweep_one(_bring_home, removal, swept, at=at)
    for removal in Removal.objects.past_keeping(at=at).order_by("pk")[:BATCH]:
        _sweep_one(_expire, removal, swept, at=at)
    return swept


def _sweep_one(
    deed: Callable[[Removal, Swept, datetime], None],
    removal: Removal,
    swept: Swept,
    *,
    at: datetime,
) -> None:
    """Do it to one removal; one that fails comes again in a minute and keeps no other waiting."""
    try:
        deed(removal, swept, at)
    except (Error, OSError) as exc:
        log.error("%s was not swept: %s", removal.pk, type(exc).__name__)


def tidy(*, at: datetime) -> int:
    """Delete files that no removal names and that a killed process left an hour ago; count them."""
    count = files.delete_forgotten_uploads(at=at)
    for name in files.forgotten(at=at):
        if not Removal.objects.naming(name).exists():
            files.delete(name)
            count += 1
    return count


def delete_files(removal: Removal, *, at: datetime) -> None:
    """Delete a finished removal's pictures, then say so in its row, which stays (S17)."""
    files.delete(removal.picture, removal.result, removal.thumbnail)
    removal.files_deleted_at = at
    removal.save(update_fields=["files_deleted_at"])


def _bring_home(removal: Removal, swept: Swept, at: datetime) -> None:
    if removal.state == State.LEASED:
        _bring_back(removal, swept, at=at)
    else:
        _look_for_result(removal, swept, at=at)


def _expire(removal: Removal, swept: Swept, at: datetime) -> None:
    delete_files(removal, at=at)
    swept.expired += 1


def _bring_back(removal: Removal, swept: Swept, *, at: datetime) -> None:
    """Queue it again, for nothing was sent; set it aside if it keeps ending its worker (R15)."""
    if removal.lost_leases + 1 >= LOST_LEASES_UNTIL_PARKED:
        # Not one that its worker has begun to send in the meantime.
        swept.parked += removal.end(Parked(), at=at, states=(State.LEASED,))
        return
    lost = Removal.objects.filter(pk=removal.pk, attempt=removal.attempt, state=State.LEASED)
    swept.queued += lost.update(
        state=State.QUEUED,
        not_before_at=at,
        lease_expires_at=None,
        lost_leases=F("lost_leases") + 1,
    )


def _look_for_result(removal: Removal, swept: Swept, *, at: datetime) -> None:
    """Finish it if its result was stored before its worker ended, else nobody can tell."""
    try:
        found = _stored_result(removal)
    except errors.RembgError:
        # It was whole when it was stored, so that it is paid for; the disk has spoilt it since.
        removal.end(errors.NotStored(), at=at)
        return
    if found is None:
        swept.unknown += removal.end(ProcessEnded(), at=at)
    elif sending.note_answer(removal, found, kept_until=removal.keep_until, at=at):
        swept.recovered += 1
        thumbnails.make(removal)


def _stored_result(removal: Removal) -> Removed | None:
    """Return what a stored result says of itself; the name has the attempt in it."""
    name = sending.result_name(removal)
    if not files.exists(name):
        return None
    with files.opened(name) as result:
        source = removal.original
        verdict = answer.judge(result, asked=removal.asked, source=source, secrets=())
        return Removed(
            content_type=CONTENT_TYPES[removal.asked.format],
            size=result.seek(0, io.SEEK_END),
            width=verdict.width,
            height=verdict.height,
            seconds=0.0,
            notices=verdict.notices,
        )
