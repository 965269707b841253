"""A round of readings: many accounts, an upstream that thinks 200 ms, one process.

`python -m benchmarks.poller [ACCOUNTS]`: 300 unless said otherwise, 10000 is wanted. Accounts
are as in the middle of use: cycles and months are known, the last reading is 15 minutes old, so
that a turn is one request. Forecasts are measured apart, for one in four readings has one.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="dashboard-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
os.environ["ENCRYPTION_KEYS"] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ["LOG_LEVEL"] = "WARNING"
PORT = 8417
os.environ["REMBG_SITE_URL"] = os.environ["REMBG_API_URL"] = f"http://127.0.0.1:{PORT}"

import django
import requests

django.setup()

from django.conf import settings
from django.core.management import call_command
from django.db.models import F
from django.utils import timezone

from dashboard.keys.encryption import ring
from dashboard.keys.models import Account, ApiKey
from dashboard.teams.models import Team
from dashboard.usage.models import AccountOutlook, CalendarMonth, Cycle, Snapshot
from dashboard.usage.outlook import look_ahead
from dashboard.usage.polling.rounds import Round
from dashboard.usage.windows import months_before

THINK = 200  # milliseconds
ACCOUNTS, A_TEAM, ROUNDS = 300, 50, 3
QUARTER, CYCLE = timedelta(minutes=15), timedelta(days=30)
FORECASTS, READINGS = 20, 1440


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS
    call_command("setup", verbosity=0, stdout=open(os.devnull, "w"))
    with upstream():
        ask("/think/0")
        made = accounts(count)
        Round(timezone.now, 3600, settings.POLL_THREADS).run()
        ask(f"/think/{THINK}")
        found = [measured(count) for _ in range(ROUNDS if count <= 1000 else 1)]
    for seconds, processor, sent in found:
        share, each = processor / seconds, processor / count * 1000
        print(
            f"{count:,} accounts, {settings.POLL_THREADS} at a time: {seconds:.1f} s, "
            f"{count / seconds:.0f} a second; processor {processor:.1f} s = {share:.0%} of a core, "
            f"{each:.1f} ms an account; {sent / count:.2f} requests an account"
        )
    each = statistics.median(processor / count for _, processor, _ in found)
    print(f"10,000 accounts a period of 15 minutes: {each * 10_000 / 900:.0%} of a core")
    ahead = forecasts(made[:FORECASTS])
    print(
        f"a forecast: {ahead * 1000:.1f} ms of a processor (half a cycle of readings); "
        f"10,000 accounts once an hour: {ahead * 10_000 / 3600:.0%} of a core"
    )


def measured(count: int) -> tuple[float, float, int]:
    """Let a quarter of an hour pass, and read all; return seconds, processor seconds, requests."""
    Snapshot.objects.update(asked_at=F("asked_at") - QUARTER)
    AccountOutlook.objects.update(as_of=timezone.now())
    Account.objects.update(next_poll_at=timezone.now())
    asked, good = ask("/count"), Snapshot.objects.good().count()
    wall, processor = time.perf_counter(), time.process_time()
    done = Round(timezone.now, 3600, settings.POLL_THREADS).run()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    assert done == count, f"{done} of {count} were read"
    assert Snapshot.objects.good().count() - good == count, "a reading failed"
    return wall, processor, ask("/count") - asked


def accounts(count: int) -> list[Account]:
    """Make accounts with a key, the last 12 cycles and months, and nothing due but a reading."""
    now = timezone.now()
    teams = [Team(name=f"Team {n}", slug=f"team-{n}") for n in range(-(-count // A_TEAM))]
    teams = Team.objects.bulk_create(teams)
    made = Account.objects.bulk_create(
        Account(
            team=teams[number // A_TEAM],
            label=f"Account {number}",
            next_poll_at=now,
            cycles_due_at=now + timedelta(days=2),
        )
        for number in range(count)
    )
    keys = [ApiKey(team=one.team, account=one, label=one.label) for one in made]
    keys[0].seal("bench-key-0")
    for number, key in enumerate(keys):
        sealed = ring().seal(f"bench-key-{number}", place=key.place)
        key.kid, key.blob, key.hint = sealed.kid, sealed.blob, "0000"
    ApiKey.objects.bulk_create(keys)
    counters = {"app_usage": 100, "api_usage": 200, "asked_at": now}
    CalendarMonth.objects.bulk_create(
        CalendarMonth(account=one, year=month.year, month=month.month, **counters)
        for one in made
        for month in months_before(now, 12)
    )
    first = datetime(2025, 1, 1, tzinfo=UTC)
    Cycle.objects.bulk_create(
        Cycle(
            account=one,
            kind="stripe",
            start_at=first + CYCLE * nth + timedelta(seconds=number),
            end_at=first + CYCLE * (nth + 1) + timedelta(seconds=number),
            told_end_at=first + CYCLE * (nth + 1) + timedelta(seconds=number),
            first_seen_at=now,
            **counters,
        )
        for number, one in enumerate(made)
        for nth in range(10)
    )
    return made


def forecasts(some: list[Account]) -> float:
    """Return the processor seconds of one forecast, the median of accounts in mid-cycle."""
    taken = []
    for account in some:
        newest = account.snapshots.good().newest_first().first()
        start = newest.asked_at - QUARTER * READINGS
        Snapshot.objects.bulk_create(
            Snapshot(
                account=account,
                mode="current",
                outcome="ok",
                asked_at=start + QUARTER * number,
                app_usage=number,
                api_usage=2 * number,
                included_credits=18500,
                remaining_included_credits=18500 - 3 * number,
                prepaid_credits=2000,
                period_start_at=start,
                period_end_at=start + CYCLE,
                synced=True,
                kind="stripe",
            )
            for number in range(READINGS)
        )
        last = account.snapshots.good().filter(period_start_at=start).newest_first().first()
        AccountOutlook.objects.filter(account=account).delete()
        began = time.process_time()
        look_ahead(account, last)
        taken.append(time.process_time() - began)
    return statistics.median(taken)


class upstream:
    """The stand-in for RemBG, a process of its own."""

    def __enter__(self) -> None:
        answer = Path(os.environ["DATA_DIR"]) / "answer"
        answer.write_bytes(b"")
        command = [sys.executable, "-m", "benchmarks.upstream", str(PORT), str(answer)]
        self.process = subprocess.Popen(command)
        for _ in range(100):
            try:
                ask("/count")
                return
            except requests.ConnectionError:
                time.sleep(0.1)

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()


def ask(path: str) -> int:
    return int(requests.get(f"http://127.0.0.1:{PORT}{path}", timeout=5).text)


if __name__ == "__main__":
    main()
