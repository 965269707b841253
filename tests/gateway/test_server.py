"""The server and its wire at the edges (promises S1-S9, A13, R6, R11): raw bytes, many at once."""

import contextlib
import json
import select
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from dashboard.lib.wsgi_adapter import PER_PEER
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
def half_sent(gateway, address, secret, path=b"/rmbg"):
    """A connection from a loopback address that announces a body and stops in the middle."""
    link = socket.create_connection(("127.0.0.1", gateway.port), WAIT, (address, 0))
    head = request(secret, IMAGE[:100], b"Content-Length: 1000000")
    link.sendall(head.replace(b"/rmbg", path))
    return link


@pytest.mark.parametrize("path", [b"/rmbg", b"/accounts/login/"])
def test_r21_half_sent_bodies_of_two_addresses_are_not_felt_by_others(gateway, stage, secret, path):
    """More of them than there are threads; each is answered and ended in the end."""
    with contextlib.ExitStack() as stack:
        links = [
            stack.enter_context(half_sent(gateway, f"127.0.0.{2 + number % 2}", secret, path))
            for number in range(200)
        ]

        for page in ("/healthz", "/accounts/login/") * 3:
            assert requests.get(f"{gateway.url}{page}", timeout=WAIT).status_code == 200
        seen = at_once(16, lambda _: gateway.call(secret).status_code)
        ended = [answers(everything(link)) for link in links]

    assert seen == [200] * 16
    assert ended == [[408]] * 200
    assert len(stage.bodies) == 16


def test_u34_one_address_has_its_share_of_bodies(gateway, stage, secret):
    with contextlib.ExitStack() as stack:
        links = [
            stack.enter_context(half_sent(gateway, "127.0.0.2", secret))
            for _ in range(PER_PEER + 20)
        ]

        def refused():
            return select.select(links, [], [], 0)[0]

        wait_until(lambda: len(refused()) >= 20, lambda: len(refused()))
        first = [everything(link) for link in refused()[:20]]
        assert gateway.call(secret).status_code == 200

    for raw in first:
        assert answers(raw) == [503]
        assert b"retry-after: 5" in raw
        assert b"connection: close" in raw
    assert len(stage.bodies) == 1


def test_r21_a_body_that_drips_is_ended(gateway, stage, secret):
    """A byte now and then is no silence, and still too slow: its total is bounded."""
    with half_sent(gateway, "127.0.0.2", secret) as link:
        link.settimeout(2)
        raw = b""
        while not raw:
            with contextlib.suppress(TimeoutError):
                raw = link.recv(1 << 16)
                break
            link.sendall(b"x")

    assert answers(raw) == [408]
    assert json.loads(raw.partition(b"\r\n\r\n")[2])["code"] == "too_slow"


def everything(link):
    """All that comes until the server closes."""
    raw = b""
    with contextlib.suppress(ConnectionError):
        while piece := link.recv(1 << 16):
            raw += piece
    return raw


# ── Headers of answers given before Django's views ───────────────────────────
LARGE = b"Content-Length: %d\r\n" % (64 * MB + 1)
EARLY = {
    "405": b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE,
    "413": b"POST /api/v1/teams HTTP/1.1\r\nHost: 127.0.0.1\r\n" + LARGE + CLOSE,
    "414": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + CLOSE,
    "431": HEALTH + b"X-Long: " + b"x" * 40_000 + b"\r\n" + CLOSE,
}


@pytest.mark.parametrize("status", EARLY)
def test_early_answers_carry_the_headers_of_all_answers(gateway, status):
    head = gateway.raw(EARLY[status]).partition(b"\r\n\r\n")[0].decode().lower()

    assert head.startswith(f"http/1.1 {status}")
    for line in (
        "x-content-type-options: nosniff",
        "cache-control: private, no-store",
        "referrer-policy: same-origin",
        "content-security-policy: ",
        "default-src 'none'",
        "x-request-id: ",
    ):
        assert line in head


@pytest.mark.parametrize("status", ["405", "413", "414", "431"])
def test_early_answers_of_an_https_site_say_so(transactional_db, proxied, status):
    proxy = b"Host: 127.0.0.1\r\nX-Forwarded-Proto: https\r\n"
    raw = proxied.raw(EARLY[status].replace(b"Host: 127.0.0.1\r\n", proxy))

    assert answers(raw) == [int(status)]
    assert b"strict-transport-security: max-age=31536000; includeSubDomains" in raw


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_what_a_machine_asks_is_not_led_to_https(transactional_db, proxied, path):
    headers = {"Host": f"127.0.0.1:{proxied.port}"}

    answer = requests.get(
        f"{proxied.url}{path}", headers=headers, timeout=WAIT, allow_redirects=False
    )

    assert answer.status_code in (200, 503)


@pytest.fixture(scope="module")
def proxied(start_gateway):
    """A gateway of a site with https, behind a proxy."""
    gateway = start_gateway(SITE_URL="https://127.0.0.1", BEHIND_PROXY="1")
    gateway.url = f"http://127.0.0.1:{gateway.port}"
    return gateway


def test_a_wrong_host_leaves_no_traceback_in_the_log(gateway):
    before = len(gateway.log)

    raw = gateway.raw(HEALTH.replace(b"Host: 127.0.0.1", b"Host: evil.test") + CLOSE)

    assert answers(raw) == [400]
    wait_until(lambda: "GET 400" in gateway.log[before:], "its line in the log")
    assert "Traceback" not in gateway.log[before:]


def test_a_refused_upload_that_ends_the_connection_says_so(gateway, secret):
    wrong = "rbk_" + "0" * 49

    raw = gateway.raw(request(wrong, b"--X\r\n", b"Content-Length: 50000000"), timeout=5)

    assert answers(raw) == [401]
    assert b"connection: close" in raw


def test_a_header_with_an_underscore_is_no_key(gateway, secret):
    """A20: `x_api_key` would be `x-api-key` to WSGI."""
    raw = gateway.raw(
        request("", BODY, LENGTH, b"x_api_key: " + secret.encode(), b"Connection: close")
    )

    assert answers(raw) == [401]


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

    # A smaller one would be that of an account without credits, which is not asked again.
    answer = subject("WEBP", size=(500, 375))

    def play(scene):
        left = int(scene.headers["Content-Length"])
        while left:
            left -= len(scene.rfile.read(min(left, MB)))
        scene.give(answer)

    # Small pictures first, as many under way at once: what their threads take is taken by then.
    with ThreadPoolExecutor(20) as pool, stage.holding():
        for _ in range(20):
            pool.submit(gateway.call, secret)
        stage.wait_for(20)
    stage.play = play
    form = bitmap(4100)
    gateway.forget_peak()
    base = gateway.memory()

    told = at_once(20, lambda _: gateway.send(secret, form))
    seen = [answer.status_code for answer in told]

    peak = gateway.memory("VmHWM")
    assert seen == [200] * 20, [answer.text for answer in told if answer.status_code != 200]
    assert peak < 400 * MB
    assert peak - base <= 20 * MB, (peak - base) / MB


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
