"""Whether this installation is alive, and whether it is ready to do its work."""

from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.keys.locks import locked
from dashboard.lib.heartbeat import last_beat

QUIET = timedelta(seconds=90)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say whether the database answers, a worker was heard from, and the encryption key fits."""
    checks = {"database": database(), "worker": "no answer", "encryption_key": "no answer"}
    if checks["database"] == "ok":
        checks |= {"worker": worker(at=timezone.now()), "encryption_key": locked() or "ok"}
    ready = all(value == "ok" for value in checks.values())
    return JsonResponse({"ready": ready, **checks}, status=200 if ready else 503)


def database() -> str:
    """Return "ok" or what is wrong."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "no answer"
    return "ok"


def worker(*, at: datetime) -> str:
    """Return "ok" or since when no worker was heard from."""
    heard = last_beat()
    if heard is None:
        return "never heard from"
    return "ok" if at - heard < QUIET else f"silent since {heard.isoformat(timespec='seconds')}"
