"""What a removal costs, and that it is never lost nor counted twice."""

import hashlib
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.ports import is_listened_to
from tests.sandbox.box import DOT, Box, form
from tests.waiting import WAIT, wait_until


def test_a_removal_costs_one_credit_and_stands_in_the_ledger(box: Box, fresh):
    answer = box.remove(DOT, key=fresh)

    (charge,) = box.ledger(fresh)
    assert answer.headers["X-Request-Id"] == charge["request_id"]
    assert charge["sha256"] == hashlib.sha256(DOT).hexdigest()
    assert (charge["key"], charge["paid_from"]) == (fresh, "included")
    assert box.cycle(fresh)["apiUsage"] == 1
    assert box.usage(fresh).json()["api_usage"] == 1


def test_what_fails_costs_nothing(box: Box, fresh):
    box.remove(b"nothing", key=fresh)
    box.remove(DOT, key=fresh, w="abc")
    box.remove(None, key=fresh)

    assert box.ledger(fresh) == []
    assert box.cycle(fresh)["apiUsage"] == 0


def test_prepaid_credits_follow_the_included_ones_and_are_not_counted(box: Box, fresh):
    box.set_account(fresh, included_credits=2, prepaid_credits=1)

    statuses = [box.remove(DOT, key=fresh).status_code for _ in range(4)]

    assert statuses == [200, 200, 200, 429]
    block = box.cycle(fresh)
    assert (block["usedIncludedCredits"], block["prepaidCredits"]) == (2, 0)
    assert [each["paid_from"] for each in box.ledger(fresh)] == ["included", "included", "prepaid"]


def test_a_new_window_brings_the_included_credits_back(box: Box, fresh):
    born = 1_700_000_000
    box.set_clock(fresh, born)
    box.set_account(fresh, included_credits=1, prepaid_credits=0)
    assert [box.remove(DOT, key=fresh).status_code for _ in range(2)] == [200, 429]

    box.set_clock(fresh, born + 32 * 86_400)

    assert box.remove(DOT, key=fresh).status_code == 200


def test_twenty_at_once_cost_exactly_twenty(box: Box, fresh):
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: box.remove(DOT, key=fresh), range(20)))

    assert [each.status_code for each in answers] == [200] * 20
    assert box.cycle(fresh)["apiUsage"] == 20
    assert len({each["request_id"] for each in box.ledger(fresh)}) == 20


def test_r7_at_the_limit_no_more_than_what_is_left_succeed(box: Box, fresh):
    box.set_account(fresh, included_credits=3, prepaid_credits=2)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: box.remove(DOT, key=fresh), range(16)))

    assert sorted(each.status_code for each in answers) == [200] * 5 + [429] * 11
    assert len(box.ledger(fresh)) == 5


def test_r7_a_call_that_a_later_one_overtook_does_not_get_the_last_credit_again(box: Box, fresh):
    box.set_account(fresh, included_credits=1, prepaid_credits=0)
    body, kind = form({}, DOT)
    head = (
        b"POST /rmbg HTTP/1.1\r\nHost: x\r\nx-api-key: %s\r\nExpect: 100-continue\r\n"
        b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (fresh.encode(), kind, len(body))
    )
    with socket.create_connection(("127.0.0.1", box.port), timeout=WAIT) as link:
        link.sendall(head)
        assert link.recv(1024).startswith(b"HTTP/1.1 100")  # It is under way.
        began = int(time.time())
        wait_until(lambda: int(time.time()) > began, "the next second")

        assert box.remove(DOT, key=fresh).status_code == 200
        link.sendall(body)

        assert link.recv(1024).startswith(b"HTTP/1.1 429")
    assert len(box.ledger(fresh)) == 1


@pytest.mark.parametrize("how", ["terminate", "kill"])
def test_counters_survive_a_restart(tmp_path, how):
    box = Box(tmp_path, model=tmp_path / "none")
    premium = box.cycles("sandbox-premium")
    for _ in range(3):
        box.remove(DOT, key="sandbox-kept")
    before = box.cycle("sandbox-kept"), box.ledger("sandbox-kept")
    if how == "kill":
        box.process.kill()
        box.process.wait()
        box.process.stdout.close()
    else:
        assert box.stop() == 0

    again = Box(tmp_path, model=tmp_path / "none")

    assert (again.cycle("sandbox-kept"), again.ledger("sandbox-kept")) == before
    assert before[0]["apiUsage"] == 3
    assert again.cycles("sandbox-premium")[1:] == premium[1:]
    assert again.stop() == 0


def test_r6_sigterm_lets_what_runs_finish(tmp_path):
    box = Box(tmp_path, model=tmp_path / "none", SANDBOX_READ_TIMEOUT=str(WAIT))
    body, kind = form({}, DOT)
    request = (
        b"POST /rmbg HTTP/1.1\r\nHost: x\r\nx-api-key: sandbox-last\r\nExpect: 100-continue\r\n"
        b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(body))
    )
    links = [socket.create_connection(("127.0.0.1", box.port), timeout=WAIT) for _ in range(9)]
    for link in links[:8]:
        link.sendall(request)
        assert link.recv(1024).startswith(b"HTTP/1.1 100")  # It is under way.

    box.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not is_listened_to(box.port), "nobody to be let in any more")
    for link in links[:8]:
        link.sendall(body)

    answers = [link.recv(64 * 1024) for link in links]
    for link in links:
        link.close()
    assert box.process.wait(WAIT) == 0
    box.process.stdout.close()
    assert [each[:15] for each in answers] == [b"HTTP/1.1 200 OK"] * 8 + [b""]
    assert all(b"Connection: close" in each for each in answers[:8])


def test_resetting_forgets(box: Box, fresh):
    box.remove(DOT, key=fresh)

    box.reset(fresh)

    assert box.ledger(fresh) == []
    assert box.cycle(fresh)["apiUsage"] == 0
