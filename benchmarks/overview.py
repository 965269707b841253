"""The overview of a team with 50 accounts × 36 cycles and a year of readings (DESIGN 7).

Beside it, in the same run, the same page with a hundredth of the history: the two must cost alike.
"""

import os
import statistics
import tempfile
import time
from datetime import timedelta

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="dashboard-bench-")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
os.environ["ENCRYPTION_KEYS"] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ["LOG_LEVEL"] = "WARNING"

import django

django.setup()

from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.keys.models import Account, ApiKey
from dashboard.teams.models import Membership, Role, Team, User
from dashboard.usage.models import Cycle, Snapshot

ACCOUNTS, CYCLES, READINGS = 50, 36, 365 * 96
ROUNDS = 40


def main() -> None:
    call_command("setup", verbosity=0, stdout=open(os.devnull, "w"))
    owner = User.objects.create(email="bench@example.com")
    small = team_with(owner, "small", readings=READINGS // 100, cycles=2)
    large = team_with(owner, "large", readings=READINGS, cycles=CYCLES)
    print(f"{Snapshot.objects.count():,} readings, {Cycle.objects.count():,} cycles")
    clients = {team.slug: signed_in(owner) for team in (small, large)}
    times: dict[str, list[float]] = {slug: [] for slug in clients}
    for _ in range(ROUNDS):
        for slug, taken in times.items():
            taken.append(visit(clients[slug], slug))
    medians = {slug: statistics.median(taken[3:]) * 1000 for slug, taken in times.items()}
    for slug, milliseconds in medians.items():
        with CaptureQueriesContext(connection) as queries:
            visit(clients[slug], slug)
        print(f"{slug}: {len(queries)} queries, {milliseconds:.1f} ms server time (median)")
    print(f"a year against 3.6 days of readings: {medians['large'] / medians['small']:.2f} ×")


def signed_in(owner: User) -> Client:
    """Return a browser of its own: a session notes its last team, and writes when it changes."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(owner)
    return client


def visit(client: Client, slug: str) -> float:
    began = time.perf_counter()
    assert client.get(f"/teams/{slug}/").status_code == 200
    return time.perf_counter() - began


def team_with(owner: User, slug: str, *, readings: int, cycles: int) -> Team:
    """Write a team's rows as the poller leaves them; the readings are multiplied in SQL."""
    now = timezone.now()
    team = Team.objects.create(name=slug, slug=slug)
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    for number in range(ACCOUNTS):
        account = Account.objects.create(team=team, label=f"Account {number}")
        key = ApiKey(team=team, account=account, label=f"Key {number}")
        key.seal(f"bench-{slug}-{number}")
        key.save()
        Cycle.objects.bulk_create(
            Cycle(
                account=account,
                kind="stripe",
                start_at=now - timedelta(days=30 * back + 10),
                end_at=now - timedelta(days=30 * back - 20),
                app_usage=100,
                api_usage=200,
                asked_at=now,
                first_seen_at=now,
            )
            for back in range(cycles)
        )
        first = Snapshot.objects.create(
            account=account,
            mode="current",
            outcome="ok",
            asked_at=now,
            query="expand=billing_cycle",
            raw="x" * 400,
            membership="Premium-20000",
            included_credits=18500,
            prepaid_credits=2000,
            app_usage=100,
            api_usage=200,
            remaining_included_credits=18200,
            period_start_at=now - timedelta(days=10),
            period_end_at=now + timedelta(days=20),
            synced=True,
            kind="stripe",
        )
        multiply(first, readings)
    return team


def multiply(first: Snapshot, readings: int) -> None:
    """Copy a reading back through time, one for each quarter of an hour."""
    fields = [field.column for field in Snapshot._meta.concrete_fields]
    values = {
        "id": "lower(hex(randomblob(16)))",
        "asked_at": "strftime('%Y-%m-%d %H:%M:%f', asked_at, (-15 * n) || ' minutes')",
    }
    chosen = ", ".join(values.get(name, name) for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE back(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM back WHERE n < %s) "
            f"INSERT INTO usage_snapshot ({', '.join(fields)}) "
            f"SELECT {chosen} FROM usage_snapshot, back WHERE usage_snapshot.id = %s",
            [readings, first.pk.hex],
        )


if __name__ == "__main__":
    main()
