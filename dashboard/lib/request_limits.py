"""Reject oversized headers and bodies, odd methods and slow uploads, before any view runs.

The server in front takes headers of any size and every method (promises S4-S6, K10). The answers
come from Django's middleware, so that they carry the same headers as all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

MAX_BODY = 64 * 1024 * 1024
MAX_FILE = 50 * 1024 * 1024
MAX_ADDRESS = 8 * 1024  # bytes of path and query
MAX_HEADERS = 32 * 1024  # bytes of all headers together
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REFUSAL = "dashboard.refusal"
# What is left of a refused request for Django: who asked, how, and for whom.
KEPT = ("HTTP_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_X_REQUEST_ID")

# Status, sentence and headers of each.
REFUSALS: dict[str, tuple[int, str, dict[str, str]]] = {
    "address": (414, "This address is too long.", {}),
    "headers": (431, "The headers of this request are too large.", {}),
    "method": (405, "Use another method.", {"Allow": ", ".join(METHODS)}),
    "too_slow": (408, "The upload came too slowly, or stopped. Please try again.", {}),
    "crowded": (503, "Too many uploads at once. Try again soon.", {"Retry-After": "5"}),
    "no_space": (507, "The server has no free space for uploads.", {}),
}

Handler = Callable[[HttpRequest], HttpResponse]


def refusal_of_head(scope: dict[str, Any]) -> str | None:
    """Return why a request is refused for its head (ASGI's scope); None where it is not."""
    if scope["method"] not in METHODS:
        return "method"
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_ADDRESS:
        return "address"
    size = sum(len(name) + len(text) for name, text in scope["headers"])
    return "headers" if size > MAX_HEADERS else None


def refuse(environ: dict[str, Any], code: str) -> None:
    """Make a WSGI request one that is answered with this refusal, whatever else it says."""
    for name in [name for name in environ if name.startswith("HTTP_") and name not in KEPT]:
        del environ[name]
    if code in ("address", "headers"):
        environ |= {"PATH_INFO": environ["PATH_INFO"][:256], "QUERY_STRING": ""}
    environ[REFUSAL] = code


def refusals(get_response: Handler) -> Handler:
    """Answer what was refused before Django, in RemBG's shape."""

    def middleware(request: HttpRequest) -> HttpResponse:
        code = request.META.get(REFUSAL)
        if code is None:
            return get_response(request)
        status, sentence, headers = REFUSALS[code]
        document = {"error": sentence, "status": status, "code": code}
        document["request_id"] = request.id  # type: ignore[attr-defined]
        answer = JsonResponse(document, status=status, headers=headers)
        answer["X-Credits-Charged"] = "0"
        return answer

    return middleware


def body_cap(get_response: Handler) -> Handler:
    """Answer 413 to a body above 64 MB, which was not read (promises U28).

    The innermost middleware: the page needs to know who asks.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        # The gateway looks at the key first, and answers in its own shape.
        if content_length(request) <= MAX_BODY or request.path == "/rmbg":
            return get_response(request)
        sentence = _("This upload is larger than 64 MB. Nothing was kept and no credit was spent.")
        if request.accepts("text/html") and not request.path.startswith("/api/"):
            return render(request, "413.html", {"sentence": sentence}, status=413)
        answer = {"error": sentence, "status": 413, "code": "body_size"}
        answer["request_id"] = request.id  # type: ignore[attr-defined]
        return JsonResponse(answer, status=413)

    return middleware


def content_length(request: HttpRequest) -> int:
    """Return the bytes that a request's body has, or said to have."""
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0
