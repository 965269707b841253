"""The F rows of promises 2.6 through the gateway: what a program hears, what its call costs."""

import contextlib
import logging
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme
from django.utils import timezone

from dashboard.keys.breakers import SITE
from dashboard.rembg.breaker import LEAST
from dashboard.removals import sending
from dashboard.removals.models import Removal
from dashboard.teams.models import Membership
from tests.conftest import add_key
from tests.gateway.conftest import issued
from tests.gateway.world import SECRET, Gate, drawn, leaks, left_in, serving
from tests.ports import refusing
from tests.rembg.broken import FAULTS, WEBP, each
from tests.rembg.hostile import Hostile, Line, always, hostile, http, refusal
from tests.waiting import WAIT, wait_until

PHOTO = drawn("PNG", (640, 480))
CUTOUT = drawn("WEBP", (640, 480))
# More than the kernel takes for a server that does not read.
LARGE = drawn("BMP", (1500, 1500))
SHORT, LONG, DAILY, MONTHLY = (
    "You're making requests too quickly, Please Upgrade or slow down.",
    "Too many cooks.",
    "You've reached your daily limit. Please sign up for more access.",
    "You've reached your monthly limit. Consider purchasing more credits.",
)
PAUSE = range(30, 31)  # What is said where nobody says how long.
SECOND = timedelta(seconds=1)
QUICK_PAUSES, SLOW_PAUSES = 31, 2  # Seeds: retries after 0.01 and 0.2 s; after 0.96 and 1.9 s.


@pytest.fixture
def gate(transactional_db, settings, files_here, tmp_path, mine, account, caplog) -> Iterator[Gate]:
    """A program of Mel's before the gateway; afterwards nothing is left over and nothing leaked."""
    settings.REMBG_DEADLINE_SECONDS = WAIT
    sending.allowance = type(sending.allowance)()
    sending.random.seed(QUICK_PAUSES)
    caplog.set_level(logging.DEBUG)
    upstream = add_key(account, SECRET)
    key, secret = issued(mine, hard=100)
    with serving() as url:
        gate = Gate(url, key, secret, upstream)
        yield gate
    records = caplog.get_records("call")
    assert leaks(gate.answers, records) == []
    assert left_in(tmp_path) == []
    assert [record for record in records if record.exc_info] == []


@pytest.fixture
def serve(settings):
    """Let a script stand in for RemBG."""

    @contextmanager
    def serve(
        script: Callable[[Line], None] | bytes, *, tls: ssl.SSLContext | None = None
    ) -> Iterator[Hostile]:
        script = always(script) if isinstance(script, bytes) else script
        with hostile(script, tls=tls) as server:
            settings.REMBG_API_URL = server.url
            yield server

    return serve


def retries(gate: Gate) -> int:
    """Return how many of the key's ten retries are used up; they are used up afterwards."""
    return 10 - sum(sending.allowance.take(str(gate.upstream.pk)) for _ in range(20))


def test_without_a_fault_a_call_costs_one_credit(gate, serve):
    with serve(http(200, CUTOUT, Content_Type=WEBP)) as server:
        answer = gate.call(PHOTO)

    assert (answer.status_code, answer.content) == (200, CUTOUT)
    assert answer.headers["X-Credits-Charged"] == "1"
    assert "X-Notice" not in answer.headers
    row = Removal.objects.get(request_id=answer.headers["X-Request-Id"])
    assert (row.state, row.charged, gate.taken()) == ("done", "yes", 1)
    assert f"x-api-key: {SECRET}".encode() in server.heads[0]


def test_f1_refused_connections_are_tried_three_times(gate, settings):
    with refusing() as settings.REMBG_API_URL:
        answer = gate.call()

    gate.failed(answer, 503, "unreachable", charged="no", retry_after=PAUSE)
    assert (gate.taken(), gate.rows(), retries(gate)) == (0, 1, 2)


def test_f1_no_such_name(gate, settings):
    settings.REMBG_API_URL = "https://rembg..invalid"

    answer = gate.call()

    gate.failed(answer, 503, "unreachable", charged="no", retry_after=PAUSE)
    assert gate.taken() == 0


def test_f1_a_server_that_comes_back_meanwhile_is_asked_once(gate, settings):
    sending.random.seed(SLOW_PAUSES)
    with hostile(always(http(200, CUTOUT, Content_Type=WEBP))) as server, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        settings.REMBG_API_URL = f"http://127.0.0.1:{closed.getsockname()[1]}"
        passing = threading.Thread(target=pass_on_later, args=(closed, server.port, gate))
        passing.start()
        answer = gate.call(PHOTO)
        passing.join()

    assert (answer.status_code, answer.headers["X-Credits-Charged"]) == (200, "1")
    assert (server.connections, gate.taken(), gate.rows()) == (1, 1, 1)
    assert 1 <= retries(gate) <= 2


def pass_on_later(closed: socket.socket, port: int, gate: Gate) -> None:
    """Refuse the first connection, then pass one on, if one comes."""
    wait_until(lambda: str(gate.upstream.pk) in sending.allowance._buckets, "a first retry")
    closed.settimeout(WAIT)
    closed.listen()
    try:
        caller, _ = closed.accept()
    except TimeoutError:
        return
    with caller, socket.create_connection(("127.0.0.1", port)) as server:
        answering = threading.Thread(target=copy, args=(server, caller))
        answering.start()
        copy(caller, server)
        answering.join()


def copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)


def test_f1_a_key_without_retries_left_is_tried_once(gate, settings):
    retries(gate)
    with refusing() as settings.REMBG_API_URL:
        answer = gate.call()

    gate.failed(answer, 503, "unreachable", charged="no", retry_after=PAUSE)
    assert {len(window._results) for window in SITE._windows.values()} == {1}


def test_f2_a_connection_that_is_not_accepted(gate, settings):
    settings.REMBG_DEADLINE_SECONDS = 0.3
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(3):  # Once the queue is full, the kernel answers no more.
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        settings.REMBG_API_URL = f"http://127.0.0.1:{full.getsockname()[1]}"

        answer = gate.call()

    gate.failed(answer, 504, "connect_timeout", charged="no")
    assert (gate.taken(), gate.rows(), retries(gate)) == (0, 1, 2)


@pytest.mark.parametrize("case", ["self-signed", "expired", "not-tls"])
def test_f3_an_untrusted_server_gets_nothing(gate, serve, settings, case):
    got = bytearray()

    def script(line: Line) -> None:
        with contextlib.suppress(OSError):
            got.extend(line.sock.recv(65536))
            if case == "not-tls":
                line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    tls = None
    if case != "not-tls":
        end = datetime(2020, 1, 1, tzinfo=UTC) if case == "expired" else None
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert("127.0.0.1", not_after=end).configure_cert(tls)
    with serve(script, tls=tls) as server:
        settings.REMBG_API_URL = server.url.replace("http:", "https:")
        answer = gate.call()

    row = gate.failed(answer, 502, "tls_error", charged="no")
    assert row.message == "The secure connection to RemBG failed."
    assert SECRET.encode() not in got
    assert (server.connections, gate.taken()) == (1, 0)


# The client meets every row of the table; here is one of each that a program hears of differently.
HTTP_STATUS = {"upload_cut": 504, "answer_timeout": 504, "deadline_passed": 504}


@each(
    *("F4-reset", "F4-not-read", "F5-reset", "F6-silence", "F7-closed", "F8-cut", "F9-body"),
    *("F10-html", "F10-empty", "F10-png-as-webp", "F11-gzip", "F24-64-KB-header"),
)
def test_what_breaks_on_the_way_may_have_cost_a_credit(gate, serve, settings, fault):
    if fault.is_slow:  # Enough for a picture to go up on any machine.
        settings.REMBG_DEADLINE_SECONDS = 3

    with serve(fault.script) as server:
        answer = gate.call(LARGE if fault.is_large else PHOTO)

    status = HTTP_STATUS.get(fault.code, 502)
    gate.failed(answer, status, fault.code, charged="unknown")
    assert (server.connections, gate.taken()) == (1, 1)


def test_f10_the_beginning_of_a_strange_answer_is_kept_for_admins(gate, serve):
    with serve(FAULTS["F10-html"].script):
        answer = gate.call()

    row = gate.failed(answer, 502, "wrong_answer", charged="unknown")
    assert row.body_head == "<html>Welcome</html>"
    assert b"Welcome" not in answer.content


