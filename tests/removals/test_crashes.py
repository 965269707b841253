"""Web and worker killed for good at every point: nothing is lost, nothing is charged twice (R1).

Real processes, real HTTP, and three ledgers compared: what the client was told, our rows, and what
the sandbox charged.
"""

import io
import signal
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import requests
from PIL import Image

from dashboard.overview.processes import manage
from dashboard.removals.failpoints import EXIT_CODE
from tests.conftest import running_sandbox
from tests.rembg.hostile import hostile
from tests.removals.conftest import REMOVALS, subject
from tests.removals.house import TOKEN, WAIT, House


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with running_sandbox(folder / "shed", model=folder / "none.onnx") as sandbox:
        house = House(folder, sandbox)
        yield house
        for process in house.processes:
            house.stop(process, how=signal.SIGKILL)
        house.session.close()


WEB_POINTS = ["after_picture_draft", "after_picture_stored", "after_row_queued"]
WORKER_POINTS = [
    "after_claim",
    "after_sending",
    "after_upload",
    "after_answer",
    "after_result_tmp",
    "after_result_stored",
    "after_done",
]
# Points at which a request is out and its result not yet stored: nobody can tell what it cost.
IN_DOUBT = {"after_sending", "after_upload", "after_answer", "after_result_tmp"}


def test_r1_killed_at_every_point_nothing_is_lost_and_nothing_is_charged_twice(house):
    pictures = iter(subject(size=(60 + n, 40)) for n in range(40))
    web = house.web()

    for point in WEB_POINTS:
        house.stop(web)
        web = house.web(crash_at=point)
        content, nonce = next(pictures), str(uuid4())
        with pytest.raises(requests.ConnectionError):
            house.post(content, nonce)
        house.stop(web, how=signal.SIGKILL)
        web = house.web()
        # What a client does that heard no answer: the same form again.
        assert house.post(content, nonce).status_code == 201

    for point in WORKER_POINTS:
        house.post(next(pictures), str(uuid4()))
        worker = house.worker(crash_at=point)
        assert worker.wait(WAIT) == EXIT_CODE, (house.folder / "log.txt").read_text()
        house.expire_leases()

    for _ in range(2):
        house.post(next(pictures), str(uuid4()))
    last = house.worker()
    house.settle()
    house.stop(last)
    house.stop(web)

    rows = house.rows()
    promised = {identity.replace("-", "") for identity in house.accepted.values()}
    assert promised == set(rows), "a removal was lost, or came from nowhere"
    charges = Counter(charge["sha256"] for charge in house.sandbox.ledger("sandbox-premium"))
    assert max(charges.values()) == 1, "a picture was charged twice"
    states = Counter(row["state"] for row in rows.values())
    assert states["failed"] == 0
    assert states["unknown"] <= len(IN_DOUBT)
    for row in rows.values():
        if row["state"] == "done":
            assert charges[row["picture_sha256"]] == 1
            assert (house.folder / "files" / row["result"]).stat().st_size == row["result_bytes"]
    charged = [row for row in rows.values() if row["charged"] == "yes"]
    assert house.removed_credits() == len(charged), "D21: a credit was counted twice, or not at all"
    in_vain = [row for row in rows.values() if not charges[row["picture_sha256"]]]
    assert {row["charged"] for row in in_vain} <= {"unknown"}


def test_r1_killed_in_the_middle_of_an_upload_nobody_can_tell_and_nothing_is_sent_again(house):
    def slowly(line) -> None:
        line.head()
        while line.sock.recv(1 << 18):
            time.sleep(0.05)

    large = io.BytesIO()
    Image.new("RGB", (3000, 2500), "teal").save(large, "BMP")
    web = house.web()
    answer = house.post(large.getvalue(), str(uuid4()))
    house.stop(web)
    with hostile(slowly) as server:
        elsewhere = {**house.environment, "REMBG_API_URL": server.url}
        worker = house.start(manage("runworker"), "mid_upload", elsewhere)
        assert worker.wait(WAIT) == EXIT_CODE
        house.expire_leases()
        last = house.start(manage("runworker"), "", elsewhere)
        house.settle()
        house.stop(last)

    row = house.rows()[answer.json()["id"].replace("-", "")]
    assert (row["state"], row["charged"]) == ("unknown", "unknown")
    assert server.connections == 1


def raw(house: House, head: str, *pieces: bytes, half: bool = False) -> bytes:
    """Say something to the web server byte by byte; return what it answers."""
    cookies = "; ".join(f"{name}={value}" for name, value in house.session.cookies.items())
    start = (
        f"POST {REMOVALS} HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\nAccept: application/json\r\n"
        f"Cookie: {cookies}\r\nX-CSRFToken: {TOKEN}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\n{head}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", house.port), timeout=WAIT) as line:
        line.sendall(start.encode() + b"".join(pieces))
        if half:
            line.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := line.recv(65536):
            answer += piece
    return answer


def form(content: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
    return head + content + b"\r\n--b--\r\n"


def chunks(body: bytes) -> bytes:
    half = len(body) // 2
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in (body[:half], body[half:]))


@pytest.fixture
def open_house(house) -> House:
    """The house with its doors open."""
    web = house.web()
    yield house
    house.stop(web)


def test_uploads_of_every_kind_reach_a_real_server_as_they_should(open_house):
    body = form(subject())
    length = f"Content-Length: {len(body)}"

    whole = raw(open_house, length, body)
    chunked = raw(open_house, "Transfer-Encoding: chunked", chunks(body), b"0\r\n\r\n")
    cut = raw(open_house, length, body[:900], half=True)
    cut_chunks = raw(open_house, "Transfer-Encoding: chunked", chunks(body)[:900], half=True)
    too_large = raw(open_house, "Content-Length: 67108865", body)

    assert b" 201 " in whole.split(b"\r\n")[0], "U26"
    assert b" 201 " in chunked.split(b"\r\n")[0], "U33"
    assert b"The upload was cut off. Please try again." in cut, "U30"
    assert b"The upload was cut off. Please try again." in cut_chunks, "U30 chunked"
    assert b" 413 " in too_large.split(b"\r\n")[0], "U28"
    assert b'"status": 413' in too_large, "U28"


def test_r4_a_locked_database_is_waited_for(open_house):
    database = sqlite3.connect(open_house.folder / "db.sqlite3", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(open_house.post, subject(size=(30, 30)), str(uuid4()))
        time.sleep(1.5)
        assert not sent.done()
        database.execute("ROLLBACK")
        database.close()
        assert sent.result(WAIT).status_code == 201
