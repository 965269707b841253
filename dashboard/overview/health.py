"""Whether this installation is alive, and whether it is ready to do its work."""

import tempfile
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.core.cache import cache
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from huey.contrib.djhuey import HUEY

from dashboard.keys.locks import locked
from dashboard.lib.busy import AWAY
from dashboard.overview.models import Worker
from dashboard.removals import files

AWAY_TEXT = "no answer"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Say that this process answers; asks nobody else."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Say of each thing that is needed whether it is there; 503 when one is not."""
    at = timezone.now()
    checks = {"database": database(), "worker": AWAY_TEXT, "encryption_key": AWAY_TEXT}
    silent: list[str] = []
    if checks["database"] == "ok":
        silent = [_silence(one) for one in Worker.objects.silent(at=at)]
        checks |= {"worker": worker(silent, at=at), "encryption_key": locked() or "ok"}
    checks |= {"queue": answers(HUEY.storage.queue_size), "cache": answers(ping_cache)}
    checks["disk"] = disk()
    ready = all(value == "ok" for value in checks.values())
    said = {"ready": ready, **checks, "silent_workers": silent}
    return JsonResponse(said, status=200 if ready else 503)


def database() -> str:
    """Return "ok" or what is wrong."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return AWAY_TEXT
    return "ok"


def worker(silent: list[str], *, at: datetime) -> str:
    """Return "ok" while at least one works, else that none does."""
    if Worker.objects.alive(at=at).exists():
        return "ok"
    return f"silent: {', '.join(silent)}" if silent else "none is running"


def answers(ask: Callable[[], object]) -> str:
    """Return "ok" or that nobody answers."""
    try:
        ask()
    except AWAY:
        return AWAY_TEXT
    return "ok"


def ping_cache() -> object:
    """Ask the cache for anything."""
    return cache.get("readyz")


def disk() -> str:
    """Return "ok", or what keeps a picture from being written down."""
    for place in (settings.DATA_DIR, *files.folders()):
        try:
            with tempfile.TemporaryFile(dir=place) as probe:
                probe.write(bytes(4096))
        except OSError as exc:
            return f"cannot be written: {exc.strerror}"
    return "ok" if files.has_room() else "less free space than a result needs"


def _silence(one: Worker) -> str:
    return f"{one} since {one.heard_at.isoformat(timespec='seconds')}"