@pytest.mark.parametrize(
    ("size", "asked", "notice", "degraded"),
    [
        pytest.param((460, 345), {}, "RemBG returned a small picture (460 x 345 px).", True),
        pytest.param((600, 450), {}, "RemBG returned another size than expected", False),
        pytest.param((300, 225), {"w": 320}, "RemBG returned another size than expected", False),
    ],
    ids=["out-of-credits", "another-size", "another-width"],
)
def test_f12_a_suspicious_size_is_told(gate, serve, size, asked, notice, degraded):
    picture = drawn("WEBP", size)
    with serve(http(200, picture, Content_Type=WEBP)):
        answer = gate.call(PHOTO, **asked)

    assert (answer.status_code, answer.content) == (200, picture)
    assert answer.headers["X-Notice"].startswith(notice)
    assert answer.headers["X-Credits-Charged"] == "1"
    row = Removal.objects.get(request_id=answer.headers["X-Request-Id"])
    assert (row.state, row.charged, row.degraded) == ("done", "yes", degraded)
    assert (len(row.notices), gate.taken()) == (1, 1)


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        pytest.param(
            "Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP",
            "format",
            None,
            id="known",
        ),
        pytest.param("Not on a Sunday.", "unknown_refusal", None, id="unknown"),
        pytest.param("long " * 200, "unknown_refusal", ("long " * 60)[:299] + "…", id="long"),
    ],
)
def test_f13_a_refusal_is_passed_on_in_its_words(gate, serve, said, code, told):
    with serve(refusal(400, said)) as server:
        answer = gate.call()

    gate.failed(answer, 400, code, charged="no")
    assert answer.json()["error"] == (told or said)
    assert (server.connections, gate.taken()) == (1, 0)


W = {"field": "w", "message": "'w' must be an integer, got: 'abc'"}
H = {"field": "h", "message": "'h' must be at least 1, got: -5"}


@pytest.mark.parametrize(
    ("said", "code", "details"),
    [
        pytest.param(b'{"error": "Multiple validation errors", "details": %s}', None, [W, H]),
        pytest.param(b'{"errors": %s}', None, [W, H]),
        pytest.param(b"%s", None, [W, H]),
        pytest.param(
            b"{\"details\": [\"'w' must be an integer, got: 'abc'\", "
            b"\"'h' must be at least 1, got: -5\"]}",
            None,
            [W, H],
        ),
        pytest.param(b'{"error": "\'w\' must be an integer", "details": null}', "size_type", None),
        pytest.param(b'{"error": 5, "details": {"a": [1]}}', "unknown_refusal", None),
    ],
    ids=["details", "errors", "list", "strings", "null", "nonsense"],
)
def test_f14_refused_fields_are_named_whatever_the_shape(gate, serve, said, code, details):
    body = said.replace(
        b"%s",
        f'[{{"field": "w", "message": "{W["message"]}"}}, '
        f'{{"field": "h", "message": "{H["message"]}"}}]'.encode(),
    )
    with serve(http(400, body, Content_Type="application/json")):
        answer = gate.call()

    gate.failed(answer, 400, code or "invalid_fields", charged="no")
    assert answer.json().get("details") == details
    assert gate.taken() == 0


def test_f15_a_key_that_is_refused_twice_is_sent_no_more(gate, serve):
    with serve(refusal(401, "invalid api key")) as server:
        first, second, third = gate.call(), gate.call(), gate.call()
        paused_at = gate.seen().paused_at

    for answer in (first, second):
        row = gate.failed(answer, 502, "keys_refused", charged="no")
        assert row.message.startswith("The team's RemBG key was refused.")
        assert row.status == 401
    assert (third.status_code, third.json()["code"]) == (502, "keys_refused")
    assert third.headers["X-Credits-Charged"] == "0"
    assert paused_at is not None and gate.upstream.refusal == "bad_key"
    assert (server.connections, gate.rows(), gate.taken()) == (2, 2, 0)


def test_f15_a_key_that_works_again_in_between_is_not_paused(gate, serve):
    def script(line: Line) -> None:
        line.request()
        good = line.server.connections == 2
        line.send(
            http(200, drawn("WEBP"), Content_Type=WEBP) if good else refusal(401, "invalid api key")
        )

    with serve(script):
        statuses = [gate.call().status_code for _ in range(3)]

    assert statuses == [502, 200, 502]
    assert (gate.seen().refusals, gate.upstream.paused_at) == (1, None)


def test_f16_an_address_to_verify_has_words_of_its_own(gate, serve):
    said = "Email address not verified – please check your inbox"
    with serve(refusal(403, said)) as server:
        answers = [gate.call() for _ in range(3)]

    for answer in answers[:2]:
        row = gate.failed(answer, 502, "keys_refused", charged="no")
        assert "the e-mail address of its account is not verified" in row.message
    assert answers[2].status_code == 502
    assert gate.seen().paused_at is not None and gate.upstream.refusal == "unverified"
    assert (server.connections, gate.taken()) == (2, 0)


