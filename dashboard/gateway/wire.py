"""RemBG's own wire, served by us: any client works by changing host and key."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC
from functools import wraps

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from dashboard.gateway import answers, calls, openapi, refusals, usage
from dashboard.gateway.authentication import authenticate
from dashboard.gateway.concurrency import counted
from dashboard.lib.form_reader import MultipartForm, UnreadableForm
from dashboard.lib.request_limits import MAX_BODY, METHODS, content_length
from dashboard.lib.wsgi_adapter import HAS_LEFT
from dashboard.rembg.errors import NoImage, RembgError
from dashboard.removals import picture_form

View = Callable[[HttpRequest], HttpResponseBase]


def wire_view(*methods: str) -> Callable[[View], View]:
    """Make a view of the wire: no cookies, no CSRF (T16), every answer in RemBG's shape."""

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def guarded(request: HttpRequest) -> HttpResponseBase:
            try:
                if request.method not in methods:
                    raise refusals.MethodNotAllowed.of(methods)
                return view(request)
            except UnreadableForm as unreadable:
                return answers.failed(request, refusals.UNREADABLE[unreadable.code]())
            except RembgError as error:
                return answers.failed(request, error)
            except (InterfaceError, OperationalError):
                return answers.failed(request, refusals.DatabaseBusy())

        return guarded

    return decorate


@wire_view("POST")
def rmbg(request: HttpRequest) -> HttpResponseBase:
    """Remove a background: authenticate, read the form, send it, answer with the picture."""
    key = authenticate(request, at=timezone.now())
    again = _idempotency_key(request)
    with counted(key.team_id), _form(request) as form:
        done = calls.remove(
            key,
            form,
            idempotency_key=again,
            request_id=request.id,  # type: ignore[attr-defined]
            clock=timezone.now,
            has_left=request.META.get(HAS_LEFT, lambda: False),
        )
    if done.file is None:
        return answers.failed_before(request, done.removal)
    return answers.picture(done, done.file)


@wire_view("GET", "HEAD")
def membership_usage(request: HttpRequest) -> HttpResponseBase:
    """Say what was used of the account that a key draws on, from our rows."""
    key = authenticate(request, at=timezone.now())
    said = usage.answer(key, request.GET, at=timezone.now())
    answer = JsonResponse(said.document)
    answer["X-Credits-Charged"] = "0"
    if said.as_of is not None:
        answer["X-As-Of"] = said.as_of.astimezone(UTC).isoformat(timespec="seconds")
        answer["X-Credits-Since"] = str(said.since)
    return answer


@wire_view("GET", "HEAD")
def document(request: HttpRequest) -> HttpResponseBase:
    """Give the OpenAPI document of the wire, to everybody."""
    answer = JsonResponse(openapi.document(site_url=settings.SITE_URL))
    answer["X-Credits-Charged"] = "0"
    answer["Access-Control-Allow-Origin"] = "*"
    return answer


@wire_view(*METHODS)
def wrong_address(request: HttpRequest) -> HttpResponseBase:
    """Say where pictures go, at addresses that clients try by mistake."""
    raise refusals.WrongAddress


def _form(request: HttpRequest) -> AbstractContextManager[MultipartForm]:
    length = content_length(request)
    if length > MAX_BODY:
        raise refusals.BodyTooLarge
    if not request.content_type and not length:
        raise NoImage
    if request.content_type != "multipart/form-data":
        raise refusals.WrongMediaType
    return picture_form.received(request)


def _idempotency_key(request: HttpRequest) -> str:
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return ""
    if not calls.IDEMPOTENCY_KEY.fullmatch(text):
        raise refusals.BadIdempotencyKey
    return text
