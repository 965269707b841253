"""What to answer while the database or Redis is away: come back (promises R4, R23, S10)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

try:
    from redis.exceptions import RedisError
except ImportError:  # Only the shape with several machines has it.
    REDIS: tuple[type[Exception], ...] = ()
else:
    REDIS = (RedisError,)

RETRY_SECONDS = 10
# The queue of the small shape is a SQLite file that Django does not know.
DATABASE = (OperationalError, InterfaceError, sqlite3.OperationalError)
AWAY: tuple[type[Exception], ...] = (*DATABASE, *REDIS)
# As SQLite and PostgreSQL say that somebody else holds a lock for too long.
BUSY = ("locked", "lock timeout", "statement timeout")
Handler = Callable[[HttpRequest], HttpResponse]


def busy_database(get_response: Handler) -> Handler:
    """Answer 503 with Retry-After where a view could not get hold of what it needs."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return unavailable(request, exception) if isinstance(exception, AWAY) else None

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware


def unavailable(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say in the caller's own form what is away, and when to come back."""
    code, sentence = reason(exception)
    if speaks_json(request):
        said = {"error": sentence, "status": 503, "code": code}
        said["request_id"] = getattr(request, "id", "")
        answer: HttpResponse = JsonResponse(said, status=503)
    else:
        # Without the request: the frame would ask the same database.
        answer = HttpResponse(render_to_string("503.html", {"sentence": sentence}), status=503)
    answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


def reason(exception: Exception) -> tuple[str, str]:
    """Return a slug and a sentence for what is away."""
    if isinstance(exception, REDIS):
        return "redis_away", _("Redis does not answer.")
    text = str(exception)
    if "disk is full" in text or "No space left" in text:
        return "disk_full", _("The database has no room left on its disk.")
    if any(part in text for part in BUSY):
        return "busy", _("The database is busy.")
    return "database_away", _("The database does not answer.")


def speaks_json(request: HttpRequest) -> bool:
    """Say whether a program asks: at an address for programs, or for JSON and no page."""
    if request.path.startswith(("/rmbg", "/api/")):
        return True
    return request.accepts("application/json") and not request.accepts("text/html")