def test_f17_a_short_limit_is_passed_on_and_the_key_rests(gate, serve):
    at = timezone.now()
    with serve(refusal(429, SHORT, Retry_After=120)) as server:
        first, second = gate.call(), gate.call()

    row = gate.failed(first, 429, "rate_short", charged="no", retry_after=range(120, 121))
    assert row.message == SHORT
    assert (second.status_code, second.json()["code"]) == (429, "rate_short")
    assert second.headers["X-Credits-Charged"] == "0"
    rest, now = gate.seen().resting_until, timezone.now()
    assert at + 120 * SECOND <= rest <= now + 150 * SECOND  # A quarter more, by chance.
    pause = int(second.headers["Retry-After"]) * SECOND
    assert rest - now - SECOND <= pause <= rest - at + SECOND
    assert (server.connections, gate.rows(), gate.taken()) == (1, 1, 0)


def test_f18_a_daily_limit_lasts_until_midnight(noon, gate, serve):
    with serve(refusal(429, DAILY)) as server:
        first, second = gate.call(), gate.call()

    row = gate.failed(first, 429, "rate_daily", charged="no")
    midnight = (row.finished_at + timedelta(days=1)).astimezone(UTC)
    assert gate.seen().resting_until == midnight.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (second.status_code, second.json()["error"]) == (429, DAILY)
    assert second.headers["X-Credits-Charged"] == "0"
    assert (server.connections, gate.taken()) == (1, 0)


@pytest.mark.parametrize("said", [MONTHLY, "You have no credits left."])
def test_f19_a_monthly_limit_rests_every_key_of_the_account(gate, serve, said):
    twin = add_key(gate.upstream.account, "the-other-key-of-it", label="Twin")
    with serve(refusal(429, said)) as server:
        first, second = gate.call(), gate.call()

    gate.failed(first, 429, "rate_monthly", charged="no")
    twin.refresh_from_db()
    assert gate.seen().resting_until == twin.resting_until > timezone.now() + timedelta(hours=1)
    assert (second.status_code, second.json()["code"]) == (429, "rate_monthly")
    assert (server.connections, gate.taken()) == (1, 0)


def test_f19_after_credits_were_bought_the_account_is_asked_again(gate, serve):
    def script(line: Line) -> None:
        line.request()
        full = line.server.connections > 1
        line.send(http(200, drawn("WEBP"), Content_Type=WEBP) if full else refusal(429, MONTHLY))

    with serve(script) as server:
        first = gate.call()
        gate.seen().wake()
        second = gate.call()

    assert (first.status_code, second.status_code) == (429, 200)
    assert (server.connections, gate.taken()) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(refusal(429, LONG), id="text"),
        pytest.param(http(429, b"<html>Slow down</html>", Content_Type="text/html"), id="html"),
        pytest.param(http(429), id="empty"),
    ],
)
def test_f20_an_unknown_limit_is_like_a_short_one(gate, serve, answer):
    at = timezone.now()
    with serve(answer) as server:
        first, second = gate.call(), gate.call()

    gate.failed(first, 429, "rate_unknown", charged="no", retry_after=PAUSE)
    assert second.status_code == 429
    assert 1 <= int(second.headers["Retry-After"]) <= 38
    rest, now = gate.seen().resting_until, timezone.now()
    assert at + 30 * SECOND <= rest <= now + 38 * SECOND
    assert (server.connections, gate.taken()) == (1, 0)


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        pytest.param("7", range(7, 8), id="7"),
        pytest.param("soon", PAUSE, id="soon"),
        pytest.param(timedelta(seconds=1800), range(1500, 1801), id="date"),
        pytest.param(timedelta(days=9), range(3600, 3601), id="far-date"),
    ],
)
def test_f21_a_pause_is_a_number_of_seconds_within_an_hour(gate, serve, header, pause):
    if isinstance(header, timedelta):
        header = format_datetime(datetime.now(UTC) + header, usegmt=True)
    with serve(refusal(429, SHORT, Retry_After=header)):
        answer = gate.call()

    gate.failed(answer, 429, "rate_short", charged="no", retry_after=pause)
    assert gate.taken() == 0


@pytest.mark.parametrize(
    ("status", "body"), [(500, b'{"error": "Boom"}'), (503, b"<html>Bad gateway</html>")]
)
def test_f22_upstream_errors_are_not_tried_again(gate, serve, status, body):
    with serve(http(status, body, Retry_After=9)) as server:
        answer = gate.call()

    row = gate.failed(answer, 502, "upstream_error", charged="unknown")
    assert (row.status, row.body_head) == (status, body.decode())
    assert (server.connections, gate.taken()) == (1, 1)


