"""How an account is billed: Stripe's cycles, which follow an anchor, or UTC calendar months."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise

from dashboard.sandbox.history import NOTHING, History, Shape, make

STRIPE, CALENDAR = "stripe", "calendar"
DAY = 86_400
# The moments that a clock may show: 1970 to 2100, so that no month leaves datetime's range.
LAST_MOMENT = 4_102_444_800
# A moment of a subscription: so many days after the start of a cycle, which is counted from the
# one that ran when the account was first seen.
Point = tuple[int, int]


@dataclass(frozen=True, order=True)
class Window:
    """A billing window `[start, end)` in Unix seconds."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Schedule:
    """When an account renews: at the anchor's day and time of each month.

    A month without that day renews on its last one, and the next returns to the anchor's day
    (Stripe, "Billing cycle anchor"). Windows are numbered from the anchor, whose own is 0.
    """

    anchor: int
    kind: str = STRIPE

    def start(self, number: int) -> int:
        """When a window begins."""
        first = datetime.fromtimestamp(self.anchor, UTC)
        year, index = divmod(first.year * 12 + first.month - 1 + number, 12)
        day = min(first.day, monthrange(year, index + 1)[1])
        return int(first.replace(year=year, month=index + 1, day=day).timestamp())

    def number_at(self, at: int) -> int:
        """Which window holds this moment."""
        first, moment = (datetime.fromtimestamp(each, UTC) for each in (self.anchor, at))
        number = (moment.year - first.year) * 12 + moment.month - first.month
        return number if self.start(number) <= at else number - 1

    def window(self, number: int) -> Window:
        return Window(self.start(number), self.start(number + 1), self.kind)

    def window_at(self, at: int) -> Window:
        return self.window(self.number_at(at))


MONTHS = Schedule(0, CALENDAR)


def month(year: int, number: int) -> Window:
    """A UTC calendar month of the years 1 to 9999, the last of which has no next one."""
    start = int(datetime(year, number, 1, tzinfo=UTC).timestamp())
    return Window(start, start + monthrange(year, number)[1] * DAY, CALENDAR)


@dataclass(frozen=True)
class Plan:
    """What an account pays for: the label, and the credits that each window includes."""

    membership: str
    included: int


@dataclass(frozen=True)
class Profile:
    """A kind of account: what it starts with, and how it is billed.

    The subscription began `seconds_before` the account was first seen; None: calendar months. An
    upgrade is another plan, so many seconds after that; the renewal moves there. A renewal's
    webhook comes `late` seconds after it, and the old window counts until then.
    """

    plan: Plan
    prepaid: int
    seconds_before: int | None = 0
    shape: Shape | None = None
    unused: tuple[int, ...] = ()
    fall_backs: tuple[tuple[Point, Point], ...] = ()
    upgrades: tuple[tuple[int, Plan], ...] = ()
    late: int = 0
    stale: bool = False

    def first_schedule(self, seen_at: int) -> Schedule:
        """What renewals follow before the first upgrade; window 0 is that of `seen_at`."""
        if self.seconds_before is None:
            return Schedule(MONTHS.window_at(seen_at).start, CALENDAR)
        return Schedule(seen_at - self.seconds_before)

    def begins_at(self, seen_at: int) -> int:
        """When the account's history begins, Unix seconds."""
        if self.shape is None:
            return seen_at
        # While a webhook is late the window before still counts, and the history knows none.
        return self.first_schedule(seen_at).start(-self.shape.months) + self.late

    def history(self, name: str, seen_at: int) -> History:
        if self.shape is None:
            return NOTHING
        windows = map(self.first_schedule(seen_at).window, self.unused)
        unused = tuple((window.start, window.end) for window in windows)
        return make(name, self.shape, self.begins_at(seen_at), seen_at, unused)

    def plan_at(self, seen_at: int, at: int) -> Plan:
        """The plan at a moment, as far as nobody set another."""
        plans = [plan for after, plan in self.upgrades if seen_at + after <= at]
        return plans[-1] if plans else self.plan

    def schedules(self, seen_at: int) -> list[tuple[int, Schedule]]:
        """Which schedule counts from which moment, oldest first."""
        stripe = self.first_schedule(seen_at)
        found = [(0, stripe)]
        for points in self.fall_backs:
            for schedule, (cycle, days) in zip((MONTHS, stripe), points, strict=True):
                found.append((stripe.start(cycle) + days * DAY, schedule))
        moments = [seen_at + after for after, _ in self.upgrades]
        return found + [(moment, Schedule(moment)) for moment in moments]

    def schedule_at(self, seen_at: int, at: int) -> Schedule:
        return [schedule for start, schedule in self.schedules(seen_at) if start <= at][-1]

    def spans(self, seen_at: int, first: int, last: int) -> Iterator[tuple[Window, range]]:
        """Each window that counted in `[first, last]`, with the seconds; as known at `last`."""
        schedules = self.schedules(seen_at)
        end_of_time = (2 * LAST_MOMENT, schedules[-1][1])
        for (start, schedule), (end, following) in pairwise([*schedules, end_of_time]):
            moment = max(first, start)
            while moment <= last and moment < end:
                window = schedule.window_at(moment - self.late)
                until = min(window.end + self.late, end)
                # From one of Stripe's to another: an upgrade ends the window that ran as well.
                if end <= last and schedule.kind == following.kind:
                    window = replace(window, end=min(window.end, end))
                yield window, range(moment, until)
                moment = until
