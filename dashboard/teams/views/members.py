"""Members of a team and their roles; invitations, made, shown and accepted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.teams import inviting, roster
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import address_of, record, record_for
from dashboard.teams.forms import InviteForm, RoleForm
from dashboard.teams.models import Invitation, Membership, Role, Team, User


@require_safe
@team_view()
def members(request: TeamRequest, team: Team) -> HttpResponse:
    """Show the people of a team."""
    return _page(request, team)


@require_POST
@team_view(role=Role.ADMIN)
def change_role(request: TeamRequest, team: Team, pk: int) -> HttpResponse:
    """Give a member another role."""
    form = RoleForm(request.POST, by=request.membership)
    if not form.is_valid():
        return _page(request, team, status=403, refusal=_("You cannot give this role."))
    role, at = form.cleaned_data["role"], timezone.now()
    before = get_object_or_404(team.memberships, pk=pk).role

    def change() -> Membership:
        return roster.change_role(team, pk, role, by=request.user, at=at)

    return _do(request, team, change, "member.role_changed", before=before, role=role)


@require_POST
@team_view(role=Role.ADMIN)
def remove(request: TeamRequest, team: Team, pk: int) -> HttpResponse:
    """Take a member out of the team."""

    def change() -> Membership:
        return roster.remove(team, pk, by=request.user, at=timezone.now())

    return _do(request, team, change, "member.removed")


@require_POST
@team_view()
def leave(request: TeamRequest, team: Team) -> HttpResponse:
    """Take oneself out of the team."""

    def change() -> Membership:
        return roster.leave(team, by=request.user, at=timezone.now())

    answer = _do(request, team, change, "member.left")
    return redirect("teams:index") if answer.status_code == 302 else answer


@require_POST
@team_view(role=Role.ADMIN)
def invite(request: TeamRequest, team: Team) -> HttpResponse:
    """Invite an address; the link is shown once here, and mailed."""
    form = InviteForm(request.POST, by=request.membership)
    if not form.is_valid():
        return _page(request, team, status=422, form=form)
    at = timezone.now()
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    invitation, secret = inviting.invite(team, email, role, by=request.user, at=at)
    record_for(request, "invitation.sent", at=at, subject=invitation.email, role=role)
    return _page(
        request,
        team,
        invitation=invitation,
        link=inviting.link(secret),
        mailed=inviting.send(invitation, secret),
    )


@require_POST
@team_view(role=Role.ADMIN)
def revoke_invitation(request: TeamRequest, team: Team, pk: int) -> HttpResponse:
    """End an open invitation."""
    invitation = get_object_or_404(team.invitations, pk=pk)
    at = timezone.now()
    if team.invitations.filter(pk=pk).revoke(at=at):
        record_for(request, "invitation.revoked", at=at, subject=invitation.email)
    messages.success(request, _("Invitation revoked."))
    return redirect("teams:members", team.slug)


def _do(
    request: TeamRequest, team: Team, change: Callable[[], Membership], action: str, **details: Any
) -> HttpResponse:
    """Do it and write it down, or say in a sentence why not."""
    try:
        theirs = change()
    except roster.Gone:
        raise Http404 from None
    except roster.RosterError as exc:
        return _page(request, team, status=exc.status, refusal=str(exc))
    record_for(request, action, at=timezone.now(), subject=theirs.user.email, **details)
    messages.success(request, _("Saved."))
    return redirect("teams:members", team.slug)


def _page(request: TeamRequest, team: Team, *, status: int = 200, **more: Any) -> HttpResponse:
    mine = request.membership
    context = {
        "form": InviteForm(by=mine),
        "people": team.memberships.by_rank(),
        "roles": [role for role in Role if mine.may(role)],
        "may_change": mine.may(Role.ADMIN),
        "invitations": team.invitations.open(at=timezone.now()).newest_first(),
    }
    return render(request, "teams/members.html", {**context, **more}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str = "") -> HttpResponse:
    """Show an open invitation, or accept it; every dead one has the same page (T8).

    Without a token it is the one that the visitor came with before signing in: the link itself
    goes into no other address.
    """
    try:
        found = _find(request, token)
        if request.method == "POST" and request.user.is_authenticated:
            return _accept(request, found, request.user)
    except inviting.Dead:
        return render(request, "teams/invitation_dead.html", status=410)
    if not request.user.is_authenticated:
        inviting.keep(request, found)
        if request.method == "POST":
            return redirect(f"{reverse('account_login')}?next={reverse('teams:waiting')}")
    return render(request, "teams/invitation.html", {"invitation": found})


def _find(request: HttpRequest, token: str) -> Invitation:
    at = timezone.now()
    found = inviting.find(token, at=at) if token else inviting.kept(request, at=at)
    if request.user.is_authenticated and not found.is_for(request.user):
        raise inviting.Dead
    return found


def _accept(request: HttpRequest, found: Invitation, person: User) -> HttpResponse:
    at = timezone.now()
    membership = inviting.accept(found, person, at=at)
    request.session.pop(inviting.WAITING, None)
    record(
        found.team,
        "member.joined",
        at=at,
        user=membership.user,
        subject=membership.user.email,
        address=address_of(request),
        role=membership.role,
    )
    messages.success(request, _("You are in."))
    return redirect("overview:team", found.team.slug)
