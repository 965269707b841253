"""How long a session lives: idle hours, and an end that no use puts off (promises 5, ASVS 7.3)."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse

LONGEST_SECONDS = 7 * 24 * 3600
# An idle session ends SESSION_COOKIE_AGE after its last use, give or take this.
REFRESH_SECONDS = 300
BORN, SEEN = "session_born", "session_seen"
Handler = Callable[[HttpRequest], HttpResponse]


def bounded_sessions(get_response: Handler) -> Handler:
    """Note the use of a session, at most every five minutes, and never beyond its seventh day.

    The end is the stored session's own, so nothing is read for requests that ask for nobody.
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
    if now - session.get(SEEN, 0) <= REFRESH_SECONDS:
        return
    session[SEEN] = now
    born = session.setdefault(BORN, now)
    session.set_expiry(max(1, min(settings.SESSION_COOKIE_AGE, born + LONGEST_SECONDS - now)))
