"""Actions on virtual keys, for page, JSON API and command alike, each in the audit trail.

ActionRefused (`field` is the one of the form it is about, `status` the HTTP answer)
├── LabelTaken        the member has a key with this label (400)
├── TakesAdmin        a member may not loosen this (403)
├── MemberGone        the member has left, or only watches now (409)
├── RotatedMeanwhile  the secret is not the one that was to be replaced (409)
└── KeyOver           the key is over: it was revoked, or has no member any more (409)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.gateway import issuing
from dashboard.gateway.issuing import Terms
from dashboard.gateway.models import VirtualKey
from dashboard.gateway.status import VirtualKeyState, state_of
from dashboard.lib import tokens
from dashboard.lib.redaction import remember
from dashboard.teams.audit import record
from dashboard.teams.models import Membership, Role, User


class ActionRefused(Exception):
    """An action that is not done, and why not."""

    field, status = "", 409
    sentence: str | Promise = ""

    def __str__(self) -> str:
        return str(self.sentence)


class LabelTaken(ActionRefused):
    """The member has a key with this label: sent again, the page makes no second key (K12)."""

    field, status = "label", 400
    sentence = _("This member has a virtual key with this label already.")


class TakesAdmin(ActionRefused):
    """A member may not loosen this."""

    status = 403
    sentences: dict[str, str | Promise] = {
        "hard": _("Only an owner or admin of the team can raise or remove this cap."),
        "account": _("Only an owner or admin can move a capped key to another account."),
    }

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field, self.sentence = field, self.sentences[field]


class MemberGone(ActionRefused):
    """The member has left the team, or only watches now."""

    field = "member"
    sentence = _("This person cannot have virtual keys: they are not a member of the team now.")


class RotatedMeanwhile(ActionRefused):
    """The secret is not the one that was to be replaced."""

    sentence = _("This key was rotated in the meantime. Rotate it once more if the secret is lost.")


class KeyOver(ActionRefused):
    """The key was revoked, or has no member any more."""

    sentence = _("This key is over and cannot be changed. Issue a new one.")


@dataclass(frozen=True)
class Actor:
    """Who does it, and from where; `user` None is whoever runs this site, by a command."""

    user: User | None = None
    is_admin: bool = True
    address: str | None = None

    @classmethod
    def of(cls, membership: Membership, address: str | None) -> Actor:
        """Return the actor of a team's request."""
        return cls(membership.user, membership.may(Role.ADMIN), address)


def issue(
    actor: Actor, membership: Membership, wanted: Terms, *, at: datetime
) -> tuple[VirtualKey, str]:
    """Issue a key to a member; return it and its secret. Raise LabelTaken or MemberGone."""
    with transaction.atomic():
        locked = _lock(membership)
        _keep_label_unique(locked, wanted.label, at=at)
        key, secret = issuing.issue(locked, wanted, at=at)
        remember(secret)
        given = {name: value for name, value in issuing.described(wanted).items() if value}
        _write(actor, key, "issued", at=at, member=key.member, **given)
    return key, secret


def change(actor: Actor, key: VirtualKey, wanted: Terms, *, at: datetime) -> VirtualKey:
    """Give a key other terms and return it. Raise KeyOver, LabelTaken, MemberGone or TakesAdmin.

    What it may be changed to is judged by the row as it is now, not as the page had shown it.
    """
    with transaction.atomic():
        now = _current(key, at=at)
        before = issuing.terms_of(now)
        if not actor.is_admin and (field := issuing.takes_admin(before, wanted)):
            raise TakesAdmin(field)
        if wanted.label != before.label and now.membership:
            _keep_label_unique(_lock(now.membership), wanted.label, at=at)
        changes = issuing.differences(before, wanted)
        if changes:
            _save(now, wanted)
            _write(actor, now, "changed", at=at, **changes)
    return now


def pause(actor: Actor, key: VirtualKey, *, at: datetime) -> bool:
    """Let a key open nothing until it is resumed; False if nothing was to be done."""
    return _do(actor, key, "paused", lambda: key.pause(at=at), at=at)


def resume(actor: Actor, key: VirtualKey, *, at: datetime) -> bool:
    """Let a paused key open again; False if nothing was to be done."""
    return _do(actor, key, "resumed", key.resume, at=at)


def revoke(actor: Actor, key: VirtualKey, *, at: datetime) -> bool:
    """End a key for good; False if it was revoked before."""
    return _do(actor, key, "revoked", lambda: key.revoke(at=at), at=at)


def rotate(actor: Actor, key: VirtualKey, *, hint: str, overlap: timedelta, at: datetime) -> str:
    """Give a key a new secret and return it; the one that ends in `hint` is good for the overlap.

    Raises KeyOver, or RotatedMeanwhile: a page sent twice rotates once.
    """
    if state_of(key, at=at) not in (VirtualKeyState.ACTIVE, VirtualKeyState.PAUSED):
        raise KeyOver
    if key.hint != hint:
        raise RotatedMeanwhile
    before = str(key)
    with transaction.atomic():
        secret = key.rotate(at=at, overlap=overlap)
        remember(secret)
        if key.digest != tokens.digest(secret):
            raise RotatedMeanwhile
        hours = round(overlap / timedelta(hours=1))
        _write(actor, key, "rotated", at=at, before=before, overlap_hours=hours)
    return secret


def _do(
    actor: Actor, key: VirtualKey, action: str, act: Callable[[], bool], *, at: datetime
) -> bool:
    with transaction.atomic():
        done = act()
        if done:
            _write(actor, key, action, at=at)
    return done


def _write(actor: Actor, key: VirtualKey, action: str, *, at: datetime, **details: Any) -> None:
    record(
        key.team,
        f"virtual_key.{action}",
        at=at,
        user=actor.user,
        subject=str(key),
        address=actor.address,
        **details,
    )


def _lock(membership: Membership) -> Membership:
    rows = Membership.objects.select_for_update(of=("self",)).select_related("team", "user")
    locked = rows.filter(pk=membership.pk).first()
    if locked is None or not locked.may(Role.MEMBER):
        raise MemberGone
    return locked


def _current(key: VirtualKey, *, at: datetime) -> VirtualKey:
    rows = VirtualKey.objects.select_for_update(of=("self",)).newest_first()
    now = rows.get(pk=key.pk)
    if state_of(now, at=at) in (VirtualKeyState.REVOKED, VirtualKeyState.LEFT):
        raise KeyOver
    return now


def _keep_label_unique(membership: Membership, label: str, *, at: datetime) -> None:
    mine = VirtualKey.objects.listed().unended(at=at).filter(membership=membership, label=label)
    if mine.exists():
        raise LabelTaken


def _save(key: VirtualKey, wanted: Terms) -> None:
    own = ("label", "tag", "account", "falls_over", "expires_at")
    _set(key, {name: getattr(wanted, name) for name in (*own, "allowed_formats", "allowed_fields")})
    caps = {"soft": wanted.soft, "hard": wanted.hard}
    _set(key.budget, {"name": wanted.label, "account": wanted.account, **caps})


def _set(row: models.Model, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)
    row.save(update_fields=list(values))
