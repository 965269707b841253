"""The accounts of the sandbox, and what a key stands for: an account and perhaps a fault."""

import re
from dataclasses import dataclass

from dashboard.sandbox import errors
from dashboard.sandbox.billing import DAY, Plan, Profile
from dashboard.sandbox.history import Shape

NAME = re.compile(r"sandbox-[A-Za-z0-9_.-]{1,80}", re.ASCII)
FAULT = re.compile(r"sandbox-fault-([a-z_]+)(-[A-Za-z0-9_.-]{1,40})?", re.ASCII)
FAULTS = ("degraded", "slow", "reset", "truncated", "html", "garbage", "redirect", "flaky")
PREMIUM_5000, PREMIUM_10000 = Plan("Premium-5000", 5_000), Plan("Premium-10000", 9_500)
PREMIUM_20000 = Plan("Premium-20000", 18_500)
FRESH = Profile(PREMIUM_20000, 2_000)
PROFILES = {
    "sandbox-free": Profile(Plan("Free", 50), 0, None, Shape(22, 2, api_share=0.4)),
    "sandbox-premium": Profile(
        PREMIUM_20000, 2_000, 15 * DAY + 4_127, Shape(16_700, 13, campaign=0.5)
    ),
    "sandbox-calendar": Profile(
        PREMIUM_5000, 500, None, Shape(4_100, 13, api_share=0.6, campaign=0.3)
    ),
    "sandbox-switch": Profile(
        PREMIUM_10000,
        1_200,
        11 * DAY + 20_011,
        Shape(7_900, 13, api_share=0.8, first_level=0.7),
        # Some last over several renewals, some lie within a cycle and cut it in two.
        fall_backs=(((-6, 9), (-3, 12)), ((-2, 6), (-2, 22)), ((3, 8), (3, 21)), ((6, 9), (9, 12))),
    ),
    "sandbox-idle": Profile(
        PREMIUM_5000,
        800,
        13 * DAY + 8_765,
        Shape(3_900, 13, api_share=0.65, first_level=0.8),
        unused=(-10, -7, -6, -5, -2, 2, 5, 6, 10, 11, 12),
    ),
    "sandbox-late": Profile(PREMIUM_5000, 600, 9 * DAY + 31_234, Shape(4_000, 13), late=DAY),
    "sandbox-upgrade": Profile(
        PREMIUM_5000,
        1_000,
        19 * DAY + 12_345,
        Shape(5_800, 13, first_level=0.5),
        # Each is more than four days from both ends of its cycle, however long months are.
        upgrades=(
            (-250 * DAY + 7_411, PREMIUM_10000),
            (-75 * DAY - 3_222, PREMIUM_20000),
            (40 * DAY + 15_333, Plan("Premium-50000", 46_000)),
            (260 * DAY - 9_444, Plan("Premium-100000", 92_000)),
        ),
    ),
    "sandbox-stale": Profile(
        PREMIUM_10000, 700, 17 * DAY + 2_468, Shape(8_100, 13, first_level=0.7), stale=True
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


def read(text: object) -> Key:
    """What this key stands for; raises Refusal for one that RemBG would not know."""
    if isinstance(text, str) and NAME.fullmatch(text):
        if not text.startswith("sandbox-fault-"):
            return Key(text, SAME_ACCOUNT.get(text, text))
        match = FAULT.fullmatch(text)
        if match and match[1] in (*errors.TABLE, *FAULTS):
            return Key(text, text, match[1])
    raise errors.row("bad_key")
