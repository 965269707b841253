"""Virtual keys for programs: an access token reads, a signed-in person writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Router, Status
from ninja.errors import HttpError, ValidationError

from dashboard.gateway import actions, issuing
from dashboard.gateway.actions import Actor
from dashboard.gateway.forms import LONGEST, TermsForm
from dashboard.gateway.issuing import Terms
from dashboard.gateway.models import VirtualKey
from dashboard.gateway.schemas import (
    BudgetOut,
    ChangeIn,
    IssueIn,
    RotateIn,
    SecretOut,
    VirtualKeyOut,
    VirtualKeysOut,
)
from dashboard.gateway.status import VirtualKeyStanding, standing, standings
from dashboard.keys.models import Account
from dashboard.teams.api import also_answers, membership_for
from dashboard.teams.audit import address_of
from dashboard.teams.models import AccessToken, Membership, Role, Team

router = Router(tags=["virtual keys"])
ONLY_READS = "An access token only reads. Sign in to issue or change virtual keys."
ONLY_ADMINS = "Only an owner or admin issues keys to others."
NO_MEMBER = also_answers(409, "This person is no member of the team any more.")
OVER = also_answers(409, "The key is over, or somebody else was faster.")
IN_FORM = ("label", "tag", "account", "falls_over", "soft", "hard")


@router.get("/teams/{slug}/virtual-keys", response=VirtualKeysOut)
def index(
    request: HttpRequest,
    slug: str,
    over: bool = False,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, object]:
    """List one's own virtual keys, for an admin those of the team; `over` adds those that ended."""
    at = timezone.now()
    found = VirtualKey.objects.seen_by(_member(request, slug))
    found = found if over else found.unended(at=at)
    return {"virtual_keys": [_out(one) for one in standings(found.newest_first()[:limit], at=at)]}


@router.post("/teams/{slug}/virtual-keys", response={201: SecretOut}, openapi_extra=NO_MEMBER)
def issue(request: HttpRequest, slug: str, given: IssueIn) -> Status:
    """Issue a virtual key; the secret is in this answer and is never shown again."""
    at, mine = timezone.now(), _writer(request, slug)
    actor, theirs = Actor.of(mine, address_of(request)), _for_whom(mine, given.member)
    wanted = _terms(mine.team, given.model_dump(exclude={"member"}), Terms(""), at=at)
    try:
        key, secret = actions.issue(actor, theirs, wanted, at=at)
    except actions.ActionRefused as refused:
        _refuse(refused)
    return Status(201, _with_secret(key, secret, at=at))


@router.get("/teams/{slug}/virtual-keys/{uuid:key_id}", response=VirtualKeyOut)
def one(request: HttpRequest, slug: str, key_id: UUID) -> VirtualKeyOut:
    """Show one virtual key."""
    key = _find(_member(request, slug), key_id)
    return _out(standing(key, at=timezone.now()))


@router.patch(
    "/teams/{slug}/virtual-keys/{uuid:key_id}", response=VirtualKeyOut, openapi_extra=OVER
)
def change(request: HttpRequest, slug: str, key_id: UUID, given: ChangeIn) -> VirtualKeyOut:
    """Change what is given; only an owner or admin raises or removes a hard cap."""
    at, actor, key = _to_write(request, slug, key_id)
    changes = given.model_dump(exclude_unset=True)
    wanted = _terms(key.team, changes, issuing.terms_of(key), at=at)
    try:
        changed = actions.change(actor, key, wanted, at=at)
    except actions.ActionRefused as refused:
        _refuse(refused)
    return _out(standing(changed, at=at))


@router.post("/teams/{slug}/virtual-keys/{uuid:key_id}/pause", response=VirtualKeyOut)
def pause(request: HttpRequest, slug: str, key_id: UUID) -> VirtualKeyOut:
    """Let a key open nothing until it is resumed; a paused one stays so."""
    at, actor, key = _to_write(request, slug, key_id)
    actions.pause(actor, key, at=at)
    return _out(standing(key, at=at))


@router.post("/teams/{slug}/virtual-keys/{uuid:key_id}/resume", response=VirtualKeyOut)
def resume(request: HttpRequest, slug: str, key_id: UUID) -> VirtualKeyOut:
    """Let a paused key open again."""
    at, actor, key = _to_write(request, slug, key_id)
    actions.resume(actor, key, at=at)
    return _out(standing(key, at=at))


