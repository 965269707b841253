"""The worker's deed: claim the next removal, fairly, and do it."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from dashboard.removals import failpoints, sending
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
