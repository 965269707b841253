"""When an account is read: once, soon after its renewal, later after failures, never in bursts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.rembg.usage import Month
from dashboard.usage import tasks
from dashboard.usage.models import CalendarMonth, Snapshot
from dashboard.usage.polling import schedule
from dashboard.usage.polling.ask import poll
from tests.conftest import add_key
from tests.usage.conftest import END, MADE, START, Answer, listed, usage

AT = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
PERIOD = timedelta(seconds=900)


def due(at: datetime) -> list[Account]:
    found = [one.account for one in schedule.due(at=at, limit=100)]
    return [one for one in found if schedule.claim(one, at=at)]


def test_a_due_account_is_claimed_once(key, account):
    assert due(AT) == [account]

    assert due(AT) == []
    account.refresh_from_db()
    assert PERIOD * 0.9 <= account.next_poll_at - AT <= PERIOD * 1.1


@pytest.mark.django_db(transaction=True)
def test_four_workers_claim_each_account_once(acme):
    for number in range(20):
        account = Account.objects.create(team=acme, label=f"A{number}", next_poll_at=MADE)
        add_key(account, f"secret-key-{number}", f"K{number}")

    def work(_: int) -> list[Account]:
        try:
            return due(AT)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        claimed = [account.pk for found in pool.map(work, range(4)) for account in found]

    assert len(claimed) == len(set(claimed)) == 20


def test_a_claim_made_while_an_answer_is_on_its_way_stands(key, account):
    asked = Account.objects.get(pk=account.pk)
    elsewhere = AT + timedelta(hours=7)
    Account.objects.filter(pk=account.pk).update(next_poll_at=elsewhere)

    schedule.settle(asked, Snapshot(outcome="ok", asked_at=AT), at=AT, not_before=AT)

    account.refresh_from_db()
    assert account.next_poll_at == elsewhere
    assert (account.answered_at, account.failed_polls) == (AT, 0)


def test_an_account_without_a_key_or_archived_is_not_read(key, account, acme):
    Account.objects.create(team=acme, label="No key", next_poll_at=MADE)
    key.archive(at=AT)

    assert due(AT) == []


def test_r14_a_clock_that_jumps_makes_neither_a_burst_nor_a_long_silence(key, account):
    assert len(due(AT)) == 1
    ahead = AT + timedelta(hours=1)
    assert [len(due(ahead)), len(due(ahead))] == [1, 0]

    back = AT - timedelta(days=1)

    assert [len(due(back)), len(due(back))] == [1, 0]


@given(st.uuids(), st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.integers(0, 40))  # noqa: DTZ001
def test_jitter_stays_within_a_tenth_and_back_off_within_an_hour(pk, moment, failed):
    wait = schedule.interval(failed)
    jittered = schedule.jittered(Account(pk=pk), wait, at=moment.replace(tzinfo=UTC))

    assert PERIOD <= wait <= timedelta(hours=1)
    assert wait * 0.9 <= jittered <= wait * 1.1


def test_failures_put_the_next_reading_off_and_a_good_one_ends_that(wire, key, account):
    at = AT
    wire.always(b"", status=500)
    waits = []
    for _ in range(5):
        account.refresh_from_db()
        poll(account, at=at)
        account.refresh_from_db()
        waits.append(account.next_poll_at - at)
        at = account.next_poll_at
    wire.always(usage())

    poll(account, at=at)

    assert waits[0] < PERIOD * 1.11 and PERIOD * 1.7 < waits[1] < PERIOD * 2.3
    assert all(timedelta(minutes=54) <= wait <= timedelta(minutes=66) for wait in waits[2:])
    account.refresh_from_db()
    assert account.failed_polls == 0 and account.next_poll_at - at < PERIOD * 1.11


def test_the_next_reading_and_list_come_right_after_the_renewal(wire, key, account):
    at = END - timedelta(minutes=6)
    wire.by_mode(current=usage(), cycles=listed((START, END, 4200, 5100)))

    poll(account, at=at)

    account.refresh_from_db()
    assert END + timedelta(seconds=20) <= account.next_poll_at <= END + timedelta(minutes=1)
    assert account.cycles_due_at == END


def test_the_list_is_read_once_a_day(wire, key, account):
    wire.by_mode(current=usage(), cycles=listed((START, END, 1, 1)))

    poll(account, at=AT)

    account.refresh_from_db()
    assert timedelta(hours=21) < account.cycles_due_at - AT < timedelta(hours=27)


def test_a_month_is_read_once_more_after_it_ended(account):
    for start in range(12):
        year, month = divmod(2025 * 12 + 11 + start, 12)
        asked_at = datetime(2026, 11, 18, tzinfo=UTC)
        CalendarMonth.objects.create(account=account, year=year, month=month + 1, asked_at=asked_at)
    assert schedule.month_due(account, at=AT) is None
    december = datetime(2026, 12, 1, 0, 10, tzinfo=UTC)

    first = schedule.month_due(account, at=december)
    CalendarMonth.objects.create(account=account, year=2026, month=12, asked_at=december)
    second = schedule.month_due(account, at=december)
    CalendarMonth.objects.filter(year=2026, month=11).update(asked_at=december)

    assert (first, second) == (Month(2026, 12), Month(2026, 11))
    assert schedule.month_due(account, at=december) is None


def test_a_month_that_cannot_be_read_is_left_alone_for_a_while(account):
    Snapshot.objects.create(
        account=account, mode="month", outcome="failed", asked_at=AT, query="year=2026&month=11"
    )

    assert schedule.month_due(account, at=AT) == Month(2026, 10)


def test_the_doorbell_reads_each_due_account_once(wire, key, account, acme):
    other = Account.objects.create(team=acme, label="Other", next_poll_at=MADE, cycles_due_at=MADE)
    add_key(other, "another-key", "Other")
    wire.say = lambda query, secret: (
        Answer(b"", 401) if secret == "another-key" else Answer(usage())
    )

    first, second = tasks.poll_due.call_local(), tasks.poll_due.call_local()

    assert (first, second) == (2, 0)
    assert {s.account_id: s.outcome for s in Snapshot.objects.filter(mode="current")} == {
        account.pk: "ok",
        other.pk: "failed",
    }
