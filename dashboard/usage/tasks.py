"""The doorbell: each worker rings, and the claims see to it that each deed is done once."""

from __future__ import annotations

import logging

from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from dashboard.usage.history.values import floor_hour
from dashboard.usage.models import Tick
from dashboard.usage.polling import poll
from dashboard.usage.rolling import take_turns, tidy
from dashboard.usage.schedule import claim_due

MOST_A_TICK = 200
SECONDS_A_TICK = 50
# The accounts that are left keep their turn: the next hour begins with them.
SECONDS_A_ROLL_UP = 600
log = logging.getLogger(__name__)


@db_periodic_task(crontab(minute="*"))
def poll_due() -> int:
    """Read the accounts that are due, at most for the length of a tick; return how many."""
    began, count = timezone.now(), 0
    for account in claim_due(at=began, limit=MOST_A_TICK):
        snapshot = poll(account, at=timezone.now())
        count += 1
        if not snapshot.is_good:
            log.warning("account %s: %s", account.pk, snapshot.error or snapshot.outcome)
        if (timezone.now() - began).total_seconds() > SECONDS_A_TICK:
            break
    return count


@db_periodic_task(crontab(minute="43"))
def roll_up_due() -> int:
    """Roll up accounts whose turn it is, in one worker an hour; return how many."""
    began, count = timezone.now(), 0
    if not Tick.objects.claim("roll_up", at=floor_hour(began)):
        return 0
    for account in take_turns(at=began):
        tidy(account, at=began)
        count += 1
        if (timezone.now() - began).total_seconds() > SECONDS_A_ROLL_UP:
            break
    return count
