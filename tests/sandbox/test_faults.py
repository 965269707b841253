"""The keys that make trouble."""

import io
import time

import pytest
import requests
from PIL import Image

from tests.conftest import WAIT
from tests.sandbox.box import DOT, Box, encoded, scene


def test_f12_degraded_is_small_and_costs_a_credit(box: Box):
    key = "sandbox-fault-degraded"

    answer = box.remove(encoded(scene(900, 600)), key=key)

    assert Image.open(io.BytesIO(answer.content)).size == (460, 307)
    assert len(box.ledger(key)) == 1
    asked = box.remove(encoded(scene(900, 600)), key=key, w="600")
    assert Image.open(io.BytesIO(asked.content)).size == (600, 400)
    small = box.remove(encoded(scene(300, 200)), key=key)
    assert Image.open(io.BytesIO(small.content)).size == (300, 200)


def test_f9_slow_answers_late_and_in_drops(box: Box):
    started = time.monotonic()

    answer = box.remove(encoded(scene()), key="sandbox-fault-slow")

    assert answer.status_code == 200
    assert Image.open(io.BytesIO(answer.content)).size == (240, 160)
    assert time.monotonic() - started >= 0.6


def test_f5_reset_gives_no_answer_and_costs_nothing(box: Box):
    with pytest.raises(requests.ConnectionError):
        box.remove(DOT, key="sandbox-fault-reset")

    assert box.ledger("sandbox-fault-reset") == []
    with pytest.raises(requests.ConnectionError):
        box.usage("sandbox-fault-reset")


def test_f7_reset_is_a_reset_and_no_mere_close(box: Box):
    request = (
        b"GET /api/membership-usage HTTP/1.1\r\nHost: x\r\nx-api-key: sandbox-fault-reset\r\n\r\n"
    )

    with pytest.raises(ConnectionResetError):
        box.raw(request, close=False)


def test_f7_truncated_breaks_off_and_was_charged(box: Box):
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        box.remove(encoded(scene()), key="sandbox-fault-truncated")

    assert len(box.ledger("sandbox-fault-truncated")) == 1


@pytest.mark.parametrize(
    ("fault", "kind"), [("html", "text/html"), ("garbage", "image/webp")], ids=["F10-html", "F10"]
)
def test_f10_what_is_not_a_picture_comes_with_200(box: Box, fault, kind):
    answer = box.remove(DOT, key=f"sandbox-fault-{fault}")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(answer.content))
    assert box.ledger(f"sandbox-fault-{fault}") == []


def test_garbage_usage_is_no_json(box: Box):
    with pytest.raises(requests.exceptions.JSONDecodeError):
        box.usage("sandbox-fault-garbage").json()


@pytest.mark.parametrize("path", ["rmbg", "api/membership-usage"])
def test_f23_redirect_points_to_another_host(box: Box, path):
    answer = requests.request(
        "POST" if path == "rmbg" else "GET",
        f"{box.url}/{path}",
        headers={"x-api-key": "sandbox-fault-redirect"},
        allow_redirects=False,
        timeout=WAIT,
    )

    assert answer.status_code == 302
    assert answer.headers["Location"] == "https://redirected.invalid/"


def test_f22_flaky_fails_then_works(box: Box):
    box.reset("sandbox-fault-flaky")

    removals = [box.remove(DOT, key="sandbox-fault-flaky").status_code for _ in range(3)]
    usages = [box.usage("sandbox-fault-flaky").status_code for _ in range(3)]

    assert removals == usages == [503, 200, 200]
    assert len(box.ledger("sandbox-fault-flaky")) == 2


def test_a_fault_on_another_account(box: Box):
    assert box.remove(DOT, key="sandbox-fault-flaky-two").status_code == 503
    assert box.remove(DOT, key="sandbox-fault-rate_daily-two").status_code == 429


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("bad_key", 401),
        ("unverified", 403),
        ("rate_short", 429),
        ("rate_daily", 429),
        ("rate_monthly", 429),
        ("too_wide", 200),
        ("degraded", 200),
        ("slow", 200),
        ("html", 200),
    ],
)
def test_usage_of_a_fault_key(box: Box, fault, status):
    assert box.usage(f"sandbox-fault-{fault}").status_code == status
