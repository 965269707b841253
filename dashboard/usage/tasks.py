"""The doorbell: each worker rings, and the claims see to it that each deed is done once."""

from __future__ import annotations

import logging

from django.conf import settings
from django.db import Error
from django.utils import timezone
from huey import crontab
from huey.contrib.djhuey import db_periodic_task

from dashboard.usage.history.values import floor_hour
from dashboard.usage.models import Tick
from dashboard.usage.polling.rounds import Round
from dashboard.usage.polling.thinning import take_turns, thin

SECONDS_A_TICK = 50
# The accounts that are left keep their turn: the next hour begins with them.
SECONDS_OF_THINNING = 600
log = logging.getLogger(__name__)


@db_periodic_task(crontab(minute="*"))
def poll_due() -> int:
    """Read the accounts that are due, for as long as a tick lasts; return how many."""
    return Round(timezone.now, SECONDS_A_TICK, settings.POLL_THREADS).run()


@db_periodic_task(crontab(minute="43"))
def thin_due() -> int:
    """Thin the readings of accounts whose turn it is, in one worker an hour; return how many."""
    began, count = timezone.now(), 0
    if not Tick.objects.claim("thin", at=floor_hour(began)):
        return 0
    for account in take_turns(at=began):
        try:
            thin(account, at=began)
            count += 1
        except Error as exc:
            log.error("readings of account %s were not thinned: %s", account.pk, type(exc).__name__)
        if (timezone.now() - began).total_seconds() > SECONDS_OF_THINNING:
            break
    return count
