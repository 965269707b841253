"""The overview asks as much of the database for fifty accounts as for five, whatever their past."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.removals.models import Removal
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.standing import standings
from tests import conftest

URL = "/teams/acme/"
MOST = 12


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


def accounts_with_history(team, count: int, *, cycles: int = 1, readings: int = 1) -> None:
    """Write accounts with a past, as the poller leaves them."""
    now = timezone.now()
    for number in range(team.accounts.count(), team.accounts.count() + count):
        account = Account.objects.create(team=team, label=f"Account {number}")
        conftest.add_key(account, f"sandbox-{number}", label=f"Key {number}")
        Cycle.objects.bulk_create(
            Cycle(
                account=account,
                kind="stripe",
                start_at=now - timedelta(days=30 * (back + 1)),
                end_at=now - timedelta(days=30 * back),
                asked_at=now,
                first_seen_at=now,
            )
            for back in range(cycles)
        )
        Snapshot.objects.bulk_create(
            reading(account, now - timedelta(minutes=15 * back)) for back in range(readings)
        )


def reading(account, at, outcome="ok") -> Snapshot:
    return Snapshot(
        account=account,
        mode=Snapshot.Mode.CURRENT,
        outcome=outcome,
        asked_at=at,
        query="expand=billing_cycle",
        included_credits=100,
        prepaid_credits=1,
        remaining_included_credits=97,
    )


def removals(team, user, count: int) -> None:
    now = timezone.now()
    Removal.objects.bulk_create(
        Removal(
            team=team,
            user=user,
            member=str(user),
            nonce=uuid.uuid4().hex,
            filename="shoe.png",
            picture_type="image/png",
            picture_bytes=10,
            width=4,
            height=3,
            parameters={"format": "png"},
            queued_at=now,
            not_before_at=now,
            keep_until=now + timedelta(days=30),
        )
        for _ in range(count)
    )


def queries(client) -> int:
    with CaptureQueriesContext(connection) as asked:
        assert client.get(URL).status_code == 200
    return len(asked)


def test_fifty_accounts_cost_the_queries_of_five_and_at_most_twelve(as_alice, acme, alice):
    accounts_with_history(acme, 5)
    removals(acme, alice, 1)
    as_alice.get(URL)  # The first page of a session writes its team into it.
    few = queries(as_alice)
    accounts_with_history(acme, 45, cycles=3, readings=3)
    removals(acme, alice, 8)
    acme.api_keys.update(paused_at=timezone.now(), refusals=2, refusal="bad_key")

    assert queries(as_alice) == few <= MOST


# Tables that grow for ever, and an index of which a whole account's part would be walked through.
GROWING = ("SCAN usage_", "SCAN removals_", "usage_snapshot_account_id")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plans")
def test_no_query_of_the_overview_walks_through_the_history(as_alice, acme, alice):
    accounts_with_history(acme, 7, cycles=2, readings=2)
    removals(acme, alice, 2)
    as_alice.get(URL)
    with CaptureQueriesContext(connection) as asked:
        as_alice.get(URL)

    plans = [step for query in asked for step in plan_of(query["sql"])]

    assert [step for step in plans if any(name in step for name in GROWING)] == []
    assert "SEARCH U0 USING INDEX snapshot_account_newest (account_id=? AND mode=?)" in plans
    assert "SEARCH U0 USING INDEX snapshot_good_of_mode (account_id=? AND mode=?)" in plans


def plan_of(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        return [row[3] for row in cursor.fetchall()]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="counts steps of SQLite's machine")
def test_r2_a_long_failure_does_not_hide_the_last_good_reading_behind_it(acme):
    accounts_with_history(acme, 1)
    account, now = acme.accounts.get(), timezone.now()
    one_failed = steps_to_stand(acme, account, failed=[1])
    many_failed = steps_to_stand(acme, account, failed=range(2, 400))

    [standing] = standings(acme, at=now)

    assert (standing.remaining, standing.stale) == (97, True)
    assert many_failed < one_failed + 50


def steps_to_stand(team, account, *, failed) -> int:
    """Add failed readings after the good one; return how many steps SQLite's machine then takes."""
    now, steps = timezone.now(), 0
    Snapshot.objects.bulk_create(
        reading(account, now + timedelta(minutes=15 * turn), "failed") for turn in failed
    )

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    connection.connection.set_progress_handler(count, 1)
    standings(team, at=now)
    connection.connection.set_progress_handler(None, 0)
    return steps