@router.post(
    "/teams/{slug}/virtual-keys/{uuid:key_id}/rotate", response=SecretOut, openapi_extra=OVER
)
def rotate(request: HttpRequest, slug: str, key_id: UUID, given: RotateIn) -> SecretOut:
    """Give a key a new secret, in this answer only; the old one stays good for the overlap."""
    at, actor, key = _to_write(request, slug, key_id)
    overlap = timedelta(hours=given.overlap_hours)
    try:
        secret = actions.rotate(actor, key, hint=key.hint, overlap=overlap, at=at)
    except actions.ActionRefused as refused:
        _refuse(refused)
    return _with_secret(key, secret, at=at)


@router.post("/teams/{slug}/virtual-keys/{uuid:key_id}/revoke", response=VirtualKeyOut)
def revoke(request: HttpRequest, slug: str, key_id: UUID) -> VirtualKeyOut:
    """End a key for good."""
    at, actor, key = _to_write(request, slug, key_id)
    actions.revoke(actor, key, at=at)
    return _out(standing(key, at=at))


def _member(request: HttpRequest, slug: str) -> Membership:
    membership = membership_for(request, slug)
    if not membership.may(Role.MEMBER):
        raise PermissionDenied
    return membership


def _writer(request: HttpRequest, slug: str) -> Membership:
    """Return a signed-in member; the session's CSRF check was made by `SessionAuth`."""
    membership = _member(request, slug)
    if isinstance(request.auth, AccessToken):  # type: ignore[attr-defined]
        raise HttpError(403, ONLY_READS)
    return membership


def _find(membership: Membership, key_id: UUID) -> VirtualKey:
    return get_object_or_404(VirtualKey.objects.seen_by(membership).newest_first(), pk=key_id)


def _to_write(request: HttpRequest, slug: str, key_id: UUID) -> tuple[datetime, Actor, VirtualKey]:
    membership = _writer(request, slug)
    return timezone.now(), Actor.of(membership, address_of(request)), _find(membership, key_id)


def _for_whom(mine: Membership, email: str | None) -> Membership:
    if email is None or email.lower() == mine.user.email.lower():
        return mine
    if not mine.may(Role.ADMIN):
        raise HttpError(403, ONLY_ADMINS)
    people = mine.team.memberships.by_rank().exclude(role=Role.VIEWER)
    found: Membership | None = people.filter(user__email__iexact=email).first()
    if found is None:
        _invalid("member", "Nobody who may have a virtual key has this e-mail address.")
    return found


def _terms(team: Team, given: dict[str, Any], before: Terms, *, at: datetime) -> Terms:
    """Return the terms before with what is given in place; raise ValidationError."""
    ends = given.get("expires_at")
    if ends is not None and ends <= at:
        _invalid("expires_at", "This moment is over.")
    if ends is not None and ends > at + LONGEST:
        _invalid("expires_at", "Choose a moment within the next ten years.")
    values = {name: getattr(before, name) for name in IN_FORM}
    values |= {name: value for name, value in given.items() if name in IN_FORM}
    form = TermsForm(values | {"account": _pk(values["account"])}, team=team, keep=before.account)
    if not form.is_valid():
        raise ValidationError(
            [
                {"loc": ["body", name], "msg": str(message)}
                for name, messages in form.errors.items()
                for message in messages
            ]
        )
    rest = {name: value for name, value in given.items() if name not in IN_FORM}
    return replace(before, **form.cleaned_data, **rest)


def _pk(account: Account | UUID | None) -> UUID | None:
    return account.pk if isinstance(account, Account) else account


def _invalid(field: str, sentence: str) -> NoReturn:
    raise ValidationError([{"loc": ["body", field], "msg": sentence}])


def _refuse(refused: actions.ActionRefused) -> NoReturn:
    if refused.status == 400:
        _invalid(refused.field, str(refused))
    raise HttpError(refused.status, str(refused))


def _out(one: VirtualKeyStanding) -> VirtualKeyOut:
    return VirtualKeyOut(**_values(one))


def _with_secret(key: VirtualKey, secret: str, *, at: datetime) -> SecretOut:
    return SecretOut(**_values(standing(key, at=at)), secret=secret)


def _values(one: VirtualKeyStanding) -> dict[str, Any]:
    key, use = one.key, one.use
    same = ("id", "label", "hint", "member", "tag", "falls_over", "created_at", "expires_at")
    more = ("allowed_formats", "allowed_fields", "rotated_at", "sent_in_clear_at")
    budget = BudgetOut(
        soft=use.budget.soft,
        hard=use.budget.hard,
        used=use.taken,
        remaining=use.remaining,
        period_start_unix=int(use.period.start_at.timestamp()),
        period_end_unix=int(use.period.end_at.timestamp()) - 1,
    )
    return {
        **{name: getattr(key, name) for name in (*same, *more)},
        "account": key.account_id,
        "state": one.state.value,
        "budget": budget,
        "old_secret_until": one.old_until,
        "last_used_at": key.used_at,
    }
