"""An hour without RemBG, row by row (promises 2.6, R2, R3): good, then a fault, then good again.

Whatever comes, pages keep the last good numbers and say since when, nothing is overwritten, nobody
is written to, RemBG is asked twice a minute at most, and all is well again by itself.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import trustme
from django.utils import timezone

from tests.conftest import NOON
from tests.ports import refusing
from tests.rembg.hostile import Line, hostile, http, refusal
from tests.usage.hours import (
    Hour,
    Query,
    Script,
    good,
    json_answer,
    most_in_a_minute,
    nothing_was_sent,
)

QUICKLY = "You're making requests too quickly, Please Upgrade or slow down."
DAILY = "You've reached your daily limit. Please sign up for more access."
MONTHLY = "You've reached your monthly limit. Consider purchasing more credits."
SLOW = 0.6  # Seconds that a question may take in the tests that wait for it.


def says(answer: bytes) -> Script:
    return lambda line, query: line.send(answer)


def closes(line: Line, query: Query) -> None:
    """Close without an answer."""


def resets(line: Line, query: Query) -> None:
    line.reset()


def waits(line: Line, query: Query) -> None:
    line.wait(SLOW * 2)


def drips(line: Line, query: Query) -> None:
    line.send(json_answer(good(query))[:-200])
    for _ in range(9):
        line.send(b" ", every=SLOW / 3)


def stops_short(line: Line, query: Query) -> None:
    line.send(json_answer(good(query))[:-20])


def resets_midway(line: Line, query: Query) -> None:
    line.send(json_answer(good(query))[:-20])
    line.reset()


def bomb() -> bytes:
    packed = gzip.compress(b" " * 40_000_000)
    return http(200, packed, Content_Type="application/json", Content_Encoding="gzip")


def without_length(body: bytes) -> bytes:
    return http(200, body, Content_Type="application/json", Content_Length=None)


# What comes, and what the failed reading is called; "" is an answer without meaning.
FAULTS = [
    pytest.param(resets, "no_answer", id="F5-reset"),
    pytest.param(waits, "answer_timeout", id="F6-no-answer-in-time"),
    pytest.param(stops_short, "short_answer", id="F7-short"),
    pytest.param(resets_midway, "short_answer", id="F7-reset"),
    pytest.param(drips, "deadline_passed", id="F9-drip"),
    pytest.param(says(http(200, b"")), "", id="F10-empty"),
    pytest.param(
        says(http(200, b"\x89PNG\r\n\x1a\n\0\xff", Content_Type="image/png")), "", id="F10-png"
    ),
    pytest.param(says(json_answer([])), "", id="F10-D3-list"),
    pytest.param(says(without_length(b'{"billingCycle": {"appUsage": 1')), "", id="F8-F10-cut"),
    pytest.param(says(http(200, b" " * 3_000_000)), "answer_too_large", id="F11-too-large"),
    pytest.param(says(bomb()), "answer_too_large", id="F11-gzip-bomb"),
    pytest.param(says(refusal(400, "no")), "unknown_refusal", id="F13-one-error"),
    pytest.param(
        says(json_answer({"error": "Multiple", "details": None, "errors": ["x"]}, 400)),
        "invalid_fields",
        id="F14-odd-details",
    ),
    pytest.param(says(refusal(429, MONTHLY)), "rate_monthly", id="F19-monthly"),
    pytest.param(says(http(429, b"<h1>Slow</h1>")), "rate_unknown", id="F20-html"),
    pytest.param(says(refusal(429, QUICKLY, Retry_After="soon")), "rate_short", id="F21-soon"),
    pytest.param(says(refusal(429, QUICKLY, Retry_After="-1")), "rate_short", id="F21-negative"),
    pytest.param(
        says(refusal(429, QUICKLY, Retry_After="Mon, 16 Nov 2026 12:00:00 GMT")),
        "rate_short",
        id="F21-past-date",
    ),
    pytest.param(says(refusal(500, "boom")), "upstream_error", id="F22-500-json"),
    pytest.param(says(http(502, b"<h1>Bad gateway</h1>")), "upstream_error", id="F22-502-html"),
    pytest.param(says(http(503, b"", Retry_After="1")), "upstream_error", id="F22-503"),
    pytest.param(says(http(504, b"")), "upstream_error", id="F22-504"),
    pytest.param(
        says(http(200, b"{}", **{f"X_{n}": "y" for n in range(120)})), "not_http", id="F24-many"
    ),
    pytest.param(says(http(200, b"{}", X_Long="y" * 70_000)), "not_http", id="F24-long"),
    pytest.param(says(b"SSH-2.0-OpenSSH_9.2\r\n"), "not_http", id="F24-no-http"),
    pytest.param(
        says(refusal(400, "<script>alert(1)</script> canary-4f2a-secret \0\u202e" + "x" * 9999)),
        "unknown_refusal",
        id="F26-hostile-text",
    ),
]


@pytest.mark.parametrize(
    ("fault", "code", "within"),
    [
        pytest.param(closes, "no_answer", 5, id="F5-closed"),
        pytest.param(says(http(200, b"<html>maintenance</html>")), "", 5, id="F10-html"),
        # A limit is waited for as long as it says, and no longer than a period.
        pytest.param(says(refusal(429, QUICKLY, Retry_After="45")), "rate_short", 25, id="F17"),
    ],
)
def test_an_hour_of_a_fault_changes_nothing_but_the_age(hour, fault, code, within):
    before, kept = hour.figures(), hour.kept()

    hour.weather.fault = fault
    hour.pass_by(60)

    errors = [one.error for one in hour.failed()]
    assert errors[0] == code and set(errors) <= {code, "no_usable_key"}
    the_numbers_stand(hour, before)
    assert hour.kept() == kept
    assert hour.weather.most_in_a_minute() <= 2
    hour.weather.fault = None
    all_is_well_again(hour, within=within)


@pytest.mark.parametrize(("fault", "code"), FAULTS)
def test_whatever_comes_the_rows_that_numbers_are_made_of_stay(hour, settings, fault, code):
    kept = hour.kept()
    if fault in (waits, drips):
        settings.REMBG_DEADLINE_SECONDS = SLOW

    hour.weather.fault = fault
    hour.pass_by(20)

    errors = {one.error for one in hour.failed()}
    # On a busy machine the first byte of a drip is late already, now and then, or the connection.
    late = {"answer_timeout", "connect_timeout"} if fault in (waits, drips) else set()
    assert errors and errors <= {code, "no_usable_key"} | late
    assert hour.kept() == kept
    assert hour.weather.most_in_a_minute() <= 2
    assert "canary" not in hour.page(hour.url)


def the_numbers_stand(hour: Hour, before: dict[str, Any]) -> None:
    """Check each page: the last good numbers, as before, and since when they are stale."""
    since = hour.last_good.asked_at
    overview, account, metrics = hour.page("/teams/acme/"), hour.page(hour.url), hour.metrics()

    assert since < timezone.now() - timedelta(minutes=59)
    assert hour.figures() == {**before, "stale": [True, True, True]}
    for page in (overview, account):
        assert f"Stale since [{since.isoformat()}]" in page
        assert "canary" not in page
    assert "11,200 credits can be spent now" in overview
    assert "“Main” could not be read" in overview
    for alarm in ("running low", "used its included credits up", "Healthy"):
        assert alarm not in overview
    for number in ("9,200", "2,000", "11,200", "4,200", "5,100"):
        assert number in account
    assert "The last reading failed." in account
    assert "11,200 (stale)" in hour.badge()
    assert metrics["included_credits_remaining"] == 9200
    assert metrics["spendable_credits"] == 11200
    assert metrics["last_success_timestamp_seconds"] == since.timestamp()
    assert metrics["account_stale"] == 1 and metrics["poll_failures"] >= 1
    assert nothing_was_sent()


def all_is_well_again(hour: Hour, *, within: int) -> None:
    """Check that nobody has to do anything for the numbers to be fresh."""
    hour.weather.numbers = {"app": 4210, "api": 5110, "left": 9180}

    hour.pass_by(within)

    overview, metrics, account = hour.page("/teams/acme/"), hour.metrics(), hour.listed()
    assert "11,180 credits can be spent now" in overview
    assert "Stale" not in overview and "could not be read" not in overview
    assert account["remaining_included_credits"] == 9180 and not account["stale"]
    assert metrics["account_stale"] == 0 and metrics["poll_failures"] == 0
    assert "stale" not in hour.badge()
    assert nothing_was_sent()


@contextmanager
def no_such_name() -> Iterator[str]:
    yield "https://rembg..invalid"


@contextmanager
def never_accepting() -> Iterator[str]:
    """A host that does not take the connection: once its queue is full, the kernel is silent."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"


