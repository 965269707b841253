"""What to answer while the database is busy: come back, instead of an error (SAFETY R4, S10)."""

from collections.abc import Callable

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _

RETRY_SECONDS = 10
Handler = Callable[[HttpRequest], HttpResponse]


def busy_database(get_response: Handler) -> Handler:
    """Answer 503 with Retry-After where a view could not get hold of the database in time."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, OperationalError):
            return None
        sentence = _("The database is busy. Nothing was changed.")
        if request.accepts("text/html"):
            # Without the frame, which would ask the same database.
            answer = HttpResponse(sentence, content_type="text/plain; charset=utf-8", status=503)
        else:
            answer = JsonResponse({"error": sentence, "status": 503, "code": "busy"}, status=503)
        answer["Retry-After"] = str(RETRY_SECONDS)
        return answer

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware
