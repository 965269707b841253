"""Access, decided once, at the edge: a slug becomes a team, or the request ends here."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django_htmx.middleware import HtmxDetails

from dashboard.teams.models import Membership, Role, Team, User

View = Callable[..., HttpResponse]
LAST_TEAM = "team"


class PersonRequest(HttpRequest):
    """A request of a signed-in person (for annotations only)."""

    user: User
    memberships: list[Membership]
    htmx: HtmxDetails


class TeamRequest(PersonRequest):
    """A request of a signed-in person within a team (for annotations only)."""

    membership: Membership
    team: Team


def team_view(*, role: str = Role.VIEWER) -> Callable[[View], View]:
    """Open a view to the team's people whose role reaches `role`.

    Someone not signed in is sent to sign in; a stranger gets 404, so that nobody learns which
    teams exist; a member without the right gets 403. The membership is read on each request, so
    that its removal holds at once (promises A11). Templates find it as `request.membership`, and
    moments are shown in the team's zone.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        @signed_in
        def guarded(request: PersonRequest, slug: str, **kwargs: Any) -> HttpResponse:
            membership = _membership(request, slug)
            if membership is None:
                return _nothing_here(request)
            request.membership, request.team = membership, membership.team  # type: ignore[attr-defined]
            if not membership.may(role):
                raise PermissionDenied
            with timezone.override(membership.team.zone):
                return view(request, membership.team, **kwargs)

        guarded.minimum_role = role  # type: ignore[attr-defined]
        return guarded

    return decorate


def signed_in(view: View) -> View:
    """Open a view to signed-in people; others are led to sign in and back, with htmx too."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        return to_sign_in(request)

    return guarded


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a person to sign in and back; to htmx that is said in a header, not swapped in.

    A script of a page, which asks for JSON, hears it in a sentence: it could not use the form.
    """
    if not request.accepts("text/html"):
        sentence = _("You are signed out. Sign in, then try again.")
        return JsonResponse({"error": sentence, "status": 401}, status=401)
    if not getattr(request, "htmx", False):
        return redirect_to_login(request.get_full_path())
    page = request.htmx.current_url_abs_path or "/"  # type: ignore[attr-defined]
    address = f"{resolve_url('account_login')}?{urlencode({'next': page})}"
    return HttpResponse(status=401, headers={"HX-Redirect": address})


def _membership(request: PersonRequest, slug: str) -> Membership | None:
    # All of them: the frame of the page lists the teams.
    request.memberships = Membership.all_of(request.user)
    membership = next((mine for mine in request.memberships if mine.team.slug == slug), None)
    if membership and request.session.get(LAST_TEAM) != slug:
        request.session[LAST_TEAM] = slug
    return membership


def _nothing_here(request: HttpRequest) -> HttpResponse:
    if not getattr(request, "htmx", False):
        raise Http404
    # An open page of somebody removed from the team goes to the teams that are left (T5).
    return HttpResponse(status=404, headers={"HX-Redirect": resolve_url("teams:index")})
