"""Who may read the JSON API: a signed-in person, or a program with an access token."""

from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.security import HttpBearer, SessionAuth

from dashboard.teams.models import AccessToken, Membership

NOT_SIGNED_IN = "Sign in, or send a valid access token: 'Authorization: Bearer rbt_…'."
NOTHING_HERE = "There is nothing here."
NOT_ALLOWED = "Your role in this team does not include this."


class TokenAuth(HttpBearer):
    """`Authorization: Bearer rbt_…`; a wrong one is refused even from a signed-in browser."""

    def authenticate(self, request: HttpRequest, token: str) -> AccessToken:
        at = timezone.now()
        found = AccessToken.objects.for_secret(token, at=at)
        if found is None:
            raise AuthenticationError
        found.note_used(at=at)
        return found


# `NinjaAPI(auth=API_AUTH)`: the token is looked at first.
API_AUTH = [TokenAuth(), SessionAuth()]


def membership_for(request: HttpRequest, slug: str) -> Membership:
    """Return the caller's place in the team; raise Http404 for strangers and foreign tokens."""
    caller = request.auth  # type: ignore[attr-defined]
    if isinstance(caller, AccessToken):
        if caller.membership.team.slug != slug:
            raise Http404
        return caller.membership
    return get_object_or_404(
        Membership.objects.select_related("team", "user"), user=caller, team__slug=slug
    )


def answer_errors(api: NinjaAPI) -> None:
    """Let every error of this API be `{"error", "status", "code"}`."""
    says = api.add_exception_handler
    says(AuthenticationError, partial(_error, 401, "not_signed_in", NOT_SIGNED_IN))
    says(PermissionDenied, partial(_error, 403, "forbidden", NOT_ALLOWED))
    says(Http404, partial(_error, 404, "not_found", NOTHING_HERE))
    says(ValidationError, _invalid)
    says(HttpError, _refused)


def _error(
    status: int, code: str, sentence: str, request: HttpRequest, exc: Exception
) -> HttpResponse:
    return _answer(status, code, sentence)


def _refused(request: HttpRequest, exc: Any) -> HttpResponse:
    return _answer(exc.status_code, "refused", str(exc))


def _invalid(request: HttpRequest, exc: Any) -> HttpResponse:
    fields = [
        {"field": str(problem["loc"][-1]), "message": problem["msg"]} for problem in exc.errors
    ]
    return _answer(400, "invalid", "The request could not be understood.", details=fields)


def _answer(status: int, code: str, sentence: str, **more: Any) -> HttpResponse:
    answer = JsonResponse(
        {"error": sentence, "status": status, "code": code, **more}, status=status
    )
    if status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer
