"""What a key of the sandbox stands for: an account and perhaps a fault."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dashboard.sandbox import messages
from dashboard.sandbox.calendar import (
    CALENDAR,
    DAY,
    LAST_MOMENT,
    STRIPE,
    Anchor,
    Epoch,
    months_back,
)
from dashboard.sandbox.history import NOTHING, History, Shape, make

NAME = re.compile(r"sandbox-[A-Za-z0-9_.-]{1,80}", re.ASCII)
FAULT = re.compile(r"sandbox-fault-([a-z_]+)(-[A-Za-z0-9_.-]{1,40})?", re.ASCII)
DEGRADED, SLOW, RESET, TRUNCATED = "degraded", "slow", "reset", "truncated"
HTML, GARBAGE, REDIRECT, FLAKY = "html", "garbage", "redirect", "flaky"
FAULTS = (DEGRADED, SLOW, RESET, TRUNCATED, HTML, GARBAGE, REDIRECT, FLAKY)
ALWAYS = 0, LAST_MOMENT * 2


@dataclass(frozen=True)
class Profile:
    """A kind of account: what it starts with, and how it is billed."""

    membership: str
    included: int
    prepaid: int
    kind: str = STRIPE
    switches: bool = False
    seconds_before: int = 0
    shape: Shape | None = None

    def anchor(self, seen_at: int) -> Anchor:
        return Anchor(seen_at - self.seconds_before)

    def begins_at(self, seen_at: int) -> int:
        """When the account's history begins, Unix seconds."""
        if self.shape is None:
            return seen_at
        if self.kind == CALENDAR:
            return months_back(seen_at, self.shape.months).start
        return self.anchor(seen_at).start(-self.shape.months)

    def history(self, name: str, seen_at: int) -> History:
        if self.shape is None:
            return NOTHING
        return make(name, self.shape, self.begins_at(seen_at), seen_at)

    def epochs(self, seen_at: int) -> tuple[Epoch, ...]:
        """The times in which each kind of window counted, oldest first."""
        anchor = self.anchor(seen_at)
        if not self.switches:
            return (Epoch(*ALWAYS, self.kind, anchor),)
        lost, found = anchor.start(-6) + 9 * DAY, anchor.start(-3) + 12 * DAY
        return (
            Epoch(ALWAYS[0], lost, STRIPE, anchor),
            Epoch(lost, found, CALENDAR, anchor),
            Epoch(found, ALWAYS[1], STRIPE, anchor),
        )


PREMIUM = Shape(monthly=16_700, months=13, campaign=0.5)
FRESH = Profile("Premium-20000", 18_500, 2_000)
PROFILES = {
    "sandbox-free": Profile(
        "Free", 50, 0, kind=CALENDAR, shape=Shape(monthly=22, months=2, api_share=0.4)
    ),
    "sandbox-premium": Profile(
        "Premium-20000", 18_500, 2_000, seconds_before=15 * DAY + 4_127, shape=PREMIUM
    ),
    "sandbox-calendar": Profile(
        "Premium-5000",
        5_000,
        500,
        kind=CALENDAR,
        shape=Shape(monthly=4_100, months=13, api_share=0.6, campaign=0.3),
    ),
    "sandbox-switch": Profile(
        "Premium-10000",
        9_500,
        1_200,
        switches=True,
        seconds_before=11 * DAY + 20_011,
        shape=Shape(monthly=7_900, months=13, api_share=0.8, first_level=0.7),
    ),
}
SAME_ACCOUNT = {"sandbox-premium-2": "sandbox-premium"}


@dataclass(frozen=True)
class Key:
    """A key that the sandbox knows: whose it is, and the fault it asks for (empty: none)."""

    text: str
    account: str
    fault: str = ""

    @property
    def profile(self) -> Profile:
        return PROFILES.get(self.account, FRESH)


def read(text: str) -> Key | None:
    """What this key stands for; None for a key that RemBG would not know."""
    if not NAME.fullmatch(text):
        return None
    if not text.startswith("sandbox-fault-"):
        return Key(text, SAME_ACCOUNT.get(text, text))
    match = FAULT.fullmatch(text)
    if match is None or match[1] not in (*messages.TABLE, *FAULTS):
        return None
    return Key(text, text, match[1])
