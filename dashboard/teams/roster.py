"""Who is in a team and as what: changed under the team's lock, and never without an owner."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify
from django.utils.translation import gettext_lazy as _

from dashboard.teams.models import Invitation, Membership, Role, Team, User

SLUG_LENGTH = 50
SUFFIX = "abcdefghjkmnpqrstuvwxyz23456789"


class RosterError(Exception):
    """A change of the roster that is not made; `status` is the HTTP answer.

    RosterError
    ├── NotAllowed  the person's role does not reach this far (403)
    ├── Gone        the member is not in the team any more (404)
    └── LastOwner   the team would be without an owner (409)
    """

    status = 400


class RoleNotAllowed(RosterError):
    """The person's role does not reach this far."""

    status = 403


class Gone(RosterError):
    """The member is not in the team any more."""

    status = 404


class LastOwner(RosterError):
    """The team would be without an owner."""

    status = 409


def change_role(team: Team, pk: int, role: str, *, by: User, at: datetime) -> Membership:
    """Give a member another role; raise NotAllowed, Gone or LastOwner."""
    with transaction.atomic():
        mine, theirs = _both(team, pk, by=by)
        _may_touch(mine, theirs)
        if Role(role).rank > Role(mine.role).rank:
            raise RoleNotAllowed(_("Only an owner can make somebody an owner."))
        if role != Role.OWNER:
            _keep_an_owner(team, theirs)
        theirs.role = role
        theirs.save(update_fields=["role"])
        if not theirs.may(Role.ADMIN):
            _revoke_invitations(theirs, at=at)
    return theirs


def remove(team: Team, pk: int, *, by: User, at: datetime) -> Membership:
    """Take a member out, with all that he left open; raise NotAllowed, Gone or LastOwner."""
    with transaction.atomic():
        mine, theirs = _both(team, pk, by=by)
        _may_touch(mine, theirs)
        _take_out(team, theirs, at=at)
    return theirs


def leave(team: Team, *, by: User, at: datetime) -> Membership:
    """Take oneself out; raise Gone or LastOwner."""
    with transaction.atomic():
        mine, _theirs = _both(team, None, by=by)
        _take_out(team, mine, at=at)
    return mine


def _both(team: Team, pk: int | None, *, by: User) -> tuple[Membership, Membership]:
    """Lock the team; return the two memberships as they are now."""
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    people = team.memberships.select_related("user")
    mine = people.filter(user=by).first()
    theirs = people.filter(pk=pk).first() if pk else mine
    if mine is None or theirs is None:
        raise Gone(_("This person is not in the team any more."))
    return mine, theirs


def _may_touch(mine: Membership, theirs: Membership) -> None:
    if not mine.may(Role.ADMIN):
        raise RoleNotAllowed(_("Only owners and admins can change who is in the team."))
    if Role(theirs.role).rank > Role(mine.role).rank:
        raise RoleNotAllowed(_("Only an owner can change or remove an owner."))


def _keep_an_owner(team: Team, theirs: Membership) -> None:
    others = team.memberships.owners().exclude(pk=theirs.pk)
    if theirs.role == Role.OWNER and not others.exists():
        raise LastOwner(_("A team needs an owner. Make somebody else an owner first."))


def _take_out(team: Team, theirs: Membership, *, at: datetime) -> None:
    _keep_an_owner(team, theirs)
    _revoke_invitations(theirs, at=at)
    # His access tokens hang on the membership and go with it, in this transaction (A11).
    Membership.objects.filter(pk=theirs.pk).delete()


def _revoke_invitations(theirs: Membership, *, at: datetime) -> None:
    """End the open invitations that he sent, and those to his own address."""
    sent = Invitation.objects.filter(team=theirs.team_id, invited_by=theirs.user_id)
    sent.revoke(at=at)
    Invitation.objects.filter(team=theirs.team_id).to(theirs.user.email).revoke(at=at)


def found_team(name: str, *, owner: User, at: datetime) -> Team:
    """Start a team that this person owns, at an address made from its name."""
    stem = slugify(name)[:SLUG_LENGTH].strip("-") or "team"
    slug = stem
    while True:
        try:
            with transaction.atomic():
                team = Team.objects.create(name=name, slug=slug, created_at=at)
                Membership.objects.create(team=team, user=owner, role=Role.OWNER, joined_at=at)
        except IntegrityError:
            # Taken: another team has the same name. Four random letters end the race at once.
            slug = f"{stem}-{get_random_string(4, SUFFIX)}"
        else:
            return team