@pytest.mark.parametrize("status", [302, 308])
def test_f23_a_redirect_is_not_followed(gate, serve, status):
    with hostile(always(http(200, CUTOUT, Content_Type=WEBP))) as trap:
        answer = http(status, b"Moved", Location=f"{trap.url}/rmbg")
        with serve(answer) as server:
            answer = gate.call()

    gate.failed(answer, 502, "redirected", charged="no")
    assert "Location" not in answer.headers
    assert (trap.connections, server.connections, gate.taken()) == (0, 1, 0)


@pytest.mark.parametrize(
    ("said", "status", "code", "pause"),
    [
        pytest.param(refusal(401, "invalid api key"), 502, "keys_refused", None, id="401"),
        pytest.param(refusal(429, SHORT), 429, "rate_short", PAUSE, id="429"),
    ],
)
def test_f25_an_early_answer_is_heard(gate, serve, said, status, code, pause):
    def script(line: Line) -> None:
        line.head()
        line.send(said)
        time.sleep(0.05)

    with serve(script) as server:
        answer = gate.call(LARGE)

    gate.failed(answer, status, code, charged="no", retry_after=pause)
    assert (server.connections, gate.taken()) == (1, 0)


def test_f26_words_from_outside_are_made_harmless(gate, serve):
    said = f"<script>alert(1)</script> Key {SECRET} is\0 \u202ebad {'x' * 1_000_000}"
    with serve(refusal(400, said)):
        answer = gate.call()

    row = gate.failed(answer, 400, "unknown_refusal", charged="no")
    assert row.message.startswith("<script>alert(1)</script> Key [redacted] is bad xxx")
    assert len(row.message) == 300
    assert b"<" not in answer.content
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_f26_the_fields_names_are_words_from_outside_too(gate, serve):
    said = b'{"details": [{"field": "<b>%s", "message": "<i>"}, {"message": "%s\\u0000"}]}'
    with serve(http(400, said.replace(b"%s", SECRET.encode()))):
        answer = gate.call()

    row = gate.failed(answer, 400, "invalid_fields", charged="no")
    assert row.details == answer.json()["details"]
    assert row.details[1] == {"field": "", "message": "[redacted]"}
    assert b"<" not in answer.content


def test_f27_our_clock_counts(gate, serve):
    tomorrow = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    begun = timezone.now()
    with serve(http(200, CUTOUT, Content_Type=WEBP, Date=tomorrow)):
        answer = gate.call(PHOTO)

    assert answer.status_code == 200
    row = Removal.objects.get(request_id=answer.headers["X-Request-Id"])
    assert begun <= row.sending_at <= row.finished_at <= timezone.now()

    with serve(refusal(429, SHORT, Date=tomorrow, Retry_After=tomorrow)):
        answer = gate.call(PHOTO)

    gate.failed(answer, 429, "rate_short", charged="no", retry_after=range(3600, 3601))


def test_f28_an_open_breaker_sends_nothing(gate, serve):
    with serve(http(500)) as server:
        for _ in range(LEAST):
            assert gate.call().status_code == 502
        answers = [gate.call() for _ in range(3)]

    for answer in answers:
        gate.failed(answer, 503, "breaker_open", charged="no", retry_after=range(1, 31))
    assert (server.connections, gate.taken()) == (LEAST, LEAST)


def reset_for_a_failing_key(line: Line) -> None:
    """Answer every key but those that say of themselves that they fail."""
    line.request()
    if b"failing-key" in line.server.heads[-1]:
        line.reset()
    else:
        line.send(http(200, CUTOUT, Content_Type=WEBP))


def test_r20_one_teams_failing_keys_stop_nobody_else(gate, serve, evil, mallory):
    for label in ("One", "Two"):
        add_key(evil.accounts.create(label=label), f"failing-key-{label}", label)
    _, secret = issued(Membership.objects.get(team=evil, user=mallory))
    theirs = Gate(gate.url, gate.key, secret, gate.upstream)

    with serve(reset_for_a_failing_key):
        statuses = Counter(theirs.call().status_code for _ in range(100))
        ours = [gate.call(PHOTO).status_code for _ in range(30)]

    assert statuses[502] + statuses[504] <= 2 * LEAST + 2
    assert statuses[503] >= 50
    assert ours == [200] * 30


def test_f28_a_failing_account_is_taken_after_the_others(gate, serve, acme):
    add_key(acme.accounts.create(label="Alone", spendable_credits=9_000), "failing-key", "Alone")

    with serve(reset_for_a_failing_key):
        statuses = [gate.call(PHOTO).status_code for _ in range(LEAST + 10)]

    assert set(statuses[:LEAST]) <= {502, 504}
    assert statuses[LEAST:] == [200] * 10
