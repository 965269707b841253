"""Hours and days for a page against the length of history, before and after roll-up.

One account read every 15 minutes for 1, 6, 12 and 24 months. A page must cost the same for each:
what it asks for is a range. The whole year by days is the longest range that a page offers.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="dashboard-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
os.environ["ENCRYPTION_KEYS"] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ["LOG_LEVEL"] = "WARNING"

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.keys.models import Account
from dashboard.teams.models import Team
from dashboard.usage import rolling
from dashboard.usage.history import asking
from dashboard.usage.history.values import Course
from dashboard.usage.models import Cycle, Snapshot, UsageSpan

MONTHS = (1, 6, 12, 24)
NOW = datetime(2026, 11, 20, 12, 7, tzinfo=UTC)
DAY, EVERY, WINDOW = timedelta(days=1), timedelta(minutes=15), timedelta(days=30)
ROUNDS = 9
ISTANBUL, KOLKATA = ZoneInfo("Europe/Istanbul"), ZoneInfo("Asia/Kolkata")
Asking = Callable[[Account], Course]
PAGES: dict[str, Asking] = {
    "hours of 2 days": lambda one: asking.hours(one, NOW - 2 * DAY, NOW),
    "hours of a week": lambda one: asking.hours(one, NOW - 7 * DAY, NOW),
    "days of 30, UTC": lambda one: asking.days(one, NOW - 30 * DAY, NOW, ZoneInfo("UTC")),
    "days of 30, Istanbul": lambda one: asking.days(one, NOW - 30 * DAY, NOW, ISTANBUL),
    "days of 30, Kolkata": lambda one: asking.days(one, NOW - 30 * DAY, NOW, KOLKATA),
}
LONG: dict[str, Asking] = {
    "days of a year, UTC": lambda one: asking.days(one, NOW - 365 * DAY, NOW, ZoneInfo("UTC")),
    "days of a year, Istanbul": lambda one: asking.days(one, NOW - 365 * DAY, NOW, ISTANBUL),
}


def main() -> None:
    months = [int(one) for one in sys.argv[1:]] or MONTHS
    call_command("setup", verbosity=0, stdout=open(os.devnull, "w"))
    team = Team.objects.create(name="Bench", slug="bench")
    read = {count: account_with(team, count) for count in months}
    print(f"{Snapshot.objects.count():,} readings of {len(read)} accounts")
    report("before roll-up", read, PAGES)
    for count, account in read.items():
        began = time.perf_counter()
        rolling.tidy(account, at=NOW)
        print(f"{count:3} months rolled up in {time.perf_counter() - began:.1f} s")
    print(f"{Snapshot.objects.count():,} readings left, {UsageSpan.objects.count():,} rows")
    report("after roll-up", read, PAGES | LONG)


def report(title: str, read: dict[int, Account], pages: dict[str, Asking]) -> None:
    """Print the median milliseconds of each page for each length of history, and the ratio."""
    print(f"\n{title:26}" + "".join(f"{count:>7} mo" for count in read) + "    longest/shortest")
    for name, ask in pages.items():
        medians = [milliseconds(ask, account) for account in read.values()]
        with CaptureQueriesContext(connection) as queries:
            ask(next(reversed(read.values())))
        line = "".join(f"{median:10.1f}" for median in medians)
        ratio = medians[-1] / medians[0]
        print(f"{name:26}{line} ms  {ratio:.2f} ×  {len(queries)} queries")


def milliseconds(ask: Asking, account: Account) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ask(account)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1000


def account_with(team: Team, months: int) -> Account:
    """Write so many months of readings as the poller leaves them, with a closed cycle for each."""
    account = Account.objects.create(team=team, label=f"{months} months")
    start = NOW - WINDOW * months
    for number in range(months):
        window = start + WINDOW * number
        Snapshot.objects.bulk_create(readings(account, window), batch_size=500)
        Cycle.objects.create(
            account=account,
            kind="stripe",
            start_at=window,
            end_at=window + WINDOW,
            app_usage=2879,
            api_usage=5760,
            asked_at=min(NOW, window + WINDOW + timedelta(minutes=1)),
            first_seen_at=window,
        )
    return account


def readings(account: Account, window: datetime) -> list[Snapshot]:
    return [
        Snapshot(
            account=account,
            mode="current",
            outcome="ok",
            asked_at=window + EVERY * number,
            query="expand=billing_cycle",
            raw="x" * 400,
            membership="Premium-20000",
            included_credits=18500,
            prepaid_credits=2000,
            app_usage=number,
            api_usage=2 * number,
            remaining_included_credits=18500 - 3 * number,
            period_start_at=window,
            period_end_at=window + WINDOW,
            synced=True,
            kind="stripe",
        )
        for number in range(WINDOW // EVERY)
    ]


if __name__ == "__main__":
    main()
