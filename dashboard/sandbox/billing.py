"""Billing windows: Stripe's cycles, which follow an anchor, and UTC calendar months."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

STRIPE, CALENDAR = "stripe", "calendar"
DAY = 86_400
# The moments that a clock may show: 1970 to 2100, so that no month leaves datetime's range.
LAST_MOMENT = 4_102_444_800


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
class Epoch:
    """A time `[start, end)` in which an account was billed by one schedule.

    A renewal's webhook comes `late` seconds after it, and the old window counts until then. With
    `upgraded` the epoch ends by an upgrade, which ends the window that ran as well.
    """

    start: int
    end: int
    schedule: Schedule
    late: int = 0
    upgraded: bool = False

    def counting_at(self, at: int) -> Window:
        """The window that counts what is used at this moment; its end may have passed."""
        return self.schedule.window_at(at - self.late)

    def spans(self, first: int, last: int) -> Iterator[tuple[Window, range]]:
        """Each window that counted in `[first, last]`, with the seconds that it counted."""
        moment = max(first, self.start)
        while moment <= last and moment < self.end:
            window = self.counting_at(moment)
            end = min(window.end + self.late, self.end)
            if self.upgraded and self.end <= last:
                window = replace(window, end=min(window.end, self.end))
            yield window, range(moment, end)
            moment = end
