"""Breakers hold for the site (promises R22): what one process has learnt, the others do, too."""

import pytest
from django.db import connection

from dashboard.keys.breakers import BreakerRows, OpenBreaker
from dashboard.rembg import errors
from dashboard.rembg.breaker import LEAST, PAUSE, Breakers

HOST, OWNER = "https://one", ("1", "main")


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def processes(db, clock):
    """Two processes, each with a memory of its own; what they read is never old."""
    return [Breakers(BreakerRows(fresh=0.0), clock=clock) for _ in range(2)]


def call(breakers, *, good=True):
    try:
        with breakers.watch(HOST, OWNER):
            if not good:
                raise errors.NoAnswer
    except errors.BreakerOpen:
        return False
    except errors.NoAnswer:
        pass
    return True


def test_r22_what_one_process_opens_the_other_holds_back(processes):
    here, there = processes
    for _ in range(LEAST):
        call(here, good=False)

    assert not call(here)
    assert not call(there)
    assert there.held(HOST) == {OWNER}


def test_r22_both_together_ask_once_in_half_a_minute(processes, clock):
    here, there = processes
    for _ in range(LEAST):
        call(here, good=False)
    call(there)

    for _ in range(3):
        clock.now += PAUSE
        assert [call(here, good=False), call(there, good=False)] == [True, False]


def test_r22_what_one_process_closes_is_closed_for_both_and_begun_anew(processes, clock):
    here, there = processes
    for _ in range(LEAST - 1):
        call(there, good=False)
    for _ in range(LEAST):
        call(here, good=False)
    assert not call(there)

    clock.now += PAUSE
    while here.held(HOST):
        call(here)
        clock.now += 0.3

    assert not OpenBreaker.objects.exists()
    assert call(there, good=False)
    assert call(there) and call(here)


def test_r23_a_database_that_does_not_answer_opens_and_closes_nothing(processes):
    here, there = processes
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE keys_openbreaker RENAME TO away")

    for _ in range(2 * LEAST):
        assert call(here, good=False)
