"""From an upload to a row in the queue: from then on nothing is lost."""

from __future__ import annotations

import hashlib
import shutil
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.db import IntegrityError, transaction

from dashboard.keys.models import Account
from dashboard.rembg import filenames
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import Picture
from dashboard.removals import budgets, failpoints, files
from dashboard.removals.errors import Busy, NoSpace, OverBudget, PictureGone
from dashboard.removals.models import Removal, Turn
from dashboard.removals.tasks import wake_worker
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
    """Store a picture, whole as given, and queue it; the same wish again is the same removal.

    Raises Busy, NoSpace or OverBudget.
    """
    team = by.team
    check_room(team)
    name = files.name_for("pictures", team.pk, picture.extension)
    digest = _store(image, name)
    asked = {**wish_fields(team, by.user, wish, at=at), **picture_fields(picture, sha256=digest)}
    keep_until = at + timedelta(days=team.retention_days)
    return _queue(Removal(**asked, picture=name, keep_until=keep_until))


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
    asked = wish_fields(removal.team, user, wish, at=at)
    asked |= picture_fields(removal.original, sha256=removal.picture_sha256)
    keep_until = at + timedelta(days=removal.team.retention_days)
    return _queue(Removal(**asked, picture=name, keep_until=keep_until, again_of=removal))


def check_room(team: Team) -> None:
    """Raise Busy when the team's queue is full (R17), NoSpace when the disk is (R5)."""
    if Removal.objects.filter(team=team).unfinished().count() >= settings.QUEUE_LIMIT:
        raise Busy
    if not files.has_room():
        raise NoSpace


def wish_fields(team: Team, user: User | None, wish: Wish, *, at: datetime) -> dict[str, Any]:
    """Return what a new row says of who asks, for what, and since when."""
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
    }


def picture_fields(picture: Picture, *, sha256: str) -> dict[str, Any]:
    """Return what a new row says of the picture that is sent."""
    return {
        "picture_type": picture.content_type,
        "picture_bytes": picture.size,
        "picture_sha256": sha256,
        "width": picture.width,
        "height": picture.height,
        "orientation": picture.orientation,
    }


def _store(image: BinaryIO, name: str) -> str:
    """Write the picture down for good; return its SHA-256."""
    with files.no_space(), files.writing(name) as target:
        shutil.copyfileobj(image, target)
        failpoints.reach("after_picture_draft")
        target.seek(0)
        digest = hashlib.file_digest(cast(BytesIO, target), "sha256").hexdigest()
    failpoints.reach("after_picture_stored")
    return digest


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
            transaction.on_commit(wake_worker, robust=True)
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
