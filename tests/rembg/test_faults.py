"""The F rows of promises 2.6, over real sockets: what broke, was it sent, may it be sent again."""

import contextlib
import io
import socket
import ssl
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import trustme

from dashboard.rembg import errors, pictures, recognition
from dashboard.rembg.breaker import LEAST, Breakers
from dashboard.rembg.client import TransferPhase, open_session
from dashboard.rembg.multipart import MultipartBody
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.wire import Exchange, Timeouts
from tests.ports import refusing
from tests.rembg.broken import WEBP, each
from tests.rembg.conftest import BRIEF, CANARY, LONG, QUICK, ROOMY, drawn
from tests.rembg.hostile import Line, always, hostile, http, refusal
from tests.waiting import WAIT

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LATE = WAIT  # Seconds: more than a busy machine adds to a limit, less than a limit not meant.


def fails(client, image, leaf):
    """Try a removal, and return why it failed, with the seconds that it took."""
    target = io.BytesIO()
    begun = time.monotonic()
    with pytest.raises(errors.RembgError) as caught:
        client.remove(io.BytesIO(image), target)
    error = caught.value
    assert type(error) is leaf
    assert target.getvalue() == b""
    return error, time.monotonic() - begun


def facts(error):
    return error.sent, error.charged, error.retriable


@pytest.fixture(scope="session")
def large() -> bytes:
    """A BMP of more than 6 MB: more than the kernel takes for a server that does not read."""
    return drawn(1500, 1500, "BMP")


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


