"""What no application should have to see: requests too large in the head, and odd methods.

The server in front takes headers of any size and every method (SAFETY S4-S6, K10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from dashboard.lib import early

MAX_ADDRESS = 8 * 1024  # bytes of path and query
MAX_HEADERS = 32 * 1024  # bytes of all headers together
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

# Status line, slug and sentence.
TOO_LONG = ("414 URI Too Long", "address", "This address is too long.")
TOO_LARGE = (
    "431 Request Header Fields Too Large",
    "headers",
    "The headers of this request are too large.",
)
NO_METHOD = ("405 Method Not Allowed", "method", "Use another method.")


def narrow(application: Application) -> Application:
    """Wrap an application so that such requests are answered before it."""

    def wrapped(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        refusal = _refusal(environ)
        if refusal is None:
            return application(environ, start_response)
        headers = {"Allow": ", ".join(METHODS)} if refusal is NO_METHOD else {}
        return early.refuse(start_response, *refusal, **headers)

    return wrapped


def _refusal(environ: Environ) -> tuple[str, str, str] | None:
    if environ["REQUEST_METHOD"] not in METHODS:
        return NO_METHOD
    if len(environ.get("PATH_INFO", "")) + len(environ.get("QUERY_STRING", "")) > MAX_ADDRESS:
        return TOO_LONG
    size = sum(len(name) + len(text) for name, text in environ.items() if name.startswith("HTTP_"))
    return TOO_LARGE if size > MAX_HEADERS else None
