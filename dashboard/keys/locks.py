"""When keys cannot be opened: all of them (K15, K16, K19), or one (K18). Charts go on."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from dashboard.keys.encryption import ring
from dashboard.keys.models import ApiKey, KeyCheck
from dashboard.lib.sealing import SealError, UnknownKey
from dashboard.teams.audit import record

LOCKED = 503


def locked() -> str | None:
    """Return why no key can be used and what to do about it, or None; it tells no secret."""
    try:
        keys = ring()
    except ValueError as exc:
        return _("Keys are locked: %(reason)s") % {"reason": exc}
    if not keys.keys:
        return _missing() if ApiKey.objects.sealed().exists() else _none_yet()
    is_needed = Exists(ApiKey.objects.sealed().filter(kid=OuterRef("kid")))
    used = KeyCheck.objects.filter(lost_at=None).annotate(is_needed=is_needed)
    fitting = {check.kid: check.fits(keys) for check in used}
    needed = [fitting[check.kid] for check in used if check.is_needed]
    if not fitting.get(keys.newest, True) or (needed and not any(needed)):
        return _mismatch()
    return None


def unreadable(key: ApiKey) -> str | None:
    """Return why this one key cannot be opened and what to do, or None."""
    try:
        key.open()
    except UnknownKey:
        return _(
            "It was sealed with encryption key %(kid)s, which is not configured. Put that key back "
            "into ENCRYPTION_KEYS, or enter the RemBG key again."
        ) % {"kid": key.kid}
    except SealError:
        return _("Its stored form was changed and does not open. Enter the RemBG key again.")
    return None


def alarm(key: ApiKey, *, at: datetime) -> None:
    """Write into the audit trail, once, that this key does not open (K18)."""
    if key.note_unreadable(at=at):
        record(key.team, "key.unreadable", at=at, user=None, subject=str(key))


def unlocked(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer 503, with what to do, while keys are locked; stands below `team_view`."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if sentence := locked():
            return render(request, "keys/locked.html", {"sentence": sentence}, status=LOCKED)
        return view(request, *args, **kwargs)

    return guarded


def _mismatch() -> str:
    return _(
        "Keys are locked: encryption key does not match. Put the right one back into "
        "ENCRYPTION_KEYS and restart. Nothing was overwritten; charts and history stay readable."
    )


def _missing() -> str:
    return _(
        "Keys are locked: there are sealed keys, but no encryption key is configured. Put the one "
        "they were sealed with into ENCRYPTION_KEYS and restart. No new one is made on its own; if "
        "the old one is lost for good, `python manage.py makekey --lost` starts anew."
    )


def _none_yet() -> str:
    return _(
        "Keys are locked: there is no encryption key yet. Make one with "
        "`python manage.py makekey` and restart."
    )
