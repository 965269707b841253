"""What a key of the sandbox stands for: an account and perhaps a fault."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

from dashboard.sandbox import errors
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
# A moment of a subscription: so many days after the start of a cycle, which is counted from the
# one that ran when the account was first seen.
Point = tuple[int, int]


@dataclass(frozen=True)
class Plan:
    """What an account pays for: the label, and the credits that each window includes."""

    membership: str
    included: int


@dataclass(frozen=True)
class Upgrade:
    """Another plan, so many seconds after the account was first seen; the renewal moves there."""

    after: int
    plan: Plan


@dataclass(frozen=True)
class Profile:
    """A kind of account: what it starts with, and how it is billed."""

    plan: Plan
    prepaid: int
    kind: str = STRIPE
    seconds_before: int = 0
    shape: Shape | None = None
    unused: tuple[int, ...] = ()
    fall_backs: tuple[tuple[Point, Point], ...] = ()
    upgrades: tuple[Upgrade, ...] = ()
    late: int = 0
    stale: bool = False

    def anchor(self, seen_at: int) -> Anchor:
        """What renewals follow before the first upgrade."""
        return Anchor(seen_at - self.seconds_before)

    def begins_at(self, seen_at: int) -> int:
        """When the account's history begins, Unix seconds."""
        if self.shape is None:
            return seen_at
        if self.kind == CALENDAR:
            return months_back(seen_at, self.shape.months).start
        # While a webhook is late the window before still counts, and the history knows none.
        return self.anchor(seen_at).start(-self.shape.months) + self.late

    def history(self, name: str, seen_at: int) -> History:
        if self.shape is None:
            return NOTHING
        anchor = self.anchor(seen_at)
        unused = tuple(anchor.window(number) for number in self.unused)
        return make(name, self.shape, self.begins_at(seen_at), seen_at, unused)

    def plan_at(self, seen_at: int, at: int) -> Plan:
        """The plan at a moment, as far as nobody set another."""
        plans = [each.plan for each in self.upgrades if seen_at + each.after <= at]
        return plans[-1] if plans else self.plan

    def epochs(self, seen_at: int) -> tuple[Epoch, ...]:
        """The times in which windows of one kind and anchor counted, oldest first."""
        anchor = self.anchor(seen_at)
        turns = [(ALWAYS[0], self.kind, anchor)]
        for lost, found in self.fall_backs:
            turns.append((_moment(anchor, lost), CALENDAR, anchor))
            turns.append((_moment(anchor, found), STRIPE, anchor))
        moments = [seen_at + each.after for each in self.upgrades]
        turns += [(moment, STRIPE, Anchor(moment)) for moment in moments]
        turns.append((ALWAYS[1], *turns[-1][1:]))
        return tuple(
            Epoch(start, end, kind, anchor, self.late, upgraded=following != anchor)
            for (start, kind, anchor), (end, _, following) in pairwise(turns)
        )


def _moment(anchor: Anchor, point: Point) -> int:
    cycle, days = point
    return anchor.start(cycle) + days * DAY


PREMIUM_20000 = Plan("Premium-20000", 18_500)
FRESH = Profile(PREMIUM_20000, 2_000)
PROFILES = {
    "sandbox-free": Profile(
        Plan("Free", 50), 0, kind=CALENDAR, shape=Shape(monthly=22, months=2, api_share=0.4)
    ),
    "sandbox-premium": Profile(
        PREMIUM_20000,
        2_000,
        seconds_before=15 * DAY + 4_127,
        shape=Shape(monthly=16_700, months=13, campaign=0.5),
    ),
    "sandbox-calendar": Profile(
        Plan("Premium-5000", 5_000),
        500,
        kind=CALENDAR,
        shape=Shape(monthly=4_100, months=13, api_share=0.6, campaign=0.3),
    ),
    "sandbox-switch": Profile(
        Plan("Premium-10000", 9_500),
        1_200,
        seconds_before=11 * DAY + 20_011,
        shape=Shape(monthly=7_900, months=13, api_share=0.8, first_level=0.7),
        # Some last over several renewals, some lie within a cycle and cut it in two.
        fall_backs=(
            ((-6, 9), (-3, 12)),
            ((-2, 6), (-2, 22)),
            ((3, 8), (3, 21)),
            ((6, 9), (9, 12)),
        ),
    ),
    "sandbox-idle": Profile(
        Plan("Premium-5000", 5_000),
        800,
        seconds_before=13 * DAY + 8_765,
        shape=Shape(monthly=3_900, months=13, api_share=0.65, first_level=0.8),
        unused=(-10, -7, -6, -5, -2, 2, 5, 6, 10, 11, 12),
    ),
    "sandbox-late": Profile(
        Plan("Premium-5000", 5_000),
        600,
        seconds_before=9 * DAY + 31_234,
        shape=Shape(monthly=4_000, months=13),
        late=DAY,
    ),
    "sandbox-upgrade": Profile(
        Plan("Premium-5000", 5_000),
        1_000,
        seconds_before=19 * DAY + 12_345,
        shape=Shape(monthly=5_800, months=13, first_level=0.5),
        # Each is more than four days from both ends of its cycle, however long months are.
        upgrades=(
            Upgrade(-250 * DAY + 7_411, Plan("Premium-10000", 9_500)),
            Upgrade(-75 * DAY - 3_222, PREMIUM_20000),
            Upgrade(40 * DAY + 15_333, Plan("Premium-50000", 46_000)),
            Upgrade(260 * DAY - 9_444, Plan("Premium-100000", 92_000)),
        ),
    ),
    "sandbox-stale": Profile(
        Plan("Premium-10000", 9_500),
        700,
        seconds_before=17 * DAY + 2_468,
        shape=Shape(monthly=8_100, months=13, first_level=0.7),
        stale=True,
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
    if match is None or match[1] not in (*errors.TABLE, *FAULTS):
        return None
    return Key(text, text, match[1])
