"""The client on good days: what it sends, what it reports, what it asks about accounts."""

import io
import json
import subprocess
import sys
import threading
import zlib
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rembg import errors
from dashboard.rembg.client import AGENT, Client
from dashboard.rembg.multipart import MultipartBody
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.progress import Meter
from dashboard.rembg.usage import Month, query
from tests.rembg.conftest import CANARY, drawn
from tests.rembg.hostile import Line, always, hostile, http, refusal

WEBP = "image/webp"
ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = {"membership": "Free", "credits": 50, "billingCycle": {"appUsage": 1}}


def as_json(document, status=200, **headers):
    return http(status, json.dumps(document).encode(), Content_Type="application/json", **headers)


def headers_of(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}


def parts_of(server):
    content_type = headers_of(server.heads[0])["content-type"]
    raw = f"Content-Type: {content_type}\r\n\r\n".encode() + server.bodies[0]
    return [
        (part.get_param("name", header="content-disposition"), part.get_payload(decode=True))
        for part in message_from_bytes(raw).get_payload()
    ]


def test_a_removal_sends_the_picture_and_what_was_asked(client_of, photo):
    answer = http(200, drawn(320, 240, "PNG"), Content_Type="image/png", X_Request_Id="r-1")
    target = io.BytesIO()

    with hostile(always(answer)) as server:
        asked = Parameters(format="png", w=320, bg_color="red", angle=0.0)
        removed = client_of(server.url).remove(io.BytesIO(photo), target, asked)

    assert parts_of(server) == [
        ("image", photo),
        ("format", b"png"),
        ("w", b"320"),
        ("bg_color", b"red"),
    ]
    assert b'filename="image.jpg"\r\nContent-Type: image/jpeg' in server.bodies[0]
    assert target.getvalue() == drawn(320, 240, "PNG")
    assert (removed.content_type, removed.width, removed.height) == ("image/png", 320, 240)
    assert (removed.size, removed.request_id) == (len(target.getvalue()), "r-1")
    assert 0 < removed.seconds < 60


def test_a_removal_sends_the_key_and_nothing_of_the_environment(
    client_of, photo, cutout, monkeypatch, tmp_path
):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    with hostile(always(http(200, cutout, Content_Type=WEBP))) as server:
        client_of(server.url).remove(io.BytesIO(photo), io.BytesIO())

    sent = headers_of(server.heads[0])
    assert server.heads[0].startswith(b"POST /rmbg HTTP/1.1\r\n")
    assert sent["x-api-key"] == CANARY
    assert sent["accept-encoding"] == "identity"
    assert sent["user-agent"] == AGENT
    assert int(sent["content-length"]) == len(server.bodies[0])
    assert "authorization" not in sent
    assert "transfer-encoding" not in sent


def test_cookies_of_one_account_do_not_travel_with_another(client_of):
    answer = as_json(ACCOUNT, Set_Cookie="session=alice; Path=/")

    with hostile(always(answer)) as server:
        client_of(server.url, key="first-account").usage()
        client_of(server.url, key="second-account").usage()

    assert "cookie" not in headers_of(server.heads[1])


def test_paths_are_read_and_written(client_of, photo, cutout, tmp_path):
    image, target = tmp_path / "photo.jpg", tmp_path / "cutout.webp"
    image.write_bytes(photo)
    target.write_bytes(b"x" * 100_000)

    with hostile(always(http(200, cutout, Content_Type=WEBP))) as server:
        client_of(server.url).remove(image, str(target))

    assert target.read_bytes() == cutout


def test_a_longer_older_answer_in_the_same_file_is_gone(client_of, photo, cutout):
    target = io.BytesIO(b"x" * 100_000)

    with hostile(always(http(200, cutout, Content_Type=WEBP))) as server:
        client_of(server.url).remove(io.BytesIO(photo), target)

    assert target.getvalue() == cutout


def test_a_picture_that_rembg_would_refuse_is_not_sent(client_of):
    with hostile(lambda line: None) as server, pytest.raises(errors.BadSignature):
        client_of(server.url).remove(io.BytesIO(b"GIF89a" + b"x" * 100), io.BytesIO())

    assert server.connections == 0


def test_progress_has_the_fields_that_rembg_js_reports(client_of, cutout):
    up, down = [], []
    image = drawn(1000, 1000, "BMP")

    with hostile(always(http(200, cutout, Content_Type=WEBP))) as server:
        client_of(server.url).remove(
            io.BytesIO(image), io.BytesIO(), on_upload=up.append, on_download=down.append
        )

    assert [(p.upload, p.download) for p in (up[0], down[0])] == [(True, False), (False, True)]
    assert (up[0].loaded, up[0].progress) == (0, 0.0)
    for reports, size in ((up, len(server.bodies[0])), (down, len(cutout))):
        last = reports[-1]
        assert (last.loaded, last.total, last.progress) == (size, size, 1.0)
        assert last.rate > 0
        assert last.estimated == 0
        assert sum(report.bytes for report in reports) == size


