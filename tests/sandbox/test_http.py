"""The server itself, over raw sockets."""

import json
import socket

import pytest
import requests

from tests.conftest import WAIT
from tests.sandbox.box import DOT, Box, error, form, parsed

KEY = b"x-api-key: sandbox-http\r\n"


def head(*lines: bytes, first: bytes = b"POST /rmbg HTTP/1.1") -> bytes:
    return b"\r\n".join([first, b"Host: x", *lines, b"", b""])


def chunked(data: bytes, size: int = 100) -> bytes:
    parts = (data[i : i + size] for i in range(0, len(data), size))
    return b"".join(b"%x;a=b\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


BODY, TYPE = form({"format": b"png"}, DOT)
COMMON = (KEY.strip(), b"Content-Type: " + TYPE)


def test_every_answer_says_that_it_is_the_sandbox(box: Box):
    answers = [
        box.remove(DOT),
        box.remove(None, key="x"),
        box.usage(),
        requests.get(f"{box.url}/", timeout=WAIT),
        requests.get(f"{box.url}/nowhere", timeout=WAIT),
        requests.delete(f"{box.url}/rmbg", timeout=WAIT),
    ]

    for each in answers:
        assert each.headers["X-RemBG-Sandbox"] == "1"
        assert each.headers["Server"] == "RemBG sandbox"
        assert len(each.headers["X-Request-Id"]) == 32
        assert "Set-Cookie" not in each.headers
    assert [each.status_code for each in answers] == [200, 401, 200, 200, 404, 405]


@pytest.mark.parametrize(
    "path", ["/v1/removebg", "/v1.0/removebg", "/api/remove", "/api/rmbg", "/rmbg/"]
)
def test_addresses_of_other_services_are_404_in_rembgs_form(box: Box, path):
    answer = requests.post(
        f"{box.url}{path}",
        files={"file": ("a.png", DOT)},
        headers={"x-api-key": "sandbox-http"},
        timeout=WAIT,
    )

    assert answer.status_code == 404
    assert answer.json() == {"error": "There is nothing at this address.", "status": 404}


def test_u33_a_chunked_upload_is_read(box: Box):
    status, _, body = parsed(box.raw(head(*COMMON, b"Transfer-Encoding: chunked"), chunked(BODY)))

    assert status == 200
    assert body.startswith(b"\x89PNG")


def test_s7_expect_continue_is_answered_when_the_body_is_wanted(box: Box):
    with socket.create_connection(("127.0.0.1", box.port), timeout=WAIT) as link:
        link.sendall(head(*COMMON, b"Content-Length: %d" % len(BODY), b"Expect: 100-continue"))
        assert link.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        link.sendall(BODY)
        assert link.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_s7_a_bad_key_is_told_before_the_body_is_sent(box: Box):
    answer = box.raw(head(b"Content-Length: 1000", b"Expect: 100-continue"), close=False)

    assert parsed(answer)[0] == 401
    assert b"100 Continue" not in answer


def test_f25_a_bad_key_is_told_to_somebody_who_sends_on(box: Box):
    answer = box.remove(b"\0" * 20_000_000, key="nobody")

    assert answer.status_code == 401


def test_s8_requests_on_one_connection_are_answered_in_order(box: Box):
    one = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    bad = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde"

    answer = box.raw(one + bad + one)

    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"404", b"200"]


def test_u28_more_than_64_mb_is_a_413(box: Box):
    length = 64 * 1024 * 1024 + 1
    told = box.raw(head(*COMMON, b"Content-Length: %d" % length))

    assert parsed(told)[0] == 413
    assert json.loads(parsed(told)[2])["status"] == 413


def test_u28_more_than_64_mb_in_chunks_is_a_413(box: Box):
    part = b"100000\r\n" + b"\0" * 0x100000 + b"\r\n"
    with socket.create_connection(("127.0.0.1", box.port), timeout=WAIT) as link:
        link.sendall(head(*COMMON, b"Transfer-Encoding: chunked"))
        start, _ = form({}, b"")
        link.sendall(b"%x\r\n%s\r\n" % (len(start) - 10, start[:-10]))
        for _ in range(64):
            link.sendall(part)
        link.sendall(b"1\r\n")
        link.settimeout(WAIT)
        assert link.recv(100).startswith(b"HTTP/1.1 413")


def test_u29_silence_in_the_middle_of_a_body_is_cut(tmp_path):
    box = Box(tmp_path, model=tmp_path / "none", SANDBOX_READ_TIMEOUT="0.5")

    answer = box.raw(head(*COMMON, b"Content-Length: 5000"), BODY[:50], close=False)

    assert parsed(answer)[0] == 408
    assert box.stop() == 0


