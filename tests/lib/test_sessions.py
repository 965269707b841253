"""Sessions end: after hours without use, and after seven days whatever the use."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

START = datetime(2026, 11, 18, 12, tzinfo=UTC)


def is_signed_in(client, at: datetime) -> bool:
    with time_machine.travel(at, tick=False):
        return client.get("/teams/acme/").status_code == 200


@pytest.fixture
def as_alice(client, alice):
    with time_machine.travel(START, tick=False):
        client.force_login(alice)
        assert is_signed_in(client, START)
    return client


def test_asvs_7_3_1_a_session_ends_after_twelve_idle_hours(as_alice):
    assert is_signed_in(as_alice, START + timedelta(hours=11))
    assert not is_signed_in(as_alice, START + timedelta(hours=23, minutes=1))


def test_asvs_7_3_2_a_session_ends_after_seven_days_of_use(as_alice):
    hours = [START + timedelta(hours=8 * step) for step in range(1, 21)]

    assert all(is_signed_in(as_alice, moment) for moment in hours)
    assert is_signed_in(as_alice, START + timedelta(days=7, minutes=-10))
    assert not is_signed_in(as_alice, START + timedelta(days=7, minutes=10))


def test_use_is_noted_at_most_every_five_minutes(as_alice):
    def seen(minutes: int) -> int:
        moment = START + timedelta(minutes=minutes)
        assert is_signed_in(as_alice, moment)
        with time_machine.travel(moment, tick=False):
            return as_alice.session["session_seen"]

    first = seen(0)

    assert seen(4) == first
    assert seen(6) > first
