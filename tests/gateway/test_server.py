"""The server and its wire at the edges (SAFETY S1-S9, A13, R6, R11): raw bytes, many at once."""

import contextlib
import json
import select
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dashboard.lib.bodies import PER_PEER
from dashboard.removals.models import Removal
from dashboard.teams.models import Membership
from tests.gateway.conftest import ANSWER, PICTURE, at_once, issued
from tests.gateway.test_uploads import END, IMAGE, part, request
from tests.keys.canary import leaks
from tests.ports import is_listened_to
from tests.removals.conftest import subject
from tests.waiting import WAIT, wait_until

MB = 1024 * 1024
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n"
CLOSE = b"Connection: close\r\n\r\n"
BODY = IMAGE + END
LENGTH = b"Content-Length: %d" % len(BODY)


def answers(raw):
    """The status of each answer in what came back."""
    return [int(line.split()[0]) for line in raw.split(b"HTTP/1.1 ")[1:]]


# ── Odd requests ─────────────────────────────────────────────────────────────
def test_s1_a_length_beside_chunks_is_never_both_read(gateway, stage, secret):
    """RFC 9112, 6.3: the chunks win and the connection ends, or 400."""
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    smuggled = b"GET /healthz?smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    headers = (b"Content-Length: %d" % (len(chunks) + len(smuggled)), b"Transfer-Encoding: chunked")

    raw = gateway.raw(request(secret, chunks + smuggled, *headers), timeout=3)

    assert answers(raw) in ([400], [200], [200, 200])
    if answers(raw)[0] == 200:
        assert stage.bodies[0].count(PICTURE) == 1
        assert b"smuggled" not in stage.bodies[0]
    assert len(stage.bodies) <= 1


def test_s1_chunks_beside_a_short_length_are_not_cut_by_it(gateway, stage, secret):
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    headers = (b"Transfer-Encoding: chunked", b"Content-Length: 5", b"Connection: close")

    raw = gateway.raw(request(secret, chunks, *headers), timeout=3)

    assert answers(raw) in ([400], [200])


def test_s1_an_encoding_that_hides_is_refused(gateway, stage, secret):
    for encoding in (b"xchunked", b"chunked, identity", b"\x0bchunked"):
        raw = gateway.raw(
            request(secret, BODY, b"Transfer-Encoding: " + encoding, LENGTH), timeout=2
        )

        assert not stage.bodies, encoding
        assert all(status >= 400 for status in answers(raw)), (encoding, raw[:200])


@pytest.mark.parametrize("hosts", [("127.0.0.1", "evil.test"), ("evil.test", "127.0.0.1")])
def test_s2_two_hosts_are_none(gateway, hosts):
    lines = "".join(f"Host: {host}\r\n" for host in hosts)

    raw = gateway.raw(b"GET /healthz HTTP/1.1\r\n" + lines.encode() + CLOSE)

    assert answers(raw) == [400]


def test_s2_another_host_is_refused_without_being_repeated(gateway, secret):
    raw = gateway.raw(
        request(secret, BODY, LENGTH, b"Connection: close").replace(
            b"Host: 127.0.0.1", b"Host: evil.test"
        )
    )

    assert answers(raw) == [400]
    assert b"evil" not in raw


@pytest.mark.parametrize("size", [64 * 1024, 300 * 1024])
def test_s4_a_header_of_64_kb_is_431(gateway, size):
    raw = gateway.raw(HEALTH + b"X-Long: " + b"x" * size + b"\r\n" + CLOSE)

    assert answers(raw) == [431]


def test_s4_a_thousand_headers_are_431_or_400(gateway):
    raw = gateway.raw(HEALTH + b"".join(b"X-%d: x\r\n" % n for n in range(1000)) + CLOSE)

    assert answers(raw) in ([431], [400])


@pytest.mark.parametrize("path", [b"/rmbg", b"/api/membership-usage", b"/healthz", b"/"])
@pytest.mark.parametrize("method", [b"TRACE", b"CONNECT", b"PROPFIND", b"get"])
def test_s5_methods_that_nobody_needs_are_405(gateway, secret, method, path):
    target = b"127.0.0.1:80" if method == b"CONNECT" else path
    head = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: %s\r\n" % (
        method,
        target,
        secret.encode(),
    )

    raw = gateway.raw(head + CLOSE, timeout=5)

    assert answers(raw)[0] in (405, 400), raw[:200]
    assert not leaks(raw, secret)  # TRACE would show the key to a script.


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/rmbg", "POST"),
        ("PUT", "/rmbg", "POST"),
        ("OPTIONS", "/rmbg", "POST"),
        ("POST", "/api/membership-usage", "GET, HEAD"),
        ("DELETE", "/api/openapi", "GET, HEAD"),
    ],
)
def test_the_wire_says_which_method_it_takes(gateway, method, path, allowed):
    answer = requests.request(method, f"{gateway.url}{path}", timeout=WAIT)

    document = answer.json()
    assert (answer.status_code, document["status"], document["code"]) == (405, 405, "method")
    assert answer.headers["Allow"] == allowed
    assert answer.headers["X-Credits-Charged"] == "0"


def test_s6_an_address_of_8_kb_is_414(gateway):
    raw = gateway.raw(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE)

    assert answers(raw) == [414]
    document = json.loads(raw.partition(b"\r\n\r\n")[2])
    assert document["status"] == 414
    assert document["request_id"].encode() in raw.partition(b"\r\n\r\n")[0]