def test_u30_a_body_that_breaks_off_is_a_400_and_costs_nothing(box: Box):
    answer = box.raw(head(*COMMON, b"Content-Length: %d" % len(BODY)), BODY[:-20])

    assert parsed(answer)[0] == 400
    assert error(answer) == "The request was cut off."
    assert box.ledger("sandbox-http-cut") == []


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(
            head(b"Content-Length: 5", b"Transfer-Encoding: chunked"), 400, id="S1-both-lengths"
        ),
        pytest.param(head(b"Transfer-Encoding: gzip, chunked"), 400, id="S1-coding"),
        pytest.param(head(b"Host: y"), 400, id="S2-two-hosts"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="S2-no-host"),
        pytest.param(head(b"X: " + b"a" * 66_000), 431, id="S4-long-header"),
        pytest.param(head(*[b"X: a"] * 101), 431, id="S4-many-headers"),
        pytest.param(head(first=b"TRACE / HTTP/1.1"), 405, id="S5-trace"),
        pytest.param(head(first=b"GET /?" + b"a" * 9000 + b" HTTP/1.1"), 414, id="S6-long-url"),
        pytest.param(b"GET /\r\n", 400, id="S9-http-0.9"),
        pytest.param(head(b"Bad Header: x"), 400, id="space-in-header-name"),
        pytest.param(head(b"Content-Length: -5"), 400, id="U32-negative"),
        pytest.param(head(b"Content-Length: 5", b"Content-Length: 6"), 400, id="U32-two"),
        pytest.param(head(b"Content-Length: abc"), 400, id="U32-text"),
        pytest.param(
            head(*COMMON, b"Transfer-Encoding: chunked") + b"zz\r\n", 400, id="chunk-size"
        ),
        pytest.param(
            head(*COMMON, b"Transfer-Encoding: chunked") + b"2\r\nabcd\r\n", 400, id="chunk-length"
        ),
        pytest.param(
            head(KEY.strip(), b"Content-Type: multipart/form-data", b"Content-Length: 0"),
            400,
            id="U35-no-boundary",
        ),
        pytest.param(head(*COMMON, b"Content-Length: 7") + b"garbage", 400, id="U35-no-multipart"),
        pytest.param(
            head(KEY.strip(), b"Content-Type: application/json", b"Content-Length: 2") + b"{}",
            400,
            id="U38-json",
        ),
    ],
)
def test_what_nobody_should_send_is_refused_in_json(box: Box, request_bytes, status):
    answer = parsed(box.raw(request_bytes))

    assert answer[0] == status
    assert json.loads(answer[2])["status"] == status
    assert answer[1]["x-rembg-sandbox"] == "1"


def test_head_has_no_body(box: Box):
    answer = requests.head(f"{box.url}/healthz", timeout=WAIT)

    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) > 0
    assert answer.content == b""


def test_64_connections_at_once_are_served(box: Box):
    links = [socket.create_connection(("127.0.0.1", box.port), timeout=WAIT) for _ in range(64)]
    try:
        for link in links:
            link.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert all(link.recv(15) == b"HTTP/1.1 200 OK" for link in links)
    finally:
        for link in links:
            link.close()


def test_k5_neither_keys_nor_queries_are_logged(tmp_path):
    box = Box(tmp_path, model=tmp_path / "none")
    canary = "sandbox-canary4711"
    box.remove(DOT, key=canary)
    box.usage(canary, year="canary4711")
    box.set_account(canary, api_usage=3)
    box.ledger(canary)
    requests.get(f"{box.url}/{canary}?key={canary}", timeout=WAIT)
    requests.get(f"{box.url}/rmbg", headers={"x-api-key": canary}, timeout=WAIT)
    assert box.stop() == 0

    lines = [json.loads(line) for line in box.log.splitlines()]

    assert "canary4711" not in box.log
    assert [each.get("route") for each in lines if "route" in each] == [
        "/rmbg",
        "/api/membership-usage",
        "/sandbox/accounts",
        "/sandbox/ledger",
        "other",
        "/rmbg",
    ]


def test_the_start_page_says_what_it_is(box: Box):
    answer = requests.get(box.url, timeout=WAIT)
    style = requests.get(f"{box.url}/page.css", timeout=WAIT)

    assert "This is not rembg.com." in answer.text
    for name in ("sandbox-premium-2", "sandbox-fault-flaky", "sandbox-fault-mask_bg"):
        assert name in answer.text
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "<style" not in answer.text
    assert "style=" not in answer.text
    assert style.headers["Content-Type"].startswith("text/css")


def test_a_strange_host_cannot_write_into_the_page(box: Box):
    answer = box.raw(b"GET / HTTP/1.1\r\nHost: <script>x\r\nConnection: close\r\n\r\n")

    assert b"<script>" not in answer


@pytest.mark.parametrize(
    "headers",
    [{"X-Forwarded-For": "1.2.3.4"}, {"Forwarded": "for=1.2.3.4"}],
    ids=["x-forwarded-for", "forwarded"],
)
def test_controls_do_not_answer_through_a_proxy(box: Box, headers):
    answer = requests.post(
        f"{box.url}/sandbox/reset", json={"key": None}, headers=headers, timeout=WAIT
    )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"key": null}', "text/plain", 415),
        (b"{", "application/json", 400),
        (b"[" * 100_000, "application/json", 413),
        (b"[" * 50_000, "application/json", 400),
        (b'{"key": "sandbox-x", "now": true}', "application/json", 400),
        (b'{"key": "sandbox-x", "now": -1}', "application/json", 400),
        (b'{"key": "nobody", "now": 1}', "application/json", 401),
        (b'{"key": "sandbox-x", "then": 1}', "application/json", 400),
    ],
)
def test_controls_refuse_what_they_do_not_know(box: Box, content, kind, status):
    answer = requests.put(
        f"{box.url}/sandbox/clock", data=content, headers={"Content-Type": kind}, timeout=WAIT
    )

    assert answer.status_code == status


def test_healthz_names_the_model(box: Box):
    assert requests.get(f"{box.url}/healthz", timeout=WAIT).json() == {
        "status": "ok",
        "model": "none",
    }
