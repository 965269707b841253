"""What every request passes through: an id, an access line, and no copies in caches."""

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

access = logging.getLogger("dashboard.access")
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SECRET_PARTS = ("token", "key", "uidb36")
Handler = Callable[[HttpRequest], HttpResponse]


def request_id(get_response: Handler) -> Handler:
    """Give each request an id, say it in the answer, and log one line without the query."""

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.id = given if GIVEN_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        began = time.monotonic()
        response = get_response(request)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        access.info(
            "%s %s",
            request.method,
            response.status_code,
            extra={
                "request_id": request.id,  # type: ignore[attr-defined]
                "method": request.method,
                "path": path_without_secrets(request),
                "status": response.status_code,
                "milliseconds": round((time.monotonic() - began) * 1000),
            },
        )
        return response

    return middleware


def path_without_secrets(request: HttpRequest) -> str:
    """Return the path as it may be logged: what opens an invitation or a reset is left out."""
    path = request.path
    for name, value in (request.resolver_match.kwargs if request.resolver_match else {}).items():
        if name in SECRET_PARTS:
            path = path.replace(str(value), "…")
    return path


def private_answers(get_response: Handler) -> Handler:
    """Keep answers out of every cache, unless the view said otherwise (promises O5)."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "private, no-store"
        patch_vary_headers(response, ["Cookie", "HX-Request"])
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return middleware
