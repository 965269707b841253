"""Middleware: request ids, the access log, no copies in caches, and how long a session lives."""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

access = logging.getLogger("dashboard.access")
CALLERS_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SECRET_PARTS = ("token", "key", "uidb36")
LONGEST_SESSION = 7 * 24 * 3600  # seconds
# An idle session ends SESSION_COOKIE_AGE after its last use, give or take these seconds.
SESSION_REFRESH = 300
BORN, SEEN = "session_born", "session_seen"
Handler = Callable[[HttpRequest], HttpResponse]


def request_id(get_response: Handler) -> Handler:
    """Give each request an id, say it in the answer, and log one line without the query."""

    def middleware(request: HttpRequest) -> HttpResponse:
        theirs = request.headers.get("X-Request-Id", "")
        request.id = theirs if CALLERS_ID.fullmatch(theirs) else uuid.uuid4().hex  # type: ignore[attr-defined]
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


def bounded_sessions(get_response: Handler) -> Handler:
    """Note the use of a session, at most every five minutes, and never beyond its seventh day.

    Idle hours end it, and so does a day that no use puts off (promises 5, ASVS 7.3). The end is
    the stored session's own, so nothing is read for requests that ask for nobody.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        # While the database is away, asking it again would only make the answer later.
        is_well = response.status_code < 500
        if is_well and request.session.accessed and SESSION_KEY in request.session:
            note_use(request.session, now=int(time.time()))
        return response

    return middleware


def note_use(session: SessionBase, *, now: int) -> None:
    """Let the session live its idle time from now, seven days from its sign-in at most."""
    if now - session.get(SEEN, 0) <= SESSION_REFRESH:
        return
    session[SEEN] = now
    born = session.setdefault(BORN, now)
    session.set_expiry(max(1, min(settings.SESSION_COOKIE_AGE, born + LONGEST_SESSION - now)))
