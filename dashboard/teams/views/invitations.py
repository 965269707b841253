"""An invitation's own page: shown by GET, accepted by POST, once."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from dashboard.teams import inviting
from dashboard.teams.audit import address_of, record
from dashboard.teams.models import Invitation, User


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
