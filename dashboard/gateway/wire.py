"""RemBG's own wire, served by us: any client works by changing host and key."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC
from functools import wraps

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt

from dashboard.gateway import calls, openapi, refusals, responses
from dashboard.gateway.authentication import authenticate
from dashboard.gateway.membership_usage import usage_response
from dashboard.lib.form_reader import MultipartForm, UnreadableForm
from dashboard.lib.request_limits import MAX_BODY, METHODS, content_length
from dashboard.lib.wsgi_adapter import HAS_LEFT
from dashboard.rembg.errors import NoImage, RembgError
from dashboard.removals import picture_form

View = Callable[[HttpRequest], HttpResponseBase]
AT_ONCE = 128  # of a machine; each of its web processes grants its share
_lock = threading.Lock()
_under_way: Counter[int] = Counter()
Handler = Callable[[HttpRequest], HttpResponseBase]


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
                return responses.failed(request, refusals.UNREADABLE[unreadable.code]())
            except RembgError as error:
                return responses.failed(request, error)
            except (InterfaceError, OperationalError):
                return responses.failed(request, refusals.DatabaseBusy())

        return guarded

    return decorate


@wire_view("POST")
def rmbg(request: HttpRequest) -> HttpResponseBase:
    """Remove a background: authenticate, read the form, send it, answer with the picture."""
    key = authenticate(request, at=timezone.now())
    again = _idempotency_key(request)
    with team_slot(key.team_id), _form(request) as form:
        done = calls.remove(
            key,
            form,
            idempotency_key=again,
            request_id=request.id,  # type: ignore[attr-defined]
            clock=timezone.now,
            has_left=request.META.get(HAS_LEFT, lambda: False),
        )
    if done.file is None:
        return responses.failed_before(request, done.removal)
    return responses.picture(done, done.file)


@wire_view("GET", "HEAD")
def membership_usage(request: HttpRequest) -> HttpResponseBase:
    """Say what was used of the account that a key draws on, from our rows."""
    key = authenticate(request, at=timezone.now())
    usage = usage_response(key, request.GET, at=timezone.now())
    answer = JsonResponse(usage.document)
    answer["X-Credits-Charged"] = "0"
    if usage.as_of is not None:
        answer["X-As-Of"] = usage.as_of.astimezone(UTC).isoformat(timespec="seconds")
        answer["X-Credits-Since"] = str(usage.since)
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


VIEWS = {
    "/rmbg": rmbg,
    "/api/membership-usage": membership_usage,
    "/api/openapi": document,
}


def answer_wire(get_response: Handler) -> Handler:
    """Answer a call here, without sessions, languages and messages, which it does not use.

    Its id, the security headers and what Django does about errors come from what stands before.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        view = VIEWS.get(request.path_info)
        if view is None:
            return get_response(request)
        request.get_host()  # Refuses a host that is not ours.
        # A thread keeps the language of the page that it made before.
        translation.activate(settings.LANGUAGE_CODE)
        response = view(request)
        response.headers.setdefault("X-Frame-Options", settings.X_FRAME_OPTIONS)
        return response

    return middleware


@contextmanager
def team_slot(team_id: int) -> Iterator[None]:
    """Count a call while it lasts; raise TooManyCalls where the team has too many under way.

    So one team leaves room for the others (promises A13, R10).
    """
    with _lock:
        if _under_way[team_id] >= max(1, AT_ONCE // settings.WEB_WORKERS):
            raise refusals.TooManyCalls
        _under_way[team_id] += 1
    try:
        yield
    finally:
        with _lock:
            _under_way[team_id] -= 1
            if not _under_way[team_id]:
                del _under_way[team_id]
