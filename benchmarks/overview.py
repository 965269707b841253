"""The overview of a team with 50 accounts × 36 cycles and a year of readings (README.md).

Beside it, in turns: the health check, the smallest page of a signed-in person, a team with one
account, and fifty accounts with a hundredth of the history. `--quick` leaves the long year out.
Asked is the WSGI application itself, with everything that a request passes through in it.
"""

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="dashboard-bench-")
os.mkdir(os.path.join(os.environ["DATA_DIR"], "static"))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
os.environ["ENCRYPTION_KEYS"] = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
os.environ["LOG_LEVEL"] = "WARNING"

from dashboard.wsgi import application

# isort: split
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.keys.models import Account, ApiKey
from dashboard.removals.models import Charged, Removal, State
from dashboard.teams.models import Membership, Role, Team, User
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.outlook import look_ahead

ACCOUNTS, CYCLES, READINGS = 50, 36, 365 * 96
ROUNDS, WARM = 60, 4
PLANS = (1500, 6000, 18500, 40000)
QUARTER = timedelta(minutes=15)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.overview", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    call_command("setup", verbosity=0, stdout=open(os.devnull, "w"))
    owner = User.objects.create(email="bench@example.com")
    team_with(owner, "one", accounts=1, cycles=2, readings=READINGS // 100)
    team_with(owner, "small", accounts=ACCOUNTS, cycles=2, readings=READINGS // 100)
    pages = {"health check": "/healthz", "list of teams": "/teams/", "one account": "/teams/one/"}
    pages["50 accounts, 3.6 days"] = "/teams/small/"
    if not quick:
        team_with(owner, "large", accounts=ACCOUNTS, cycles=CYCLES, readings=READINGS)
        pages["50 accounts, a year"] = "/teams/large/"
    print(f"{Snapshot.objects.count():,} readings, {Cycle.objects.count():,} cycles")
    report(pages, owner)


def report(pages: dict[str, str], owner: User) -> None:
    """Ask each page in turns; print queries, and milliseconds of the wall's and our own time."""
    cookies = {name: signed_in(owner) for name in pages}
    wall, ours = defaultdict(list), defaultdict(list)
    for turn in range(WARM + ROUNDS):
        for name, path in pages.items():
            began, worked = time.perf_counter(), time.process_time()
            ask(path, cookies[name])
            if turn >= WARM:
                wall[name].append((time.perf_counter() - began) * 1000)
                ours[name].append((time.process_time() - worked) * 1000)
    print(f"{'':24}queries    bytes   CPU ms: median   best   wall ms: median   best")
    for name, path in pages.items():
        with CaptureQueriesContext(connection) as queries:
            body = ask(path, cookies[name])
        print(
            f"{name:24}{len(queries):7}{len(body):9,}{statistics.median(ours[name]):17.1f}"
            f"{min(ours[name]):7.1f}{statistics.median(wall[name]):18.1f}{min(wall[name]):7.1f}"
        )
    *_, small, last = pages
    if last != "50 accounts, 3.6 days":
        ratio = statistics.median(ours[last]) / statistics.median(ours[small])
        print(f"a year against 3.6 days of readings: {ratio:.2f} × the CPU time")
    print(f"load {os.getloadavg()[0]:.1f}")


def signed_in(owner: User) -> str:
    """Return the cookie of a browser of its own: a session notes its last team when it changes."""
    client = Client()
    client.force_login(owner)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def ask(path: str, cookie: str) -> bytes:
    """Ask as a web server does, and read the whole answer."""
    answer: list[str] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "text/html",
        "HTTP_ACCEPT_LANGUAGE": "en-GB,en;q=0.9",
        "HTTP_COOKIE": cookie,
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(),
        "wsgi.errors": sys.stderr,
    }

    def start(status: str, _headers: Any, _error: Any = None) -> None:
        answer.append(status)

    pieces = application(environ, start)
    body = b"".join(pieces)
    pieces.close()
    assert answer == ["200 OK"], answer
    return body


def team_with(owner: User, slug: str, *, accounts: int, cycles: int, readings: int) -> Team:
    """Write a team's rows as the poller leaves them: no two accounts say the same."""
    now = timezone.now()
    team = Team.objects.create(name=slug, slug=slug, time_zone="Europe/Istanbul")
    Membership.objects.create(team=team, user=owner, role=Role.OWNER)
    for number in range(accounts):
        account = Account.objects.create(team=team, label=f"Account {number}")
        key = ApiKey(team=team, account=account, label=f"Key {number}")
        key.seal(f"bench-{slug}-{number}")
        key.save()
        write_history(account, random.Random(number), cycles=cycles, readings=readings, at=now)
    for number in range(6):
        write_removal(team, owner, at=now - timedelta(minutes=9 * number))
    return team


def write_history(
    account: Account, draw: random.Random, *, cycles: int, readings: int, at: datetime
) -> None:
    """Write cycles, the readings of the running one, those of the past, and the outlook."""
    start = at - timedelta(days=draw.uniform(4, 27))
    plan, prepaid = draw.choice(PLANS), draw.choice((0, 40, 2000, 12345))
    # Some use their plan up before the renewal, most do not.
    rate = draw.uniform(0.1, 1.1) * plan / 30
    Cycle.objects.bulk_create(
        Cycle(
            account=account,
            kind="stripe",
            start_at=start - timedelta(days=30 * back),
            end_at=start - timedelta(days=30 * (back - 1)),
            app_usage=plan // 4,
            api_usage=plan // 3,
            asked_at=at,
            first_seen_at=at,
        )
        for back in range(cycles)
    )
    running = min(readings, (at - start) // QUARTER)
    found = [
        reading(account, start, plan, prepaid, rate, at - timedelta(minutes=3) - QUARTER * back)
        for back in range(running)
    ]
    Snapshot.objects.bulk_create(found)
    multiply(found[-1], readings - running)
    look_ahead(account, found[0])


def reading(
    account: Account, start: datetime, plan: int, prepaid: int, rate: float, at: datetime
) -> Snapshot:
    """Return what the poller reads at a moment of a cycle that uses `rate` credits a day."""
    used = int(rate * max(timedelta(), at - start) / timedelta(days=1))
    return Snapshot(
        account=account,
        mode="current",
        outcome="ok",
        asked_at=at,
        query="expand=billing_cycle",
        raw="x" * 400,
        membership=f"Premium-{plan}",
        included_credits=plan,
        prepaid_credits=prepaid,
        app_usage=used // 3,
        api_usage=used - used // 3,
        remaining_included_credits=max(0, plan - used),
        period_start_at=start,
        period_end_at=start + timedelta(days=30),
        synced=True,
        kind="stripe",
    )


def multiply(first: Snapshot, count: int) -> None:
    """Copy a reading back through time, one for each quarter of an hour, in SQL."""
    fields = [field.column for field in Snapshot._meta.concrete_fields]
    values = {
        "id": "lower(hex(randomblob(16)))",
        "asked_at": "strftime('%Y-%m-%d %H:%M:%f000', asked_at, (-15 * n) || ' minutes')",
    }
    chosen = ", ".join(values.get(name, name) for name in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE back(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM back WHERE n < %s) "
            f"INSERT INTO usage_snapshot ({', '.join(fields)}) "
            f"SELECT {chosen} FROM usage_snapshot, back WHERE usage_snapshot.id = %s",
            [max(1, count), first.pk.hex],
        )


def write_removal(team: Team, by: User, *, at: datetime) -> None:
    Removal.objects.create(
        team=team,
        user=by,
        member=str(by),
        nonce=uuid.uuid4().hex,
        filename="shoe.png",
        picture_type="image/png",
        picture_bytes=20_000,
        width=1200,
        height=800,
        parameters={"format": "png"},
        state=State.DONE,
        charged=Charged.YES,
        result="results/shoe.png",
        thumbnail="results/shoe.webp",
        queued_at=at,
        not_before_at=at,
        keep_until=at + timedelta(days=30),
    )


if __name__ == "__main__":
    main()
