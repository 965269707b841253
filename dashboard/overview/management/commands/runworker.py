"""`python manage.py runworker`: work the queue and the schedule until told to stop."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from huey.contrib.djhuey import HUEY

from dashboard.lib.busy import AWAY
from dashboard.overview.models import Worker
from dashboard.removals.tasks import look_around

BEAT_SECONDS = 10
FAILURES: tuple[type[Exception], ...] = (Error, *AWAY)
log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Work the queue and the schedule; SIGTERM lets what runs finish."""

    help = "Work the queue and the schedule until stopped; SIGTERM lets running work finish."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the consumer and block until a signal."""
        autodiscover_modules("tasks")
        consumer = HUEY.create_consumer(
            workers=settings.WORKER_THREADS, worker_type="thread", graceful_signal="TERM"
        )
        heart = threading.Thread(target=keep_beating, args=(consumer.stop_flag,), daemon=True)
        heart.start()
        self.stdout.write(f"worker started with {settings.WORKER_THREADS} threads")
        self.stdout.flush()
        consumer.run()
        heart.join(BEAT_SECONDS)


def keep_beating(stop: threading.Event) -> None:
    """Write down every few seconds that this worker lives; take the row along when told to stop.

    It does so as soon as it is told: one that is killed over its last picture is no ghost. Once
    database and queue are back after an outage, it rings for what was accepted meanwhile.
    """
    worker, was_away = Worker.here(at=timezone.now()), False
    while not stop.is_set():
        is_away = not (
            _try(lambda: worker.beat(at=timezone.now())) and _try(HUEY.storage.queue_size)
        )
        if was_away and not is_away:
            is_away = not _try(look_around)
        was_away = is_away
        stop.wait(BEAT_SECONDS)
    _try(worker.delete)


def _try(ask: Callable[[], object]) -> bool:
    """Ask the database or the queue; False when it is away, for it is back at a later beat."""
    try:
        close_old_connections()
        ask()
    except FAILURES as exc:
        log.warning("the worker found something away: %s", type(exc).__name__)
        return False
    return True
