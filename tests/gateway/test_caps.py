"""Caps hold however many call at once (promises R7, K11): nobody is granted what is not there."""

import os
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dashboard.removals.models import Removal, Spending
from tests.gateway.conftest import at_once, issued
from tests.waiting import wait_until

SENTENCE = "The budget of this key for this cycle is used up: 5 credits."


def test_r7_of_forty_calls_at_once_a_cap_of_five_grants_five(gateway, sandbox, mine, key):
    _, secret = issued(mine, hard=5)

    answers = at_once(40, lambda _: gateway.call(secret))

    granted = [answer for answer in answers if answer.status_code == 200]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert (len(granted), len(refused)) == (5, 35)
    assert len(sandbox.ledger("sandbox-premium")) == 5
    assert Removal.objects.count() == 5
    assert Spending.objects.get().taken == 5
    assert all(0 <= int(answer.headers["X-Budget-Remaining"]) <= 4 for answer in granted)
    for answer in refused:
        said = answer.json()
        assert said["error"].startswith(SENTENCE)
        assert said["error"].endswith("an owner or admin of the team can raise it.")
        assert (said["status"], said["code"]) == (429, "over_budget")
        assert answer.headers["X-Credits-Charged"] == "0"
        assert "Retry-After" not in answer.headers


@pytest.fixture
def two(transactional_db, start_gateway, stage):
    """A gateway of two processes."""
    gateway = start_gateway(workers=2)
    wait_until(lambda: len(gateway.worker_pids()) == 2, "two processes")
    yield gateway
    gateway.stop()


def test_r22_a_cap_holds_for_both_processes(two, sandbox, mine, key):
    _, secret = issued(mine, hard=5)

    answers = at_once(40, lambda _: two.call(secret, headers={"Connection": "close"}))

    assert Counter(answer.status_code for answer in answers) == {200: 5, 429: 35}
    assert len(sandbox.ledger("sandbox-premium")) == 5
    assert Spending.objects.get().taken == 5


def test_r22_when_one_of_two_processes_is_killed_the_ledgers_agree(two, sandbox, stage, mine, key):
    _, secret = issued(mine, hard=1000)
    killed = threading.Event()

    def call(number):
        if number == 20:
            os.kill(two.worker_pids()[0], signal.SIGKILL)
            killed.set()
        try:
            return two.call(secret, headers={"Connection": "close"}).status_code
        except requests.ConnectionError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        heard = Counter(pool.map(call, range(80)))

    assert killed.is_set()
    assert set(heard) <= {0, 200, 502, 503}
    assert heard[200] >= 40
    rows = Counter(Removal.objects.values_list("charged", flat=True))
    charges = len(sandbox.ledger("sandbox-premium"))
    # What was under way in the killed one is "sending", and nobody knows.
    assert rows["yes"] <= charges <= rows["yes"] + rows["unknown"]
    assert heard[200] <= rows["yes"]
    assert Spending.objects.get().taken == rows["yes"] + rows["unknown"]
    wait_until(lambda: len(two.worker_pids()) == 2, "another process in its place")