def test_s7_who_asks_before_sending_is_told_to_go_on(gateway, stage, secret):
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT) as link:
        link.sendall(request(secret, b"", LENGTH, b"Expect: 100-continue", b"Connection: close"))
        first = link.recv(1000)
        link.sendall(BODY)
        rest = b""
        while piece := link.recv(1 << 16):
            rest += piece

    assert first.startswith(b"HTTP/1.1 100")
    assert answers(rest) == [200]


def test_s7_who_asks_with_a_wrong_key_is_told_no_before_sending(gateway, stage, secret):
    wrong = "rbk_" + "0" * 49
    head = request(wrong, b"", LENGTH, b"Expect: 100-continue")

    raw = gateway.raw(head, timeout=3)

    assert answers(raw) == [401]


def test_s8_requests_in_one_line_keep_their_keys_apart(gateway, stage, mine, secret, evil, mallory):
    """One connection, as a proxy keeps it: two teams' calls one behind the other."""
    theirs = Membership.objects.get(user=mallory, team=evil)
    _, other = issued(theirs)
    both = request(secret, BODY, LENGTH) + request(other, BODY, LENGTH)
    both += request(secret, BODY, LENGTH, b"Connection: close")

    raw = gateway.raw(both)

    assert answers(raw) == [200, 503, 200]
    assert b"This team has no RemBG key yet." in raw
    assert set(Removal.objects.values_list("team__slug", flat=True)) == {"acme"}


@pytest.mark.parametrize("line", [b"GET /\r\n", b"GET / HTTP/0.9\r\n\r\n", b"\x16\x03\x01\x02\x00"])
def test_s9_what_is_no_http_gets_400_or_nothing(gateway, line):
    raw = gateway.raw(line, close=True, timeout=5)

    assert answers(raw) in ([400], [505], [])


# ── Many at once ─────────────────────────────────────────────────────────────
def test_u34_slow_bodies_of_two_teams_leave_the_site_answering(
    gateway, stage, secret, evil, mallory
):
    """More of them than there are threads: some are refused, so that the site is never full."""
    _, other = issued(Membership.objects.get(user=mallory, team=evil))
    links = []

    def refused():
        return select.select(links, [], [], 0)[0]

    with contextlib.ExitStack() as stack:
        for each in [secret, other] * 100:
            link = socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT)
            head = request(each, IMAGE[:100], b"Content-Length: 1000000")
            stack.enter_context(link).sendall(head)
            links.append(link)
        wait_until(lambda: len(refused()) == 200 - PER_PEER, lambda: len(refused()))

        for path in ("/healthz", "/accounts/login/") * 3:
            assert requests.get(f"{gateway.url}{path}", timeout=WAIT).status_code == 200

        # They were answered while all the others are still on their way.
        assert len(refused()) == 200 - PER_PEER
    assert not stage.bodies


def bitmap(rows):
    """A form with a picture of 12 KB a row."""
    side = 4000
    picture = bytearray(subject("BMP", size=(60, 45))[:54] + bytes(side * 3 * rows))
    picture[2:6] = len(picture).to_bytes(4, "little")
    picture[18:26] = side.to_bytes(4, "little") + rows.to_bytes(4, "little")
    return part(b"image", bytes(picture), b"cat.bmp") + END


def test_r11_memory_does_not_grow_with_uploads(transactional_db, start_gateway, stage, secret):
    """Twenty pictures of 49 MB at once: at most 1 MB for each, beside the threads for them.

    On a server of its own: what others did on a shared one is in its memory, too.
    """
    gateway = start_gateway()

    def play(scene):
        left = int(scene.headers["Content-Length"])
        while left:
            left -= len(scene.rfile.read(min(left, MB)))
        scene.give(ANSWER)

    # Small pictures first, as many under way at once: what their threads take is taken by then.
    with ThreadPoolExecutor(20) as pool, stage.holding():
        for _ in range(20):
            pool.submit(gateway.call, secret)
        stage.wait_for(20)
    stage.play = play
    form = bitmap(4100)
    gateway.forget_peak()
    base = gateway.memory()

    seen = at_once(20, lambda _: gateway.send(secret, form).status_code)

    peak = gateway.memory("VmHWM")
    assert seen == [200] * 20
    assert peak < 400 * MB
    assert peak - base <= 20 * MB


def test_r6_asked_to_stop_it_finishes_what_is_under_way(
    transactional_db, start_gateway, stage, secret
):
    gateway = start_gateway()
    with ThreadPoolExecutor(21) as pool:
        with stage.holding():
            under_way = [pool.submit(gateway.call, secret) for _ in range(20)]
            stage.wait_for(20)
            gateway.process.send_signal(signal.SIGTERM)
            # Not called: a call in the moment of the signal can keep granian listening.
            wait_until(lambda: not is_listened_to(gateway.port), "nobody to be let in any more")
        seen = [call.result() for call in under_way]

    assert [(answer.status_code, answer.content) for answer in seen] == [(200, ANSWER)] * 20
    assert gateway.process.wait(WAIT) == 0
    assert len(stage.bodies) == 20
    assert Removal.objects.filter(state="done", charged="yes").count() == 20
    assert gateway.temporary_files == []