def test_progress_without_a_total_is_unknown_not_wrong(client_of, photo, cutout):
    down = []
    with hostile(always(http(200, cutout, Content_Type=WEBP, Content_Length=None))) as server:
        client_of(server.url).remove(io.BytesIO(photo), io.BytesIO(), on_download=down.append)

    assert (down[-1].loaded, down[-1].total, down[-1].progress) == (len(cutout), None, None)


def test_progress_comes_at_most_ten_times_a_second():
    now, reports = [0.0], []
    meter = Meter(reports.append, total=1000, upload=True, clock=lambda: now[0])

    for loaded in range(0, 1000, 10):
        meter.at(loaded)
        now[0] += 0.01
    meter.at(1000, last=True)

    assert 10 <= len(reports) <= 12
    assert reports[-1].progress == 1.0
    assert reports[5].rate == pytest.approx(1000, rel=0.2)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_compressed_answer_is_read_though_we_ask_for_none(client_of, encoding):
    squeeze = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    body = squeeze.compress(json.dumps(ACCOUNT).encode()) + squeeze.flush()

    with hostile(always(http(200, body, Content_Encoding=encoding))) as server:
        answer = client_of(server.url).usage()

    assert answer.credits == 50


@given(st.data())
def test_a_body_reads_the_same_in_pieces_of_any_size(data):
    image = data.draw(st.binary(max_size=300))
    body = MultipartBody(
        io.BytesIO(image),
        filename="image.png",
        content_type="image/png",
        fields=[("format", "png"), ("w", "5")],
    )
    whole = body.read()
    assert len(whole) == len(body)

    start = data.draw(st.integers(0, len(body)))
    body.seek(start)
    pieces = []
    size = data.draw(st.integers(1, 120))
    while piece := body.read(size):
        pieces.append(piece)

    assert b"".join(pieces) == whole[start:]
    assert body.tell() == len(whole)
    assert body.is_handed_over
    assert body.seek(0) == 0
    assert not body.is_handed_over


