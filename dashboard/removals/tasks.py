"""Doorbells: a task only says "go and look"; lost or doubled, it changes nothing."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django_tasks import task
from huey import crontab
from huey.contrib.djhuey import HUEY, db_periodic_task, on_startup

from dashboard.removals import sweeping
from dashboard.removals.models import Removal
from dashboard.removals.work import work_one


@task()
def work() -> None:
    """Do one removal; ring again while there are more, and when this one is due again."""
    removal = work_one(clock=timezone.now)
    if removal is None:
        return
    if not removal.is_final and removal.not_before_at > timezone.now():
        ring(at=removal.not_before_at)
    if Removal.objects.claimable(at=timezone.now()).exists():
        ring()


def ring(*, at: datetime | None = None) -> None:
    """Wake a worker, now or at a moment."""
    work.using(run_after=at).enqueue()


@db_periodic_task(crontab(minute="*"))
def sweep_each_minute() -> None:
    """Bring back what was lost, and ring for all that waits, in case a doorbell was not heard."""
    look_around()


@db_periodic_task(crontab(minute="17"))
def tidy_each_hour() -> None:
    """Delete what the queue remembers of doorbells, and files that nobody names.

    The queue keeps a record of each for ever; a doorbell without its record rings all the same.
    """
    HUEY.storage.flush_results()
    sweeping.tidy(at=timezone.now())


@on_startup()
def look_around() -> None:
    """Do the same in each thread of a worker that starts: the one before may have been killed."""
    now = timezone.now()
    sweeping.sweep(at=now)
    for _ in range(min(Removal.objects.claimable(at=now).count(), settings.WORKER_THREADS)):
        ring()
