"""The doorbell: each worker rings every minute, and the claims see to it that each poll is one."""

from __future__ import annotations

import logging

from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from dashboard.usage.polling import poll
from dashboard.usage.schedule import claim_due

MOST_A_TICK = 200
SECONDS_A_TICK = 50
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
