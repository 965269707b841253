"""Pages for what went wrong: own words, no version, no path (promises O9)."""

import sys
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from dashboard.lib.busy import AWAY, speaks_json, unavailable
from dashboard.teams.api import NOTHING_HERE

# Here programs listen that were written for RemBG: every answer says what it cost.
WIRE = ("/rmbg", "/api/membership-usage", "/api/openapi")
API = "/api/v1/"
CODES = {400: "bad_request", 403: "forbidden", 404: "not_found", 405: "method", 500: "broken"}
Handler = Callable[[HttpRequest], HttpResponse]


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a request that cannot be understood."""
    return _answer(request, 400, _("This request could not be understood."))


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer a member who has not the right."""
    return _answer(request, 403, _("Your role in this team does not include this."))


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer for what is not there, or not for this person: the two look the same."""
    if request.path.startswith(API):
        return _answer(request, 404, NOTHING_HERE)
    return _answer(request, 404, _("This address leads nowhere, or to a team that you are not in."))


def wrong_method(get_response: Handler) -> Handler:
    """Say in JSON which methods an address of the JSON API takes; `Allow` names them too."""

    def middleware(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        if answer.status_code != 405 or not request.path.startswith(API):
            return answer
        # The framework's own order changes from one process to the next.
        allowed = ", ".join(sorted(answer["Allow"].split(", ")))
        said = _answer(request, 405, f"Use {allowed}.")
        said["Allow"] = allowed
        return said

    return middleware


def broken(request: HttpRequest) -> HttpResponse:
    """Answer when we failed, or when what a middleware needs is away (a session, say)."""
    exception = sys.exception()
    if isinstance(exception, AWAY):
        return unavailable(request, exception)
    return _answer(request, 500, _("Something failed on our side. It has been written down."))


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without a valid token; the usual cause is another address than SITE_URL."""
    sentence = _("This form had expired, or the page was not opened under %(url)s.")
    return _answer(request, 403, sentence % {"url": settings.SITE_URL})


def _answer(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    if speaks_json(request):
        said = {"error": sentence, "status": status, "code": CODES[status]}
        said["request_id"] = getattr(request, "id", "")
        answer = JsonResponse(said, status=status)
        if request.path in WIRE:
            broke = status == 500 and request.path == "/rmbg"
            answer["X-Credits-Charged"] = "unknown" if broke else "0"
        return answer
    return render(request, f"{status}.html", {"sentence": sentence}, status=status)
