"""The wire's addresses are answered before what only pages need."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation

from dashboard.gateway import wire

VIEWS = {
    "/rmbg": wire.rmbg,
    "/api/membership-usage": wire.membership_usage,
    "/api/openapi": wire.document,
}
Handler = Callable[[HttpRequest], HttpResponseBase]


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