@contextmanager
def untrusted() -> Iterator[str]:
    """A host with a certificate of nobody's."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    heard: list[bytes] = []

    def script(line: Line) -> None:
        with contextlib.suppress(OSError):
            heard.append(line.sock.recv(65536))

    with hostile(script, tls=tls) as server:
        yield server.url
    assert not any(heard), "an untrusted host was told something"


@contextmanager
def redirecting() -> Iterator[str]:
    """A host that sends everybody on, to one that must not hear of it."""
    with hostile(lambda line: None) as trap:
        statuses = itertools.cycle((301, 302, 307, 308))

        def script(line: Line) -> None:
            line.head()
            line.send(http(next(statuses), b"", Location=f"{trap.url}/api/membership-usage"))

        with hostile(script) as server:
            yield server.url
        assert trap.connections == 0, "a redirect was followed"


@pytest.mark.parametrize(
    ("place", "code"),
    [
        pytest.param(refusing, "unreachable", id="F1-refused"),
        pytest.param(no_such_name, "unreachable", id="F1-no-such-name"),
        pytest.param(never_accepting, "connect_timeout", id="F2-connect-time-out"),
        pytest.param(untrusted, "tls_error", id="F3-A5-untrusted"),
        pytest.param(redirecting, "redirected", id="F23-A5-redirects"),
    ],
)
def test_without_the_host_the_rows_that_numbers_are_made_of_stay(hour, settings, place, code):
    kept = hour.kept()

    with place() as settings.REMBG_SITE_URL:
        settings.REMBG_DEADLINE_SECONDS = SLOW if place is never_accepting else 60.0
        hour.pass_by(20)

    assert {one.error for one in hour.failed()} == {code}
    assert most_in_a_minute([one.asked_at for one in hour.failed()]) <= 2
    assert hour.kept() == kept


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        pytest.param(says(refusal(401, "invalid api key")), "bad_key", id="F15"),
        pytest.param(says(refusal(403, "E-mail not verified")), "unverified", id="F16"),
    ],
)
def test_a_refused_key_is_asked_twice_in_an_hour_and_wants_a_person(hour, fault, code):
    """F15, F16: a key that was refused twice is paused; a person's test wakes it."""
    before, kept = hour.figures(), hour.kept()
    asked = len(hour.weather.asked)

    hour.weather.fault = fault
    hour.pass_by(90)

    assert [one.error for one in hour.failed()[:3]] == [code, code, "no_usable_key"]
    assert len(hour.weather.asked) - asked == 2
    the_numbers_stand(hour, before)
    assert hour.kept() == kept
    assert "RemBG refuses the key “Shop”" in hour.page("/teams/acme/")
    hour.weather.fault = None
    hour.account.api_keys.get().note_accepted(at=timezone.now())
    hour.browser.post(f"{hour.url}refresh/")
    all_is_well_again(hour, within=25)


def test_f18_a_daily_limit_is_waited_for_until_midnight(hour):
    before, kept, asked = hour.figures(), hour.kept(), len(hour.weather.asked)

    hour.weather.fault = says(refusal(429, DAILY))
    hour.pass_by(60)

    assert len(hour.weather.asked) - asked == 1
    the_numbers_stand(hour, before)
    assert hour.kept() == kept
    hour.weather.fault = None
    hour.clock.move_to(NOON.replace(hour=23, minute=55))
    all_is_well_again(hour, within=25)


def test_f27_a_clock_of_theirs_that_differs_is_said_and_ours_is_used(hour):
    today = http(200, json.dumps(good({})).encode(), Date="Tue, 17 Nov 2026 12:30:00 GMT")
    hour.weather.fault = says(today)

    hour.pass_by(20)

    last = hour.last_good
    assert last.asked_at > NOON
    behind = datetime(2026, 11, 17, 12, 30, tzinfo=UTC) - last.asked_at
    assert last.clock_skew_seconds == pytest.approx(behind.total_seconds(), abs=5)
    account = hour.page(hour.url)
    assert "RemBG&#x27;s clock differs from ours" in account and "Stale" not in account
    assert "Stale" not in hour.page("/teams/acme/")
