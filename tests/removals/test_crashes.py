"""Web and worker killed for good at every point: nothing is lost, nothing is charged twice (R1).

Real processes, real HTTP, and three ledgers compared: what the client was told, our rows, and what
the sandbox charged.
"""

import io
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from PIL import Image

from dashboard.overview.processes import manage, web_command
from dashboard.removals.failpoints import EXIT_CODE
from tests.conftest import ROOT, Sandbox
from tests.rembg.hostile import hostile
from tests.removals.conftest import JSON, REMOVALS, running_sandbox, subject

WAIT = 60
TOKEN = "t" * 32
SETUP = """
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
call_command("createcachetable", verbosity=0)
from dashboard.keys.models import Account, ApiKey
from dashboard.teams.models import Membership, Team, User
team = Team.objects.create(name="Acme", slug="acme")
user = User.objects.create_user("mel@example.com", name="Mel")
Membership.objects.create(team=team, user=user, role="member")
key = ApiKey(team=team, account=Account.objects.create(team=team, label="Main"), label="Shop")
key.seal("sandbox-premium"); key.save()
from django.test import Client
browser = Client(); browser.force_login(user)
print(browser.cookies["sid"].value)
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class House:
    """A whole installation in a folder, its processes, and a client that remembers."""

    folder: Path
    sandbox: Sandbox
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen] = field(default_factory=list)
    accepted: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "DATA_DIR": str(self.folder),
            "PORT": str(self.port),
            "SITE_URL": f"http://127.0.0.1:{self.port}",
            "REMBG_API_URL": self.sandbox.url,
            "REMBG_SITE_URL": self.sandbox.url,
            "REMBG_DEADLINE_SECONDS": "5",
            "WORKER_THREADS": "1",
            "LOG_LEVEL": "ERROR",
            # Its own SQLite and queue, whatever the suite runs on: the folder is the installation.
            "DATABASE_URL": f"sqlite:///{self.folder}/db.sqlite3",
            "REDIS_URL": "",
        }
        (self.folder / "static").mkdir()
        sid = self.run([sys.executable, "-c", SETUP]).strip()
        self.session.cookies.update({"sid": sid, "csrf": TOKEN})

    def run(self, command: list[str]) -> str:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            check=True,
            timeout=WAIT,
            stdout=subprocess.PIPE,
            text=True,
        )
        return done.stdout

    def start(
        self, command: list[str], crash_at: str = "", environment: dict[str, str] | None = None
    ) -> subprocess.Popen:
        log = (self.folder / "log.txt").open("ab")
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**(environment or self.environment), "CRASH_AT": crash_at},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        self.processes.append(process)
        return process

    def web(self, crash_at: str = "") -> subprocess.Popen:
        process = self.start(web_command(self.port), crash_at)
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            try:
                # A connection alone proves little: one killed before may still be letting go of it.
                requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=1).raise_for_status()
                return process
            except requests.RequestException:
                time.sleep(0.05)
        raise AssertionError((self.folder / "log.txt").read_text())

    def worker(self, crash_at: str = "") -> subprocess.Popen:
        return self.start(manage("runworker"), crash_at)

    def stop(self, process: subprocess.Popen, *, how: int = signal.SIGTERM) -> None:
        if process.poll() is None:
            os.killpg(process.pid, how)
        process.wait(WAIT)

    def post(self, content: bytes, nonce: str) -> requests.Response:
        """Send a picture as the page's script does; remember what was promised."""
        answer = self.session.post(
            f"http://127.0.0.1:{self.port}{REMOVALS}",
            data={"nonce": nonce, "format": "png"},
            files={"image": ("cat.png", content)},
            headers={**JSON, "X-CSRFToken": TOKEN, "Connection": "close"},
            timeout=WAIT,
        )
        if answer.status_code == 201:
            self.accepted[nonce] = answer.json()["id"]
        return answer

    def rows(self) -> dict[str, dict]:
        """Every removal as the database has it, by its id without dashes."""
        with sqlite3.connect(self.folder / "db.sqlite3", timeout=20) as database:
            database.row_factory = sqlite3.Row
            found = database.execute("SELECT * FROM removals_removal").fetchall()
        database.close()
        return {row["id"]: dict(row) for row in found}

    def expire_leases(self) -> None:
        """Let the time of every lease be over, as an hour would."""
        with sqlite3.connect(self.folder / "db.sqlite3", timeout=20) as database:
            database.execute("UPDATE removals_removal SET lease_expires_at = '2020-01-01 00:00:00'")
        database.close()

    def settle(self) -> None:
        """Wait until everything has ended."""
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if all(row["state"] in ("done", "failed", "unknown") for row in self.rows().values()):
                return
            time.sleep(0.1)
        raise AssertionError([row["state"] for row in self.rows().values()])


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
