"""An account's pages and the overview against the length of history, before and after thinning.

50 accounts read every 15 minutes for 24 months, and as many for one month; one each for 6 and 12.
Pages must cost the same for each. With `--quick` there are 5 accounts in place of 50.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

folder = tempfile.TemporaryDirectory(prefix="dashboard-bench-")
os.environ["DATA_DIR"] = folder.name
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
os.environ["ENCRYPTION_KEYS"] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ["LOG_LEVEL"] = "WARNING"

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from benchmarks.long_histories import accounts_of
from dashboard.keys.models import Account
from dashboard.teams.models import Membership, Role, Team, User
from dashboard.usage.history import queries
from dashboard.usage.models import Snapshot
from dashboard.usage.polling.thinning import hours_from, thin

MONTHS = (1, 6, 12, 24)
ROUNDS = 9
# The accounts that are looked at are thinned first; the others as far as the time allows.
THIN_SECONDS = 300
ZONE = "Asia/Kolkata"
PAGES = (
    "",
    "this-cycle.json",
    "cycles.json",
    "months.json",
    "days/",
    "days.json",
    "days.json?span=30",
    "days.json?span=90",
    "days.json?span=48",
    "compare/",
    "compare.json",
    "compare.json?last=12",
)
PAST = ("this-cycle.json", "days.json")


@dataclass(frozen=True)
class Look:
    """A team with accounts of one length of history; the first is looked at."""

    team: Team
    account: Account
    client: Client

    def address(self, page: str) -> str:
        """Return where a page of the account is; "overview" is the team's."""
        if page.startswith("overview"):
            return f"/teams/{self.team.slug}/{page.removeprefix('overview')}"
        where = f"/teams/{self.team.slug}/accounts/{self.account.pk}/"
        if page.endswith("?cycle=oldest"):
            oldest = self.account.cycles.oldest_first()[0]
            page = f"{page.split('?')[0]}?cycle={int(oldest.start_at.timestamp())}-{oldest.kind}"
        return f"{where}{page}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.history", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 accounts in place of 50")
    accounts = 5 if parser.parse_args().quick else 50
    call_command("setup", verbosity=0, stdout=open(os.devnull, "w"))
    began, at = time.perf_counter(), timezone.now().replace(microsecond=0)
    looks = filled(accounts, at=at)
    count = Snapshot.objects.count()
    print(f"{count:,} readings in {time.perf_counter() - began:.0f} s", flush=True)
    report("before thinning", looks)
    thin_all(looks, at=at)
    report("after thinning", looks)
    a_year(looks[24].account, at=at)
    folder.cleanup()


def filled(accounts: int, *, at: datetime) -> dict[int, Look]:
    """Write the histories, without waiting for the disk, and sign in once for each length."""
    owner = User.objects.create(email="bench@example.com")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA synchronous = OFF")
        cursor.execute("PRAGMA cache_size = -500000")
    looks = {}
    for months in MONTHS:
        team = Team.objects.create(name=f"{months} months", slug=f"m{months}", time_zone=ZONE)
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        names = [f"A{n:02}" for n in range(accounts if months in (MONTHS[0], MONTHS[-1]) else 1)]
        made = accounts_of(team, names, months=months, at=at)
        client = Client(SERVER_NAME="127.0.0.1")
        client.force_login(owner)
        looks[months] = Look(team, made[0], client)
    # The next connection has the settings of the site again.
    connection.close()
    return looks


def report(title: str, looks: Mapping[int, Look]) -> None:
    """Print the median CPU milliseconds and queries of each page for each length of history."""
    head = "".join(f"{months:>10} mo" for months in looks)
    print(f"\n{title:34}{head}     24/1   24/6   wall ms at 24", flush=True)
    ends = {months: looks[months] for months in (MONTHS[0], MONTHS[-1])}
    row("overview", ends)
    for page in PAGES:
        row(page, looks)
    for page in PAST:
        row(f"{page}?cycle=oldest", looks)


def row(page: str, looks: Mapping[int, Look]) -> None:
    """Visit a page of each in turns, and print a line."""
    addresses = {months: look.address(page) for months, look in looks.items()}
    cpu: dict[int, list[float]] = {months: [] for months in looks}
    wall: list[float] = []
    for _ in range(ROUNDS):
        for months, look in looks.items():
            began, taken = time.perf_counter(), time.process_time()
            assert look.client.get(addresses[months]).status_code == 200
            cpu[months].append((time.process_time() - taken) * 1000)
            if months == MONTHS[-1]:
                wall.append((time.perf_counter() - began) * 1000)
    line = f"{page or 'account page':34}"
    for months in MONTHS:
        if months not in looks:
            line += " " * 13
            continue
        with CaptureQueriesContext(connection) as queries:
            looks[months].client.get(addresses[months])
        line += f"{statistics.median(cpu[months]):9.1f} ({len(queries)})".rjust(13)
    last = statistics.median(cpu[MONTHS[-1]])
    ratios = [last / statistics.median(cpu[one]) if one in cpu else None for one in MONTHS[:2]]
    told = "".join(f"{ratio:7.2f}" if ratio else " " * 7 for ratio in ratios)
    print(f"{line}  {told}   {statistics.median(wall):8.1f}", flush=True)


def thin_all(looks: Mapping[int, Look], *, at: datetime) -> None:
    """Thin the accounts that are looked at, then the others, and print what it took."""
    print()
    for months, look in looks.items():
        print(f"{months:3} months: {thinned(look.account, at=at)}", flush=True)
    began, count = time.perf_counter(), 0
    for account in Account.objects.filter(thinning=None):
        thin(account, at=at)
        count += 1
        if time.perf_counter() - began > THIN_SECONDS:
            break
    took, left = time.perf_counter() - began, Account.objects.filter(thinning=None).count()
    print(f"{count} more in {took:.0f} s; {left} were left as they are")
    print(f"{Snapshot.objects.count():,} readings left")


def thinned(account: Account, *, at: datetime) -> str:
    before = account.snapshots.count()
    began, taken = time.perf_counter(), time.process_time()
    with timed_transactions() as lengths:
        thin(account, at=at)
    cpu, wall = time.process_time() - taken, time.perf_counter() - began
    gone = before - account.snapshots.count()
    held = f"longest transaction {max(lengths) * 1000:.0f} ms of {len(lengths)}"
    return f"{before:,} readings, {gone:,} deleted, {cpu:.1f} s CPU, {wall:.1f} s; {held}"


@contextmanager
def timed_transactions() -> Iterator[list[float]]:
    """List how long each transaction holds SQLite's lock for writing, in seconds."""
    lengths: list[float] = []
    begun: list[float] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("BEGIN"):
            found = execute(sql, params, many, context)
            begun.append(time.perf_counter())
            return found
        if begun and connection.in_atomic_block:
            transaction.on_commit(partial(note, begun.pop()))
        return execute(sql, params, many, context)

    def note(began: float) -> None:
        lengths.append(time.perf_counter() - began)

    with connection.execute_wrapper(wrapper):
        yield lengths


def a_year(account: Account, *, at: datetime) -> None:
    """Print what the longest range costs that the API answers, in UTC and outside of it."""
    for zone in ("UTC", ZONE):
        taken = []
        for _ in range(ROUNDS):
            began = time.process_time()
            ask = account, at - timedelta(days=365), at, ZoneInfo(zone)
            queries.days(*ask, hours_from=hours_from(at))
            taken.append((time.process_time() - began) * 1000)
        print(f"days of a year, {zone}: {statistics.median(taken):.1f} ms CPU")


if __name__ == "__main__":
    main()
