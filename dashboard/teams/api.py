"""Who may read the JSON API: a signed-in person, or a program with an access token."""

from functools import partial
from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.security import HttpBearer, SessionAuth
from pydantic import AfterValidator, Field

from dashboard.teams.models import AccessToken, Membership

NOT_SIGNED_IN = "Sign in, or send a valid access token: 'Authorization: Bearer rbt_…'."
NOTHING_HERE = "There is nothing here, or nothing that you may see."
NOT_ALLOWED = "Your role in this team does not include this."


def _storable(text: str) -> str:
    """Return text that a database can hold; raise ValueError."""
    if "\0" in text or not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("Null characters and halves of a surrogate pair are not allowed.")
    return text


# What a person or program writes, wherever it comes to be kept or looked for.
Text = Annotated[
    str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\x00]*$"})
]


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


# What any call may answer, beside what it says of itself with `also_answers`.
ERRORS = {
    400: "The request could not be understood; `details` names each field that is wrong.",
    401: "Not signed in, or no valid access token.",
    403: "The role in the team, or the access token, does not include this.",
    404: "There is nothing here, or nothing that the caller may see.",
    503: "Something that is needed is busy or away; `Retry-After` says when to come back.",
}
ERROR_SCHEMA = {
    "title": "Error",
    "type": "object",
    "required": ["error", "status", "code", "request_id"],
    "properties": {
        "error": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "request_id": {"type": "string"},
        "details": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def also_answers(status: int, sentence: str) -> dict[str, Any]:
    """Declare an error that few calls answer: `openapi_extra=also_answers(409, "…")`."""
    return {"responses": {status: _declared(sentence)}}


def _declared(sentence: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": sentence, "content": {"application/json": {"schema": schema}}}


class Api(NinjaAPI):
    """The JSON API, whose document declares its errors too."""

    def get_openapi_schema(self, **kwargs: Any) -> OpenAPISchema:
        """Return the OpenAPI document."""
        document = super().get_openapi_schema(**kwargs)
        document["components"]["schemas"]["Error"] = ERROR_SCHEMA
        for path in document["paths"].values():
            for operation in path.values():
                for status, sentence in ERRORS.items():
                    operation["responses"].setdefault(status, _declared(sentence))
        return document


def membership_for(request: HttpRequest, slug: str) -> Membership:
    """Return the caller's place in the team; raise Http404 for strangers and foreign tokens."""
    caller = request.auth  # type: ignore[attr-defined]
    if "\0" in slug:  # PostgreSQL cannot even be asked for it.
        raise Http404
    if isinstance(caller, AccessToken):
        if caller.membership.team.slug != slug:
            raise Http404
        return caller.membership
    return get_object_or_404(
        Membership.objects.select_related("team", "user"), user=caller, team__slug=slug
    )


def answer_errors(api: NinjaAPI) -> None:
    """Let every error of this API be `{"error", "status", "code", "request_id"}`."""
    says = api.add_exception_handler
    says(AuthenticationError, partial(_error, 401, "not_signed_in", NOT_SIGNED_IN))
    says(PermissionDenied, partial(_error, 403, "forbidden", NOT_ALLOWED))
    says(Http404, partial(_error, 404, "not_found", NOTHING_HERE))
    says(ValidationError, _invalid)
    says(HttpError, _refused)


def _error(
    status: int, code: str, sentence: str, request: HttpRequest, exc: Exception
) -> HttpResponse:
    return _answer(request, status, code, sentence)


def _refused(request: HttpRequest, exc: Any) -> HttpResponse:
    return _answer(request, exc.status_code, "refused", str(exc))


def _invalid(request: HttpRequest, exc: Any) -> HttpResponse:
    fields = [
        {"field": _field(problem["loc"]), "message": problem["msg"]} for problem in exc.errors
    ]
    return _answer(request, 400, "invalid", "The request could not be understood.", details=fields)


def _field(place: tuple[str | int, ...]) -> str:
    """Return the name of the field that is wrong, for an item of a list that of the list."""
    return next((part for part in reversed(place) if isinstance(part, str)), "")


def _answer(
    request: HttpRequest, status: int, code: str, sentence: str, **more: Any
) -> HttpResponse:
    answer = JsonResponse(
        {
            "error": sentence,
            "status": status,
            "code": code,
            "request_id": getattr(request, "id", ""),
            **more,
        },
        status=status,
    )
    if status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer
