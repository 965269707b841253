"""Tasks of the worker: claim and do the next removal, and look for what was lost.

A task only says "go and look"; lost or doubled, it changes nothing.
"""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django_tasks import task
from huey import crontab
from huey.contrib.djhuey import HUEY, db_periodic_task, on_startup

from dashboard.removals import failpoints, sending, sweeping
from dashboard.removals.models import Removal, State, Turn
from dashboard.removals.sending import Clock

LEASE = timedelta(seconds=60)  # From a claim to the first byte out.
CLAIM_TRIES = 20  # Other workers may be faster; they are then at work.


def work_one(*, clock: Clock) -> Removal | None:
    """Do the next removal that is due, whatever comes of it; None if there was none."""
    removal = claim_next(at=clock())
    if removal is None:
        return None
    failpoints.reach("after_claim")
    sending.send(removal, clock=clock)
    return removal


def claim_next(*, at: datetime) -> Removal | None:
    """Lease the oldest removal of the team that was served longest ago (R10); None if none is due.

    Whoever gets the row by the conditional UPDATE has it, so that two workers never both do.
    """
    for _ in range(CLAIM_TRIES):
        turn = Turn.objects.next_with_work(at=at).first()
        if turn is None:
            return None
        removal = Removal.objects.claimable(at=at).filter(team=turn.team_id).in_turn().first()
        if removal is not None and _lease(removal, at=at):
            Turn.objects.filter(pk=turn.pk).update(served_at=at)
            return removal
    return None


def _lease(removal: Removal, *, at: datetime) -> bool:
    changes = {
        "state": State.LEASED,
        "attempt": uuid.uuid4(),
        "lease_expires_at": at + LEASE,
    }
    waiting = Removal.objects.claimable(at=at).filter(pk=removal.pk, attempt=removal.attempt)
    leased = bool(waiting.update(**changes))
    if leased:
        removal.refresh_from_db()
    return leased


@task()
def work() -> None:
    """Do one removal; ring again while there are more, and when this one is due again."""
    removal = work_one(clock=timezone.now)
    if removal is None:
        return
    if not removal.is_final and removal.not_before_at > timezone.now():
        wake_worker(at=removal.not_before_at)
    if Removal.objects.claimable(at=timezone.now()).exists():
        wake_worker()


def wake_worker(*, at: datetime | None = None) -> None:
    """Wake a worker, now or at a moment."""
    work.using(run_after=at).enqueue()


@db_periodic_task(crontab(minute="*"))
def sweep_each_minute() -> None:
    """Bring back what was lost, and ring for all that waits, in case a task was lost."""
    look_around()


@db_periodic_task(crontab(minute="17"))
def tidy_each_hour() -> None:
    """Delete what the queue remembers of its tasks, and files that nobody names.

    The queue keeps a record of each for ever; a task without its record runs all the same.
    """
    HUEY.storage.flush_results()
    sweeping.tidy(at=timezone.now())


@on_startup()
def look_around() -> None:
    """Do the same in each thread of a worker that starts: the one before may have been killed."""
    now = timezone.now()
    sweeping.sweep(at=now)
    for _ in range(min(Removal.objects.claimable(at=now).count(), settings.WORKER_THREADS)):
        wake_worker()
