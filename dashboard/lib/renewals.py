"""When a subscription renews, and calendar months and days in UTC.

A renewal is on the same day and time of each period, or on a short month's last day.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

# No month is so long, and no year so short.
BETWEEN = timedelta(days=200)


def months_in(start: datetime, end: datetime) -> int:
    """Return how many months a subscription's period has: 1, or 12 for a year."""
    return 12 if end - start > BETWEEN else 1


def anchor_day(start: datetime, renewals: Iterable[datetime]) -> int:
    """Return the day of the month that a subscription renews on, 1 to 31.

    One of the 31st renews on the last day of a shorter month and returns to the 31st (Stripe,
    "Billing cycle anchor"): of renewals at the same time of day the latest day tells it.
    """
    alike = (one for one in renewals if one.time() == start.time())
    days = (
        one.day for one in alike if min(one.day, _last_day(start.year, start.month)) == start.day
    )
    return max([start.day, *days])


def renewal_after(start: datetime, *, months: int, day: int) -> datetime:
    """Return the renewal so many months after the one at `start`, for this day of the month."""
    year, index = divmod(start.year * 12 + start.month - 1 + months, 12)
    return start.replace(year=year, month=index + 1, day=min(day, _last_day(year, index + 1)))


def end_of_day(moment: datetime) -> datetime:
    """Return the next 00:00 UTC."""
    return _midnight(moment) + timedelta(days=1)


def month_start(moment: datetime) -> datetime:
    """Return the first moment of the UTC calendar month."""
    return _midnight(moment).replace(day=1)


def next_month(moment: datetime) -> datetime:
    """Return the first moment of the next UTC calendar month."""
    return renewal_after(month_start(moment), months=1, day=1)


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _last_day(year: int, month: int) -> int:
    return monthrange(year, month)[1]
