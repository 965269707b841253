"""How long a session lives: idle hours, and an end that no use puts off (SAFETY 5, ASVS 7.3)."""

import time
from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse

LONGEST_SECONDS = 7 * 24 * 3600
# An idle session ends SESSION_COOKIE_AGE after its last use, give or take this.
REFRESH_SECONDS = 300
BORN, SEEN = "session_born", "session_seen"
Handler = Callable[[HttpRequest], HttpResponse]


def bounded_sessions(get_response: Handler) -> Handler:
    """End a session seven days after its sign-in; note its use at most every five minutes.

    Stands below the authentication: it acts only where somebody is signed in.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.session.session_key and request.user.is_authenticated:
            now = int(time.time())
            if now - request.session.get(BORN, now) > LONGEST_SECONDS:
                logout(request)
            elif now - request.session.get(SEEN, 0) > REFRESH_SECONDS:
                request.session.setdefault(BORN, now)
                request.session[SEEN] = now
        return get_response(request)

    return middleware
