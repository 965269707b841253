"""Accounts that were read every 15 minutes for months, as the poller leaves their rows.

One account's readings are written by a recursion in SQL and copied to the others there: 3.5 million
in a few minutes. `raw` is short, so that the file stays small; no page that is measured reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection

from dashboard.keys.models import Account, ApiKey
from dashboard.teams.models import Team
from dashboard.usage.models import CalendarMonth, Cycle, Snapshot

WINDOW, EVERY = timedelta(days=30), timedelta(minutes=15)
A_WINDOW = WINDOW // EVERY
# How far the running window has come; its counters say how many readings that were.
RUNNING = timedelta(days=12, hours=7)
APP, API, INCLUDED, PREPAID = 1, 2, 18500, 4000
STAMP = "%Y-%m-%d %H:%M:%S"
NUMBERED = """
    WITH RECURSIVE readings(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM readings WHERE n + 1 < %s),
    counted AS (SELECT n, n %% {a_window} AS k, n / {a_window} AS w FROM readings)
    INSERT INTO usage_snapshot ({columns}) SELECT {values} FROM counted
"""
COPIED = """
    INSERT INTO usage_snapshot ({columns})
    SELECT {values} FROM usage_snapshot WHERE account_id = %s AND asked_at >= %s
"""
NEW_ID = "lower(hex(randomblob(16)))"


def accounts_of(team: Team, names: Sequence[str], *, months: int, at: datetime) -> list[Account]:
    """Write accounts with so many closed cycles of 30 days each, and one that runs."""
    made = []
    for name in names:
        account = Account.objects.create(team=team, label=name)
        key = ApiKey(team=team, account=account, label=name, accepted_at=at)
        key.seal(f"bench-{team.slug}-{name}")
        key.save()
        made.append(account)
        starts = [at - RUNNING - WINDOW * back for back in range(months + 1)]
        Cycle.objects.bulk_create(_cycle(account, start, at=at) for start in starts)
        CalendarMonth.objects.bulk_create(_months(account, months, at=at))
        if len(made) == 1:
            _write_readings(account, starts[-1], until=at)
        else:
            _copy_readings(made[0], account, since=starts[-1])
    return made


def _cycle(account: Account, start: datetime, *, at: datetime) -> Cycle:
    read = min(A_WINDOW, (at - start) // EVERY) - 1
    return Cycle(
        account=account,
        kind="stripe",
        start_at=start,
        end_at=start + WINDOW,
        app_usage=APP * read,
        api_usage=API * read,
        included_credits=INCLUDED,
        asked_at=min(at, start + WINDOW + timedelta(minutes=1)),
        first_seen_at=start,
    )


def _months(account: Account, count: int, *, at: datetime) -> list[CalendarMonth]:
    numbers = [at.year * 12 + at.month - 1 - back for back in range(count)]
    return [
        CalendarMonth(
            account=account,
            year=number // 12,
            month=number % 12 + 1,
            app_usage=2976,
            api_usage=5952,
            asked_at=at,
        )
        for number in numbers
    ]


def _write_readings(account: Account, start: datetime, *, until: datetime) -> None:
    at = start.strftime(STAMP)
    values = {
        "id": NEW_ID,
        "account_id": f"'{account.pk.hex}'",
        "mode": "'current'",
        "outcome": "'ok'",
        # Polls are jittered.
        "asked_at": f"datetime('{at}', (n * 900 + n * 7919 %% 41) || ' seconds')",
        "query": "'expand=billing_cycle'",
        "status": "200",
        "problems": "'[]'",
        "raw": "'{}'",
        "error": "''",
        "message": "''",
        "membership": "'Premium-20000'",
        "included_credits": str(INCLUDED),
        # A top-up at each renewal.
        "prepaid_credits": f"{PREPAID} - k",
        "used_included_credits": f"k * {APP + API}",
        "remaining_included_credits": f"{INCLUDED} - k * {APP + API}",
        "app_usage": f"k * {APP}",
        "api_usage": f"k * {API}",
        "period_start_at": f"datetime('{at}', (w * 30) || ' days')",
        "period_end_at": f"datetime('{at}', ((w + 1) * 30) || ' days')",
        "synced": "1",
        "kind": "'stripe'",
    }
    words = {"a_window": A_WINDOW, "columns": ", ".join(values)}
    with connection.cursor() as cursor:
        sql = NUMBERED.format(**words, values=", ".join(values.values()))
        cursor.execute(sql, [(until - start) // EVERY])


def _copy_readings(one: Account, other: Account, *, since: datetime) -> None:
    columns = [field.column for field in Snapshot._meta.concrete_fields]
    changed = {"id": NEW_ID, "account_id": f"'{other.pk.hex}'"}
    values = ", ".join(changed.get(name, name) for name in columns)
    with connection.cursor() as cursor:
        sql = COPIED.format(columns=", ".join(columns), values=values)
        cursor.execute(sql, [one.pk.hex, since.strftime(STAMP)])
