"""Invitations: made, sent, shown, accepted once."""

import smtplib
from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse

from dashboard.lib import tokens
from dashboard.teams.models import Invitation, Membership, Team, User

WAITING = "invitation"


class Dead(Exception):
    """The invitation was used, revoked, is over, is for somebody else, or never was (T8)."""


def invite(team: Team, email: str, role: str, *, by: User, at: datetime) -> tuple[Invitation, str]:
    """Return a new invitation and its secret; an open one to the same address ends.

    Whether the address has an account here, or is in the team, changes nothing (T9).
    """
    secret = tokens.mint(Invitation.PREFIX)
    with transaction.atomic():
        team.invitations.to(email).revoke(at=at)
        invitation = team.invitations.create(
            email=email.lower(),
            role=role,
            digest=tokens.digest(secret),
            invited_by=by,
            created_at=at,
            expires_at=Invitation.expiry(at=at),
        )
    return invitation, secret


def link(secret: str) -> str:
    """Return the address to open; from SITE_URL, never from the Host header (T18)."""
    return settings.SITE_URL + reverse("teams:invitation", args=[secret])


def send(invitation: Invitation, secret: str) -> bool:
    """Mail the link; False if the mail server did not take it."""
    letter = {"invitation": invitation, "link": link(secret)}
    subject = render_to_string("email/invitation_subject.txt", letter)
    body = render_to_string("email/invitation.txt", letter)
    try:
        send_mail(" ".join(subject.split()), body, None, [invitation.email])
    except (OSError, smtplib.SMTPException):
        return False
    return True


def find(secret: str, *, at: datetime) -> Invitation:
    """Return the open invitation with this secret; raise Dead."""
    if not tokens.looks_valid(secret, Invitation.PREFIX):
        raise Dead
    return _open(tokens.digest(secret), at=at)


def keep(request: HttpRequest, invitation: Invitation) -> None:
    """Remember it for the way through sign-in or sign-up; the session holds no secret."""
    request.session[WAITING] = invitation.digest


def kept(request: HttpRequest, *, at: datetime) -> Invitation:
    """Return the open invitation that this visitor came with; raise Dead."""
    return _open(request.session.get(WAITING, ""), at=at)


def accept(invitation: Invitation, user: User, *, at: datetime) -> Membership:
    """Let the person in, once; raise Dead. One already in the team keeps the role."""
    if not invitation.is_for(user):
        raise Dead
    with transaction.atomic():
        if not invitation.claim(at=at):
            raise Dead
        membership, _new = Membership.objects.get_or_create(
            team=invitation.team,
            user=user,
            defaults={"role": invitation.role, "joined_at": at},
        )
    return membership


def _open(digest: str, *, at: datetime) -> Invitation:
    found = (
        Invitation.objects.open(at=at)
        .select_related("team", "invited_by")
        .filter(digest=digest)
        .first()
    )
    if found is None:
        raise Dead
    return found