PEAK = """
import io, resource, sys
from dashboard.rembg.client import Client
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.wire import Timeouts
client = Client("a-key-of-the-test", api_url=sys.argv[1], site_url=sys.argv[1],
                timeouts=Timeouts(total=60))
client.remove(sys.argv[2], sys.argv[4], Parameters(format="bmp"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
client.remove(sys.argv[3], sys.argv[4], Parameters(format="bmp"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_r11_fifty_megabytes_up_and_down_cost_no_memory(tmp_path):
    small, large = tmp_path / "small.bmp", tmp_path / "large.bmp"
    small.write_bytes(drawn(600, 600, "BMP"))
    large.write_bytes(drawn(4100, 4050, "BMP"))
    assert 48_000_000 < large.stat().st_size < 52_428_800

    def script(line: Line) -> None:
        size = len(line.request())
        line.server.bodies.clear()
        path = small if size < 10_000_000 else large
        line.send(http(200, Content_Type="image/bmp", Content_Length=path.stat().st_size))
        line.send(path.read_bytes())

    with hostile(script) as server:
        done = subprocess.run(
            [sys.executable, "-c", PEAK, server.url, small, large, tmp_path / "answer.bmp"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.stderr == ""
    assert int(done.stdout) <= 10 * 1024  # KB


def test_the_client_needs_no_django():
    code = "import sys, dashboard.rembg.client; print('django' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    "url",
    [
        "http://api.rembg.com",
        "http://10.0.0.1",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "ftp://127.0.0.1",
        "https://",
        "api.rembg.com",
        "https://user:pass@api.rembg.com",
        "https://api.rembg.com/?a=b",
        "https://api.rembg.com\n",
        "https://api.rembg.com\\@evil.example ",
        "https://äpi.example",
    ],
)
def test_a5_an_address_that_is_not_safe_for_a_key_is_refused(url):
    with pytest.raises(ValueError, match="RemBG address"):
        Client(CANARY, api_url=url, site_url="https://www.rembg.com")


@pytest.mark.parametrize(
    "url", ["https://api.rembg.com", "http://127.0.0.1:8001/", "http://localhost", "http://[::1]:1"]
)
def test_a5_https_and_loopback_are_safe(url):
    Client(CANARY, api_url=url, site_url=url)


@pytest.mark.parametrize(
    ("window", "expand", "path"),
    [
        (None, True, "?expand=billing_cycle"),
        (None, False, ""),
        (Month(2026, 2), True, "?year=2026&month=2&expand=billing_cycle"),
        (datetime.fromtimestamp(1774268612, tz=UTC), False, "?periodStartUnix=1774268612"),
    ],
)
def test_usage_asks_for_a_window(client_of, window, expand, path):
    with hostile(always(as_json(ACCOUNT))) as server:
        answer = client_of(server.url).usage(window, expand=expand)

    assert server.heads[0].startswith(f"GET /api/membership-usage{path} HTTP".encode())
    assert answer.call == f"GET /api/membership-usage{path}"
    assert answer.membership == "Free"
    assert answer.cycle.app_usage == 1


@given(
    st.none()
    | st.builds(Month, st.integers(1, 9999), st.integers(1, 12))
    | st.datetimes(timezones=st.just(UTC)),
    st.booleans(),
)
def test_p14_a_window_and_a_month_are_never_asked_for_together(window, expand):
    names = {name for name, _ in query(window, expand=expand)}

    assert not ("periodStartUnix" in names and names & {"year", "month"})
    assert names <= {"periodStartUnix", "year", "month", "expand"}


@pytest.mark.parametrize(("year", "month"), [(0, 1), (10_000, 1), (2026, 0), (2026, 13)])
def test_there_are_twelve_months(year, month):
    with pytest.raises(ValueError, match="month"):
        Month(year, month)


def test_cycles_are_their_own_mode(client_of):
    document = {"billingCycles": [{"periodStartUnix": 1774268612, "periodEndUnix": 1776947012}]}
    with hostile(always(as_json(document))) as server:
        answer = client_of(server.url).cycles()

    path = dict(parse_qsl(server.heads[0].split(b" ")[1].split(b"?")[1].decode()))
    assert path == {"listBillingCycles": "1"}
    assert answer.windows[0].start_at == datetime.fromtimestamp(1774268612, tz=UTC)
    assert answer.windows[0].app_usage is None


@pytest.mark.parametrize("status", [402, 429, 500])
def test_an_account_is_read_whatever_the_status(client_of, status):
    with hostile(always(as_json(ACCOUNT, status=status))) as server:
        answer = client_of(server.url).usage()

    assert (answer.credits, answer.status) == (50, status)
    assert "status" in [problem.code for problem in answer.problems]


@pytest.mark.parametrize(
    ("answer", "leaf", "retriable"),
    [
        (refusal(401, "invalid api key"), errors.BadKey, False),
        (refusal(429, "too quickly"), errors.RateShort, True),
        (http(500, b"<html>"), errors.UpstreamError, True),
        (b"", errors.NoAnswer, True),
        (b"nonsense\r\n\r\n", errors.NotHttp, False),
        (http(200, b" " * 2_200_000), errors.AnswerTooLarge, False),
    ],
)
def test_a_failed_look_at_an_account_costs_nothing(client_of, answer, leaf, retriable):
    with hostile(always(answer)) as server, pytest.raises(leaf) as caught:
        client_of(server.url).usage()

    assert (caught.value.charged, caught.value.retriable) == ("no", retriable)


def test_f27_usage_says_when_upstreams_clock_is_off(client_of):
    with hostile(always(as_json(ACCOUNT, Date="Tue, 17 Nov 2026 12:00:00 GMT"))) as server:
        answer = client_of(server.url).usage()

    assert answer.clock_skew == -86400


def test_html_with_status_200_is_a_reading_with_a_problem(client_of):
    with hostile(always(http(200, b"<html>Maintenance</html>"))) as server:
        answer = client_of(server.url).usage()

    assert not answer.is_usable
    assert answer.problems[0].code == "not_json"


def test_accounts_share_connections_and_pictures_get_fresh_ones(client_of, photo, cutout):
    def script(line: Line) -> None:
        while not line.server.over.is_set():
            body = line.request()
            answer = http(200, cutout, Content_Type=WEBP) if body else as_json(ACCOUNT)
            line.send(answer.replace(b"Connection: close\r\n", b""))

    with hostile(script) as server:
        client_of(server.url).usage()
        client_of(server.url, key="another-key").usage()
        assert server.connections == 1
        client_of(server.url).remove(io.BytesIO(photo), io.BytesIO())
        assert server.connections == 2
        client_of(server.url).usage()
        assert server.connections == 2
        server.over.set()


def test_many_threads_share_one_client(client_of):
    seen = []
    with hostile(always(as_json(ACCOUNT))) as server:
        client = client_of(server.url)
        threads = [
            threading.Thread(target=lambda: seen.append(client.usage().credits)) for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert seen == [50] * 20
