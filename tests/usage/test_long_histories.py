"""A page costs the same whatever the length of history, before and after thinning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.keys.models import Account
from dashboard.usage.models import CalendarMonth, Cycle, Snapshot
from dashboard.usage.polling.thinning import thin
from tests.conftest import add_key
from tests.usage.conftest import START

DAY, MONTH, EVERY = timedelta(days=1), timedelta(days=30), timedelta(hours=2)
AT = START + 12 * DAY + timedelta(minutes=7)
MONTHS = (4, 24)
# Besides the session, the person, and the membership with its team.
ALWAYS = 3
# The questions of each page.
PAGES = {
    "": 6,  # One of them asks whether keys can be opened at all.
    "this-cycle.json": 4,
    "cycles.json": 3,
    "months.json": 3,
    "days/": 4,
    "days.json": 4,
    "days.json?span=30": 4,
    "days.json?span=90": 4,
    "days.json?span=48": 4,
    "days.json?day=2026-11-10": 4,
    "compare/": 4,
    "compare.json": 4,
    "compare.json?last=3": 4,
}


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(AT, tick=False):
        yield


def written(account: Account, months: int) -> Account:
    """Write so many closed cycles with their readings, and the running one."""
    rows, first = [], START - months * MONTH
    for number in range(months + 1):
        window, used = first + number * MONTH, 0
        for step in range(MONTH // EVERY):
            at, used = window + step * EVERY, used + 2 + step % 3
            if at < AT:
                rows.append(reading(account, at, used, window))
        cycle(account, window, used)
    Snapshot.objects.bulk_create(rows, batch_size=500)
    CalendarMonth.objects.bulk_create(
        CalendarMonth(account=account, year=2025, month=n, asked_at=AT) for n in range(1, 13)
    )
    return account


def reading(account: Account, at: datetime, used: int, window: datetime, **more) -> Snapshot:
    facts = {
        "mode": "current",
        "outcome": "ok",
        "query": "expand=billing_cycle",
        "membership": "Premium-20000",
        "included_credits": 18500,
        "remaining_included_credits": 18500 - used,
        "prepaid_credits": 2000,
        "app_usage": used,
        "api_usage": 0,
        "period_start_at": window,
        "period_end_at": window + MONTH,
        "synced": True,
        "kind": "stripe",
        **more,
    }
    return Snapshot(account=account, asked_at=at, **facts)


def cycle(account: Account, window: datetime, used: int) -> Cycle:
    return Cycle.objects.create(
        account=account,
        kind="stripe",
        start_at=window,
        end_at=window + MONTH,
        app_usage=used,
        api_usage=0,
        asked_at=min(AT, window + MONTH + EVERY),
        first_seen_at=window,
    )


@pytest.fixture
def histories(acme, account) -> dict[int, Account]:
    """A short and a long history, with a key each."""
    other = Account.objects.create(team=acme, label="Long")
    found = {MONTHS[0]: written(account, MONTHS[0]), MONTHS[1]: written(other, MONTHS[1])}
    for months, each in found.items():
        add_key(each, f"sandbox-long-{months}", f"Key {months}")
    return found


@pytest.fixture(params=["before", "after"])
def thinned(request, histories) -> dict[int, Account]:
    """Both histories, before and after they are thinned."""
    if request.param == "after":
        assert thin(histories[MONTHS[1]], at=AT) > 200
    return histories


@pytest.fixture
def visit(client, victor) -> Callable:
    client.force_login(victor)
    client.get("/teams/acme/")

    def ask(account: Account, page: str):
        answer = client.get(f"/teams/acme/accounts/{account.pk}/{page}")
        assert answer.status_code == 200
        return answer

    return ask


def test_pages_ask_the_same_few_questions_of_any_history_and_each_once(thinned, visit):
    asked: dict[str, list[int]] = {page: [] for page in PAGES}
    for account in thinned.values():
        for page, counts in asked.items():
            with CaptureQueriesContext(connection) as queries:
                visit(account, page)
            said = [one["sql"] for one in queries]
            counts.append(len(said) - ALWAYS)

            assert len(said) == len(set(said)), page
            assert sum('FROM "usage_cycle"' in one for one in said) <= 1, page

    assert asked == {page: [most] * len(MONTHS) for page, most in PAGES.items()}


@contextmanager
def steps() -> Iterator[list[int]]:
    """Count the steps of SQLite's machine, in tens: each row that it looks at takes several."""
    taken = [0]

    def count() -> int:
        taken[0] += 1
        return 0

    connection.ensure_connection()
    connection.connection.set_progress_handler(count, 10)
    yield taken
    connection.connection.set_progress_handler(None, 0)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="It counts SQLite's steps.")
def test_the_database_works_no_more_for_a_long_history(thinned, visit):
    work: dict[str, list[int]] = {page: [] for page in PAGES}
    for account in thinned.values():
        for page, taken in work.items():
            with steps() as counted:
                visit(account, page)
            taken += counted

    for page, (short, long) in work.items():
        # 20 cycles more are listed, with a dozen columns each.
        assert long <= short + 200, (page, short, long)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="It counts SQLite's steps.")
def test_a_listed_cycle_that_was_never_read_is_not_looked_for_in_all_history(histories, visit):
    work = []
    for account in histories.values():
        oldest = account.cycles.order_by("start_at")[0]
        cycle(account, oldest.start_at - 2 * MONTH, 500)
        key = f"{int((oldest.start_at - 2 * MONTH).timestamp())}-stripe"
        with steps() as counted:
            visit(account, f"days.json?cycle={key}")
        work += counted

    assert work[1] <= work[0] + 200
