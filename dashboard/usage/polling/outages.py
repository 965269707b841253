"""While RemBG answers nobody: seen by asking one account a minute, ended for all at once.

All of it is told from the accounts' rows, so that every worker sees the same (promises R2).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max

from dashboard.keys.breakers import SITE
from dashboard.keys.models import Account
from dashboard.rembg.address import base_of
from dashboard.usage.models import Tick
from dashboard.usage.polling import schedule
from dashboard.usage.polling.schedule import Due

SCOUT, RECOVERED = "scout", "recovered"
# A turn is two requests at most, and a host that has just come back gets 20 a second at most.
RECOVERED_A_SECOND = 10


def silence(*, at: datetime) -> tuple[datetime | None, datetime | None]:
    """Return when the last account fell silent, and when RemBG last said anything (1 query)."""
    found = Account.objects.active().aggregate(silent=Max("silent_since"), said=Max("answered_at"))
    return found["silent"], found["said"]


def scout(*, at: datetime) -> Due | None:
    """Claim one account ahead of its time, once a minute, while nobody is answered; or None.

    One that was answered last goes first: whether the others' silence is theirs alone shows so.
    """
    silent, said = silence(at=at)
    is_down = silent is not None and (said is None or said < silent)
    minute = at.replace(second=0, microsecond=0)
    if not (is_down or is_open()) or not Tick.objects.claim(SCOUT, at=minute):
        return None
    hopeful = F("silent_since").asc(nulls_first=True)
    accounts = schedule.readable().order_by(hopeful, "next_poll_at", "pk")
    for one in schedule.askable(accounts, at=at, limit=1):
        if schedule.claim(one.account, at=at):
            return one
    return None


def recover(*, at: datetime) -> int:
    """Once RemBG is back, let those that were silent be read soon; return how many.

    Each outage ends once, whoever sees it. An account that stays silent goes back to its own pace.
    """
    silent, said = silence(at=at)
    held = SITE.held(_host())
    if silent is None or said is None or said < silent or () in held:
        return 0
    before = Tick.objects.filter(name=RECOVERED).aggregate(at=Max("at"))["at"]
    teams = [int(owner[0]) for owner in held if len(owner) == 1]
    waiting = schedule.readable().exclude(silent_since=None).exclude(team__in=teams)
    if before is not None:
        waiting = waiting.filter(silent_since__gt=before)
    accounts = list(waiting.order_by("next_poll_at").values_list("pk", flat=True))
    if not accounts or not Tick.objects.claim(RECOVERED, at=silent):
        return 0
    return _bring_forward(accounts, at)


def is_open() -> bool:
    """Say whether RemBG is not asked for all, or for all of a team, at the moment (F28)."""
    return any(len(owner) <= 1 for owner in SITE.held(_host()))


def _host() -> str:
    return base_of(settings.REMBG_SITE_URL)


def _bring_forward(waiting: list[UUID], at: datetime) -> int:
    """Plan so many a second, unless their own plan is sooner."""
    with transaction.atomic():
        for number in range(0, len(waiting), RECOVERED_A_SECOND):
            pks = waiting[number : number + RECOVERED_A_SECOND]
            moment = at + timedelta(seconds=number // RECOVERED_A_SECOND)
            later = Account.objects.filter(pk__in=pks, next_poll_at__gt=moment)
            later.update(next_poll_at=moment)
    return len(waiting)
