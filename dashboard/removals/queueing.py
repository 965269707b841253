"""From an upload to a row in the queue: from then on nothing is lost."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import BinaryIO, cast

from django.conf import settings
from django.db import IntegrityError, transaction

from dashboard.keys.models import Account
from dashboard.rembg import filenames, pictures
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import Picture
from dashboard.removals import budgets, failpoints, files
from dashboard.removals.errors import Busy, NoSpace, OverBudget, PictureGone
from dashboard.removals.models import Removal, Turn
from dashboard.removals.tasks import ring
from dashboard.teams.models import Membership, Team, User


@dataclass(frozen=True)
class Wish:
    """What a person asks: the picture's name, what to do with it, and who pays."""

    filename: str
    asked: Parameters
    account: Account | None = None
    nonce: str = ""
    tag: str = ""


def accept(
    by: Membership, image: BinaryIO, picture: Picture, wish: Wish, *, at: datetime
) -> Removal:
    """Store a picture without its metadata and queue it; the same wish again is the same removal.

    Raises Busy, NoSpace or OverBudget.
    """
    team = by.team
    check_room(team)
    name = files.name_for("pictures", team.pk, picture.extension)
    size, digest = _store(image, name)
    removal = Removal(
        **_common(team, by.user, wish, at=at),
        picture=name,
        picture_type=picture.content_type,
        picture_bytes=size,
        picture_sha256=digest,
        width=picture.width,
        height=picture.height,
        orientation=picture.orientation,
    )
    return _queue(removal)


def run_again(removal: Removal, user: User, *, nonce: str, at: datetime) -> Removal:
    """Queue the stored picture of a removal that did not work once more; a person decided so.

    Raises Busy, NoSpace, OverBudget or PictureGone.
    """
    check_room(removal.team)
    name = files.name_for("pictures", removal.team_id, removal.picture.rsplit(".", 1)[-1])
    try:
        files.copy(removal.picture, name)
    except FileNotFoundError:
        raise PictureGone from None
    wish = Wish(removal.filename, removal.asked, removal.wanted_account, nonce, removal.tag)
    again = Removal(
        **_common(removal.team, user, wish, at=at),
        picture=name,
        picture_type=removal.picture_type,
        picture_bytes=removal.picture_bytes,
        picture_sha256=removal.picture_sha256,
        width=removal.width,
        height=removal.height,
        orientation=removal.orientation,
        again_of=removal,
    )
    return _queue(again)


def check_room(team: Team) -> None:
    """Raise Busy when the team's queue is full (R17), NoSpace when the disk is (R5)."""
    if Removal.objects.filter(team=team).unfinished().count() >= settings.QUEUE_LIMIT:
        raise Busy
    if not files.has_room():
        raise NoSpace


def _common(team: Team, user: User, wish: Wish, *, at: datetime) -> dict[str, object]:
    return {
        "team": team,
        "user": user,
        "member": str(user),
        "wanted_account": wish.account,
        "nonce": wish.nonce or uuid.uuid4().hex,
        "tag": wish.tag,
        "filename": filenames.safe_name(wish.filename),
        "parameters": asdict(wish.asked),
        "queued_at": at,
        "not_before_at": at,
        "keep_until": at + timedelta(days=team.retention_days),
    }


def _store(image: BinaryIO, name: str) -> tuple[int, str]:
    """Write the stripped picture down for good; return its size in bytes and its SHA-256."""
    with files.no_space(), files.writing(name) as target:
        stripped = pictures.strip(image, target)
        failpoints.reach("after_picture_draft")
        target.seek(0)
        digest = hashlib.file_digest(cast(BytesIO, target), "sha256").hexdigest()
    failpoints.reach("after_picture_stored")
    return stripped.size, digest


def _queue(removal: Removal) -> Removal:
    """Write the row and ring; where the same wish has a row, return that and drop this picture."""
    try:
        queued = _same(removal) or _insert(removal)
    except BaseException:
        files.delete(removal.picture)
        raise
    if queued.pk != removal.pk:
        files.delete(removal.picture)
    return queued


def _insert(removal: Removal) -> Removal:
    try:
        with transaction.atomic():
            budgets.reserve(removal)
            Turn.objects.get_or_create(team=removal.team)
            removal.save(force_insert=True)
            # The row is the truth: a doorbell that cannot be rung must not look like a failure.
            transaction.on_commit(ring, robust=True)
    except (IntegrityError, OverBudget):
        # Another request with this nonce was faster (U39), perhaps with the budget's last credit.
        nonce = removal.nonce
        same = _same(removal)
        if same is not None:
            return same
        if removal.nonce == nonce:
            raise
        return _insert(removal)
    failpoints.reach("after_row_queued")
    return removal


def _same(removal: Removal) -> Removal | None:
    """Return the removal of the same wish; a nonce used for another one gives way to a new one."""
    first = Removal.objects.filter(team=removal.team, nonce=removal.nonce).first()
    if first is None:
        return None
    alike = ("picture_sha256", "parameters", "wanted_account_id", "again_of_id", "tag")
    if all(getattr(first, name) == getattr(removal, name) for name in alike):
        return first
    removal.nonce = uuid.uuid4().hex
    return None
