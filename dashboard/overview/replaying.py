"""The past of a demo's account: read again at each of its moments, as if the team had been there.

The sandbox's test clock lets the account answer as of a moment, so that readings come through the
poller and not through a side door. What the sandbox says of a cycle today is the truth: only plan
and prepaid credits, of which it keeps no history, were others for a while, and are put back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from django.conf import settings

from dashboard.keys.models import Account
from dashboard.teams.models import Team, User
from dashboard.usage.add_keys import add_key
from dashboard.usage.history.values import HOUR, floor_hour
from dashboard.usage.polling.ask import PollTurn, finish, poll
from dashboard.usage.polling.thinning import thin

CYCLES_BEFORE = 3
# Read at hours of the clock, so that no use lies over a midnight and is shared out. Six hours are
# no gap between days; the last days are read often enough to tell their hours.
EVERY, EVERY_BEFORE, EVERY_LATELY, LATELY = 3, 6, 1, timedelta(hours=50)
TIMEOUT = 10
NAMES = {
    "membership": "membership",
    "included_credits": "credits",
    "prepaid_credits": "prepaidCredits",
}


@dataclass(frozen=True)
class Earlier:
    """What an account had until so long after a renewal, so many cycles ago."""

    cycles: int
    after: timedelta
    values: dict[str, int | str]


# Credits were bought; a plan became too small and was changed at a renewal.
EARLIER = {
    "sandbox-premium": Earlier(1, timedelta(days=25), {"prepaid_credits": 1_000}),
    "sandbox-calendar": Earlier(
        1, timedelta(), {"membership": "Premium-4000", "included_credits": 4_000}
    ),
}


@dataclass(frozen=True)
class Upstream:
    """The sandbox's answers and switches for one of its keys; each raises requests' errors."""

    secret: str
    session: requests.Session = field(default_factory=requests.Session)

    def starts(self, count: int) -> list[datetime]:
        """Return when the last cycles began, the running one last: unused, it is not listed yet."""
        listed = self._ask(listBillingCycles="1")["billingCycles"]
        running = self._ask(expand="billing_cycle")["billingCycle"]
        known = sorted({one["periodStartUnix"] for one in (*listed, running)})
        return [datetime.fromtimestamp(one, UTC) for one in known[-count:]]

    def values(self) -> dict[str, Any]:
        """Return the plan and the prepaid credits of today, as `change` takes them."""
        answer = self._ask()
        return {ours: answer[theirs] for ours, theirs in NAMES.items()}

    def change(self, values: dict[str, Any]) -> None:
        """Set plan or prepaid credits."""
        self._put("accounts", values)

    def set_clock(self, moment: datetime | None) -> None:
        """Let the account answer as of a moment; None is real time again."""
        self._put("clock", {"now": None if moment is None else int(moment.timestamp())})

    def _ask(self, **query: str) -> Any:
        url = f"{settings.REMBG_SITE_URL}/api/membership-usage"
        key = {"x-api-key": self.secret}
        answer = self.session.get(url, params=query, headers=key, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer.json()

    def _put(self, switch: str, content: dict[str, Any]) -> None:
        url = f"{settings.REMBG_SITE_URL}/sandbox/{switch}"
        answer = self.session.put(url, json={"key": self.secret, **content}, timeout=TIMEOUT)
        answer.raise_for_status()


def replay(team: Team, label: str, secret: str, *, by: User, at: datetime) -> Account:
    """Add a key as of some cycles ago, read its account through them, and thin what is old."""
    upstream = Upstream(secret)
    today, starts = upstream.values(), upstream.starts(CYCLES_BEFORE + 1)
    earlier = EARLIER[secret]
    until = starts[-1 - earlier.cycles] + earlier.after
    first, *others = moments(starts, at=at)
    try:
        upstream.set_clock(first)
        upstream.change(earlier.values)
        account = add_key(
            team, label=f"{label} key", secret=secret, account_label=label, by=by, at=first
        ).account
        _read(account, upstream, [one for one in others if one < until])
        upstream.change(today)
        _read(account, upstream, [one for one in others if one >= until])
    finally:
        upstream.change(today)
        upstream.set_clock(None)
    poll(account, at=at)
    thin(account, at=at)
    return account


def _read(account: Account, upstream: Upstream, then: Sequence[datetime]) -> None:
    for moment in then:
        upstream.set_clock(moment)
        # Without a look ahead: only the newest one is ever seen, and it needs no other.
        finish(PollTurn(account, moment).steps())


def moments(starts: Sequence[datetime], *, at: datetime) -> list[datetime]:
    """Return when an account is read before `at`: every few hours, and at each renewal.

    The cycles before are read so long after theirs as it is now, for they are compared with it.
    """
    now = at - starts[-1]
    return sorted({*starts, *(start + now for start in starts[:-1]), *_hours(starts, at=at)})


def _hours(starts: Sequence[datetime], *, at: datetime) -> Iterator[datetime]:
    moment = floor_hour(starts[0]) + HOUR
    while moment < at:
        every = EVERY if moment >= starts[-1] else EVERY_BEFORE
        if moment.hour % (EVERY_LATELY if at - moment < LATELY else every) == 0:
            yield moment
        moment += HOUR
