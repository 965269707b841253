"""While RemBG is away: who is asked how often, how its return is seen, and how all come back.

Promises R2, R14, F28; with the clock turned, and every request counted where it arrives.
"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dashboard.keys.models import Account, ApiKey
from dashboard.usage import tasks
from dashboard.usage.models import CalendarMonth, Snapshot
from dashboard.usage.polling import outages, schedule
from dashboard.usage.polling.rounds import Pace, Round
from tests.conftest import NOON, WAIT, add_key
from tests.rembg.hostile import Line, http, refusal
from tests.usage.hours import MINUTE, Hour, Query, most_in_a_minute


def down(line: Line, query: Query) -> None:
    line.send(http(503, b""))


def hurried(line: Line, query: Query) -> None:
    line.send(refusal(429, "too quickly", Retry_After="900"))


def gone(line: Line, query: Query) -> None:
    """Close without an answer."""


def others(hour: Hour, count: int) -> list[Account]:
    """File more accounts, each read well just now."""
    made = []
    for number in range(count):
        account = Account.objects.create(
            team=hour.account.team,
            label=f"A{number}",
            next_poll_at=timezone.now() + timedelta(seconds=30),
            cycles_due_at=timezone.now() + timedelta(days=2),
            answered_at=timezone.now(),
        )
        add_key(account, f"other-{number}-secret", f"K{number}")
        made.append(account)
    return made


@pytest.mark.parametrize(
    ("fault", "most"),
    [
        pytest.param(down, 61, id="F22-503"),
        pytest.param(gone, 61, id="F5-closed"),
        pytest.param(hurried, 5, id="R3-F17-429"),
    ],
)
def test_r2_with_a_tick_each_minute_an_account_is_asked_twice_a_minute_at_most(hour, fault, most):
    hour.weather.asked.clear()

    hour.weather.fault = fault
    hour.pass_by(60, every=1)

    assert 2 <= len(hour.weather.asked) <= most
    assert hour.weather.most_in_a_minute() <= 2


def test_r2_the_first_good_reading_comes_within_a_minute_of_rembgs_return(hour):
    hour.weather.fault = down
    hour.pass_by(60, every=1)
    hour.weather.fault = None
    back = timezone.now()

    hour.pass_by(1, every=1)

    assert hour.last_good.asked_at - back <= MINUTE


# The threads that ask write down what they hold back.
@pytest.mark.django_db(transaction=True)
def test_f28_r2_an_open_breaker_lets_two_requests_a_minute_through(hour):
    others(hour, 21)
    hour.pass_by(1, every=1)
    Account.objects.update(next_poll_at=timezone.now() + MINUTE)
    hour.weather.asked.clear()

    hour.weather.fault = down
    hour.pass_by(60, every=1)

    times = [at for at, _ in hour.weather.asked]
    assert outages.is_open()
    assert Counter(times)[times[0]] == 20
    assert most_in_a_minute(times[20:]) <= 2
    for key in {key for _, key in hour.weather.asked}:
        assert most_in_a_minute([at for at, by in hour.weather.asked if by == key]) <= 2
    hour.weather.fault = None
    recovered_at = timezone.now()
    hour.pass_by(1, every=1)
    assert Snapshot.objects.good().latest("asked_at").asked_at - recovered_at <= MINUTE
    hour.pass_by(19, every=1)
    assert not outages.is_open()
    assert not Account.objects.filter(silent_since__isnull=False).exists()


def test_one_account_in_trouble_is_no_outage_and_keeps_its_own_pace(hour):
    """It is asked ahead of its time once, when the next account shows that RemBG is there."""
    other = others(hour, 1)[0]
    secret = "other-0-secret"
    hour.pass_by(20)
    hour.weather.asked.clear()

    def weather(line: Line, query: Query) -> None:
        is_other = hour.weather.asked[-1][1] == secret
        (down if is_other else hour.weather.well)(line, query)

    hour.weather.fault = weather
    hour.pass_by(100, every=1)

    asked = [at for at, key in hour.weather.asked if key == secret]
    assert 3 <= len(asked) <= 6
    other.refresh_from_db()
    assert other.silent_since is not None and other.failed_polls == len(asked)


def silent(acme, count: int) -> None:
    """Make accounts that fell silent in the hour before noon, and one that was just answered."""
    accounts = Account.objects.bulk_create(
        Account(
            team=acme,
            label=f"A{number}",
            next_poll_at=NOON + timedelta(minutes=60),
            silent_since=NOON - timedelta(seconds=1 + number % 3600),
            failed_polls=4,
        )
        for number in range(count)
    )
    ApiKey.objects.bulk_create(
        ApiKey(team=acme, account=one, label=one.label, kid="k1", blob=b"x") for one in accounts
    )
    answered = accounts[0]
    Account.objects.filter(pk=answered.pk).update(silent_since=None, answered_at=NOON)


def test_r2_a_herd_comes_back_twenty_requests_a_second_at_most(acme):
    silent(acme, 2_000)

    assert outages.recover(at=NOON) == 1_999

    plans = Account.objects.exclude(silent_since=None).values_list("next_poll_at", flat=True)
    seconds = Counter(int((plan - NOON).total_seconds()) for plan in plans)
    assert max(seconds.values()) * schedule.MOST_REQUESTS <= 20
    assert max(seconds) <= 200
    assert outages.recover(at=NOON + MINUTE) == 0


def test_r2_those_that_were_silent_go_at_their_pace_within_a_tick_too():
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(outages.RECOVERED_A_SECOND, clock=lambda: now[0], sleep=sleep)
    went = []
    for _ in range(100):
        pace.keep()
        went.append(now[0])

    assert all(sum(at <= one < at + 0.999 for one in went) <= 10 for at in went)
    assert len(slept) == 99


def test_an_outage_ends_once_and_a_silence_that_goes_on_ends_nothing(acme):
    silent(acme, 3)
    assert outages.recover(at=NOON) == 2
    Account.objects.update(next_poll_at=NOON + timedelta(hours=1))

    assert outages.recover(at=NOON + MINUTE) == 0
    Account.objects.filter(label="A1").update(silent_since=NOON + MINUTE)
    assert outages.recover(at=NOON + 2 * MINUTE) == 0
    Account.objects.filter(label="A0").update(answered_at=NOON + 2 * MINUTE)

    assert outages.recover(at=NOON + 3 * MINUTE) == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_r14_a_clock_that_jumps_makes_no_burst_at_rembg(hour, hours):
    others(hour, 3)
    hour.pass_by(1, every=1)
    hour.weather.asked.clear()

    hour.clock.shift(timedelta(hours=hours))
    for _ in range(10):
        tasks.poll_due.call_local()

    assert max(Counter(key for _, key in hour.weather.asked).values(), default=0) <= 2
    hour.pass_by(75, every=5)
    assert hour.weather.most_in_a_minute() <= 2 * 4
    assert {one.label: one.failed_polls for one in Account.objects.all() if one.failed_polls} == {}
    assert timezone.now() - hour.last_good.asked_at <= timedelta(minutes=22)


@pytest.mark.parametrize("fault", [pytest.param(None, id="well"), pytest.param(down, id="down")])
def test_r2_a_person_and_the_poller_together_ask_twice_a_minute_at_most(hour, fault):
    CalendarMonth.objects.all().delete()  # So that each turn has a second thing to ask.
    hour.clock.shift(timedelta(minutes=16))
    hour.weather.asked.clear()
    hour.weather.fault = fault

    for _ in range(8):
        hour.clock.shift(timedelta(seconds=10))
        tasks.poll_due.call_local()
        hour.browser.post(f"{hour.url}refresh/")

    assert hour.weather.most_in_a_minute() == 2


@pytest.mark.django_db(transaction=True)
def test_r9_many_are_asked_at_a_time_and_each_is_written_down_once(hour):
    waiting = []
    found = others(hour, 12)

    def slow(line: Line, query: Query) -> None:
        waiting.append(1)
        if len(waiting) > 1:
            together.set()
        together.wait(WAIT)
        line.wait(0.1)
        most.append(len(waiting))
        waiting.pop()
        hour.weather.well(line, query)

    most: list[int] = []
    together = threading.Event()
    hour.clock.shift(timedelta(minutes=16))
    hour.weather.fault = slow
    done = Round(timezone.now, 50, threads=6).run()

    assert done == 13
    assert 2 <= max(most) <= 6
    rows = Counter(
        Snapshot.objects.filter(asked_at=timezone.now()).values_list("account", flat=True)
    )
    assert all(rows[one.pk] >= 1 for one in found)
    assert set(Account.objects.values_list("failed_polls", flat=True)) == {0}


@pytest.mark.django_db(transaction=True)
def test_r23_a_reading_that_cannot_be_written_does_not_end_the_round(hour):
    """An account that is deleted while RemBG is asked about it: its row is refused, no other."""
    found = others(hour, 6)
    deleted: list[int] = []

    def meanwhile(line: Line, query: Query) -> None:
        if not deleted:
            try:
                deleted.append(Account.objects.filter(pk=hour.account.pk).delete()[0])
            finally:
                connection.close()
        hour.weather.well(line, query)

    hour.clock.shift(timedelta(minutes=16))
    Account.objects.filter(pk=hour.account.pk).update(next_poll_at=timezone.now() - 5 * MINUTE)
    hour.weather.fault = meanwhile
    done = Round(timezone.now, 50, threads=1).run()

    assert deleted and done == 7
    rows = Snapshot.objects.filter(asked_at=timezone.now()).values_list("account", flat=True)
    assert set(rows) == {one.pk for one in found}
