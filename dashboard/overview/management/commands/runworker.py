"""`python manage.py runworker`: work the queue and the schedule until told to stop."""

import threading
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils import timezone
from django.utils.module_loading import autodiscover_modules
from huey.contrib.djhuey import HUEY

from dashboard.lib import heartbeat

BEAT_SECONDS = 10


class Command(BaseCommand):
    """Work the queue and the schedule; SIGTERM lets what runs finish."""

    help = "Work the queue and the schedule until stopped; SIGTERM lets running work finish."

    def handle(self, *args: Any, **options: Any) -> None:
        """Start the consumer and block until a signal."""
        autodiscover_modules("tasks")
        stop = threading.Event()
        threading.Thread(target=self.beat, args=(stop,), daemon=True).start()
        consumer = HUEY.create_consumer(
            workers=settings.WORKER_THREADS, worker_type="thread", graceful_signal="TERM"
        )
        self.stdout.write(f"worker started with {settings.WORKER_THREADS} threads")
        self.stdout.flush()
        consumer.run()
        stop.set()

    def beat(self, stop: threading.Event) -> None:
        """Tell the shared cache, every few seconds, that this worker is alive."""
        while not stop.is_set():
            close_old_connections()
            heartbeat.beat(at=timezone.now())
            stop.wait(BEAT_SECONDS)