def tls_server(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture(scope="session")
def trusting(authority, tmp_path_factory):
    """A session that trusts the test's authority."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    with open_session(ca_file=str(path)) as session:
        yield session


def test_f1_connection_refused(client_of, photo):
    with refusing() as url:
        error, _ = fails(client_of(url), photo, errors.Unreachable)

    assert facts(error) == ("no", "no", True)


def test_f1_no_such_name(client_of, photo):
    error, _ = fails(client_of("https://rembg..invalid"), photo, errors.Unreachable)

    assert facts(error) == ("no", "no", True)


def test_f2_connection_not_accepted(client_of, photo):
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as stack:
        for _ in range(3):  # Once the queue is full, the kernel answers no more.
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"

        error, seconds = fails(client_of(url, timeouts=QUICK), photo, errors.ConnectTimeout)

    assert facts(error) == ("no", "no", True)
    assert seconds < LATE


def test_f2_secure_connection_not_begun(client_of, photo):
    with hostile(lambda line: line.wait()) as server:
        url = server.url.replace("http:", "https:")

        error, seconds = fails(client_of(url, timeouts=QUICK), photo, errors.ConnectTimeout)

    assert facts(error) == ("no", "no", True)
    assert seconds < LATE


@pytest.mark.parametrize("case", ["self-signed", "wrong-host", "expired", "not-tls"])
def test_f3_a5_an_untrusted_server_gets_nothing(client_of, photo, authority, trusting, case):
    stranger = trustme.CA()
    certificate = {
        "self-signed": lambda: stranger.issue_cert("127.0.0.1"),
        "wrong-host": lambda: authority.issue_cert("other.example"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=LONG_AGO),
        "not-tls": lambda: None,
    }[case]()
    got = bytearray()

    def script(line: Line) -> None:
        with contextlib.suppress(OSError):
            got.extend(line.sock.recv(65536))
            if certificate is None:
                line.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    tls = tls_server(certificate) if certificate else None
    with hostile(script, tls=tls) as server:
        client = client_of(server.url.replace("http:", "https:"), session=trusting)

        error, _ = fails(client, photo, errors.TlsFailed)

    assert facts(error) == ("no", "no", False)
    assert CANARY.encode() not in got


def test_a_trusted_server_is_spoken_to(client_of, photo, cutout, authority, trusting):
    tls = tls_server(authority.issue_cert("127.0.0.1"))
    with hostile(always(http(200, cutout, Content_Type=WEBP)), tls=tls) as server:
        client = client_of(server.url, session=trusting)

        removed = client.remove(io.BytesIO(photo), io.BytesIO())

    assert (removed.width, removed.height) == (640, 480)
    assert b"x-api-key: " + CANARY.encode() in server.heads[0]


@each()
def test_what_breaks_is_called_by_its_name_and_nothing_is_kept(
    client_of, photo, large, fault, tmp_path
):
    limits = {"answer_timeout": QUICK, "upload_cut": QUICK}.get(fault.code, BRIEF)
    target = tmp_path / "answer.webp"
    with hostile(fault.script) as server, pytest.raises(errors.RembgError) as caught:
        client = client_of(server.url, timeouts=limits if fault.is_slow else ROOMY)
        client.remove(io.BytesIO(large if fault.is_large else photo), target)

    error = caught.value
    assert error.code == fault.code
    assert facts(error) == (fault.sent, "unknown", False)
    assert (server.connections, target.exists()) == (1, False)


def test_f6_a_picture_may_take_longer_than_the_pause_between_bytes(client_of, photo, cutout):
    def script(line: Line) -> None:
        line.request()
        time.sleep(0.3)
        line.send(http(200, cutout, Content_Type=WEBP))

    with hostile(script) as server:
        patient = client_of(server.url, timeouts=Timeouts(read=0.1, answer=LONG, total=LONG))
        hasty = client_of(server.url, timeouts=Timeouts(read=LONG, answer=0.1, total=LONG))

        assert patient.remove(io.BytesIO(photo), io.BytesIO()).width == 640
        fails(hasty, photo, errors.AnswerTimeout)


@pytest.mark.parametrize("step", ["send", "wait", "read"])
def test_f6_the_total_deadline_holds_whatever_the_other_limits(client_of, large, cutout, step):
    def script(line: Line) -> None:
        line.head() if step == "send" else line.request()
        if step == "read":
            line.send(http(200, cutout[:50], Content_Type=WEBP, Content_Length=len(cutout)))
        line.wait()

    with hostile(script) as server:
        client = client_of(server.url, timeouts=BRIEF)
        begun = time.monotonic()
        with pytest.raises(errors.OutcomeUnknown):
            client.remove(io.BytesIO(large), io.BytesIO())

        assert time.monotonic() - begun < LATE


def test_f4_after_a_stalled_upload_an_answer_is_not_awaited_for_long(client_of, large):
    def script(line: Line) -> None:
        line.head()
        line.wait()

    with hostile(script) as server:
        client = client_of(server.url, timeouts=Timeouts(read=0.2, answer=LONG, total=LONG))

        _, seconds = fails(client, large, errors.UploadCut)

    assert seconds < LATE


@pytest.mark.parametrize(
    ("timed_out", "leaf"), [(False, errors.Unreachable), (True, errors.ConnectTimeout)]
)
def test_f1_f2_lost_before_the_first_byte_of_the_picture(photo, timed_out, leaf):
    body = MultipartBody(io.BytesIO(photo), filename="image.jpg", content_type="image/jpeg")
    exchange = Exchange(QUICK, body, is_connected=True, has_timed_out=timed_out)

    assert type(recognition.fault(exchange)) is leaf
    body.read(1)
    assert type(recognition.fault(exchange)) is errors.UploadCut


def test_f10_a_picture_without_a_type_is_known_by_its_content(client_of, photo, cutout):
    with hostile(always(http(200, cutout))) as server:
        removed = client_of(server.url).remove(io.BytesIO(photo), io.BytesIO())

    assert removed.content_type == WEBP


@pytest.mark.parametrize(
    ("came", "asked", "notices"),
    [
        pytest.param((640, 480), {}, [], id="as-asked"),
        pytest.param((480, 640), {}, [], id="turned-by-exif"),
        pytest.param((460, 345), {}, ["degraded"], id="degraded"),
        pytest.param((600, 450), {}, ["size"], id="another-size"),
        pytest.param((320, 240), {"w": 320}, [], id="w"),
        pytest.param((320, 240), {"w": 320, "h": 300}, [], id="fits-w-h"),
        pytest.param((300, 225), {"w": 320}, ["size"], id="another-w"),
        pytest.param((320, 300), {"w": 320, "h": 300, "exact_resize": True}, [], id="exact"),
        pytest.param(
            (320, 240), {"w": 320, "h": 300, "exact_resize": True}, ["size"], id="inexact"
        ),
        pytest.param((792, 792), {"angle": 45.0}, [], id="turned"),
    ],
)
def test_f12_a_size_that_was_not_asked_for_is_noticed(client_of, photo, came, asked, notices):
    answer = http(200, drawn(*came, "WEBP"), Content_Type=WEBP)

    with hostile(always(answer)) as server:
        removed = client_of(server.url).remove(io.BytesIO(photo), io.BytesIO(), Parameters(**asked))

    assert [notice.code for notice in removed.notices] == notices
    assert removed.is_degraded == ("degraded" in notices)
    assert (removed.width, removed.height) == came


def test_f12_a_small_input_may_come_back_small(client_of):
    with hostile(always(http(200, drawn(468, 400, "WEBP"), Content_Type=WEBP))) as server:
        removed = client_of(server.url).remove(io.BytesIO(drawn(468, 400, "PNG")), io.BytesIO())

    assert removed.notices == ()


@pytest.mark.parametrize(
    ("answer", "leaf", "retriable"),
    [
        pytest.param(refusal(400, "Something new."), errors.UnknownRefusal, False, id="F13"),
        pytest.param(
            http(400, b'{"details": [{"field": "w", "message": "no"}, "h is bad"]}'),
            errors.InvalidFields,
            False,
            id="F14",
        ),
        pytest.param(refusal(401, "invalid api key"), errors.BadKey, False, id="F15"),
        pytest.param(
            refusal(403, "Email address not verified"), errors.Unverified, False, id="F16"
        ),
        pytest.param(refusal(429, "too quickly"), errors.RateShort, True, id="F17"),
        pytest.param(refusal(429, "your daily limit"), errors.RateDaily, False, id="F18"),
        pytest.param(refusal(429, "your monthly limit"), errors.RateMonthly, False, id="F19"),
        pytest.param(http(429, b"<html>Slow</html>"), errors.RateUnknown, True, id="F20-html"),
        pytest.param(http(429), errors.RateUnknown, True, id="F20-empty"),
    ],
)
def test_refusals_cost_nothing(client_of, photo, answer, leaf, retriable):
    with hostile(always(answer)) as server:
        error, _ = fails(client_of(server.url), photo, leaf)

    assert facts(error) == ("yes", "no", retriable)
    assert server.connections == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
@pytest.mark.parametrize("body", [b'{"error": "Boom"}', b"<html>Bad gateway</html>", b""])
def test_f22_upstream_errors(client_of, photo, status, body):
    with hostile(always(http(status, body))) as server:
        error, _ = fails(client_of(server.url), photo, errors.UpstreamError)

    assert facts(error) == ("yes", "unknown", False)
    assert error.status == status
    assert server.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_f23_a5_a_redirect_is_not_followed(client_of, photo, status):
    trap_script = always(http(200, b"{}"))
    with hostile(trap_script) as trap:
        answer = http(status, b"Moved", Location=f"{trap.url}/rmbg")
        with hostile(always(answer)) as server:
            error, _ = fails(client_of(server.url), photo, errors.Redirected)
            with pytest.raises(errors.Redirected):
                client_of(server.url).usage()

    assert facts(error) == ("yes", "no", False)
    assert trap.connections == 0


def test_f23_the_body_of_a_redirect_is_not_swallowed(client_of, photo):
    sent = []

    def script(line: Line) -> None:
        line.request()
        line.send(http(302, Location="/there", Content_Length=None))
        for _ in range(300):
            line.send(bytes(1_000_000))
            sent.append(1)

    with hostile(script) as server:
        fails(client_of(server.url), photo, errors.Redirected)

    assert len(sent) < 30


@pytest.mark.parametrize("end", ["close", "silence"])
@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(
    ("answer", "leaf"),
    [
        (refusal(401, "invalid api key"), errors.BadKey),
        (refusal(429, "too quickly"), errors.RateShort),
    ],
)
def test_f25_an_early_answer_is_heard(
    client_of, large, authority, trusting, answer, leaf, secure, end
):
    def script(line: Line) -> None:
        line.head()
        line.send(answer)
        if end == "silence":
            line.wait()
        else:
            time.sleep(0.05)

    tls = tls_server(authority.issue_cert("127.0.0.1")) if secure else None
    with hostile(script, tls=tls) as server:
        # Who does not listen while we speak is given up after a second, and heard then.
        client = client_of(server.url, session=trusting, timeouts=replace(ROOMY, read=1))
        error, _ = fails(client, large, leaf)

    assert error.charged == "no"


def test_f26_a_key_that_is_echoed_is_not_shown(client_of, photo):
    echo = f"<script>Key {CANARY} is\0 \u202ebad</script>"

    with hostile(always(refusal(400, echo))) as server:
        error, _ = fails(client_of(server.url), photo, errors.UnknownRefusal)

    assert error.message == "<script>Key [redacted] is bad</script>"
    assert CANARY not in error.body_head


@pytest.mark.parametrize(
    ("date", "skew"),
    [
        pytest.param("Thu, 19 Nov 2026 12:00:00 GMT", 86400, id="a-day-ahead"),
        pytest.param("Wed, 18 Nov 2026 11:54:00 GMT", -360, id="six-minutes-behind"),
        pytest.param("Wed, 18 Nov 2026 12:05:00 GMT", None, id="five-minutes"),
        pytest.param("yesterday", None, id="nonsense"),
        pytest.param(None, None, id="none"),
    ],
)
def test_f27_a_wrong_clock_is_noticed(client_of, photo, cutout, date, skew):
    with hostile(always(http(200, cutout, Content_Type=WEBP, Date=date))) as server:
        removed = client_of(server.url).remove(io.BytesIO(photo), io.BytesIO())

    assert removed.clock_skew == skew


def test_f28_an_open_breaker_sends_nothing(client_of, photo):
    now = [0.0]
    breakers = Breakers(clock=lambda: now[0])
    with hostile(always(http(500))) as server:
        client = client_of(server.url, breakers=breakers)
        for _ in range(LEAST):
            fails(client, photo, errors.UpstreamError)

        error, _ = fails(client, photo, errors.BreakerOpen)

        assert server.connections == LEAST
        assert facts(error) == ("no", "no", True)
        assert error.retry_after == 30

        now[0] += 30
        fails(client, photo, errors.UpstreamError)
        fails(client, photo, errors.BreakerOpen)
        assert server.connections == LEAST + 1


def test_a_picture_that_shrinks_while_it_is_sent(client_of, large, tmp_path):
    path = tmp_path / "photo.bmp"
    path.write_bytes(large)

    def shrink(progress):
        with path.open("r+b") as file:
            file.truncate(1000)

    with hostile(lambda line: line.request()) as server, pytest.raises(errors.SourceChanged):
        client_of(server.url).remove(path, io.BytesIO(), on_upload=shrink)


def test_a_picture_that_cannot_be_read_is_not_the_networks_fault(client_of, large):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            if self.tell() > 1_000_000:
                raise OSError("Input/output error")
            return super().read(size)

    source = Broken(large)
    picture = pictures.inspect(io.BytesIO(large), filename="")
    with hostile(lambda line: line.request()) as server, pytest.raises(errors.SourceChanged):
        client_of(server.url).remove(source, io.BytesIO(), picture=picture)


def test_r5_a_full_disk_says_that_the_credit_is_spent(client_of, photo, cutout):
    with (
        hostile(always(http(200, cutout, Content_Type=WEBP))) as server,
        open("/dev/full", "wb", buffering=0) as full,
        pytest.raises(errors.NotStored) as caught,
    ):
        client_of(server.url).remove(io.BytesIO(photo), Unseekable(full))

    assert facts(caught.value) == ("yes", "yes", False)


class Unseekable:
    """The full disk, which takes no bytes but can be rewound."""

    def __init__(self, file):
        self.write = file.write
        self.seek = self.truncate = lambda *_: 0


def test_phases_are_told_in_order(client_of, photo, cutout):
    phases = []

    with hostile(always(http(200, cutout, Content_Type=WEBP))) as server:
        client_of(server.url).remove(io.BytesIO(photo), io.BytesIO(), on_phase=phases.append)

    assert phases == [TransferPhase.SENDING, TransferPhase.WAITING, TransferPhase.RECEIVING]


def test_a_callback_that_gives_up_ends_the_upload(client_of, large):
    class Stop(Exception):
        pass

    def stop(progress):
        raise Stop

    with hostile(lambda line: line.request()) as server, pytest.raises(Stop):
        client_of(server.url).remove(io.BytesIO(large), io.BytesIO(), on_upload=stop)


def test_ten_at_once_keep_their_own_deadlines(client_of, photo, cutout):
    def script(line: Line) -> None:
        line.request()
        if line.server.connections % 2:
            line.wait()
        line.send(http(200, cutout, Content_Type=WEBP))

    results = []

    def one():
        try:
            client.remove(io.BytesIO(photo), io.BytesIO())
            results.append("done")
        except errors.RembgError as error:
            results.append(error.code)

    with hostile(script) as server:
        client = client_of(server.url, timeouts=Timeouts(LONG, LONG, 0.5, LONG))
        threads = [threading.Thread(target=one) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert set(results) <= {"done", "answer_timeout"}
    assert len(results) == 10
