"""The gateway's part of the world: server processes on the suite's database, and what they call."""

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
from django.contrib.staticfiles.finders import get_finders
from django.db import connection
from django.utils import timezone

from dashboard.gateway.issuing import Terms, issue
from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import Account
from dashboard.overview.processes import web_command
from dashboard.teams.models import Membership
from tests.conftest import NOON, ROOT, Sandbox
from tests.ports import free_port
from tests.removals.conftest import subject
from tests.waiting import WAIT, wait_until

DEADLINE_SECONDS = 20  # of one request to RemBG
PICTURE = subject(size=(60, 45))
ANSWER = subject("WEBP", size=(60, 45))
UPSTREAM_KEY = "sandbox-7f0c2d1e-canary-of-the-team"


class Stage(ThreadingHTTPServer):
    """What the gateway takes for RemBG: it asks the sandbox, unless a play is given."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(("127.0.0.1", 0), _Scene)
        self.sandbox = sandbox
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget what came, and pass everything on again."""
        self.bodies: list[bytes] = []
        self.paid = 0  # pictures that were answered
        self.play: Callable[[_Scene], None] = _Scene.pass_on

    @contextmanager
    def holding(self) -> Iterator["Stage"]:
        """Take pictures and answer none of them before the block ends."""
        curtain = threading.Event()

        def play(scene: "_Scene") -> None:
            scene.take()
            curtain.wait(WAIT)
            scene.give(ANSWER)

        self.play = play
        try:
            yield self
        finally:
            curtain.set()

    def wait_for(self, calls: int) -> None:
        """Return when so many pictures have arrived."""
        wait_until(lambda: len(self.bodies) >= calls, f"{calls} calls, got {len(self.bodies)}")


class _Scene(BaseHTTPRequestHandler):
    """One request to the stage."""

    server: Stage

    def do_POST(self) -> None:
        with suppress(ConnectionError):  # RemBG does not mind who leaves.
            self.server.play(self)

    do_GET = do_POST

    def log_message(self, *words: object) -> None:
        pass

    def take(self) -> bytes:
        """Read the body, and note that it came."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with self.server.lock:
            self.server.bodies.append(body)
        return body

    def give(
        self, body: bytes, status: int = 200, kind: str = "image/webp", **headers: str
    ) -> None:
        with self.server.lock:
            self.server.paid += kind.startswith("image/")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def pass_on(self) -> None:
        """Ask the sandbox."""
        body = self.take()
        sandbox = http.client.HTTPConnection(urlsplit(self.server.sandbox.url).netloc, timeout=WAIT)
        sandbox.request(self.command, self.path, body or None, dict(self.headers))
        answer = sandbox.getresponse()
        content = answer.read()
        sandbox.close()
        pause = answer.headers.get("Retry-After")
        self.give(
            content,
            answer.status,
            answer.headers["Content-Type"],
            **({"Retry_After": pause} if pause else {}),
        )


@dataclass
class Gateway:
    """A web process on the suite's database, as it is started in real use."""

    folder: Path
    api_url: str
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    workers: int = 1

    def __post_init__(self) -> None:
        (self.folder / "static").mkdir(parents=True)
        (self.folder / "static" / "staticfiles.json").write_text(json.dumps(names_as_they_are()))
        self.url = f"http://127.0.0.1:{self.port}"
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "dashboard.settings",
            "DATA_DIR": str(self.folder),
            "DATABASE_URL": database_url(),
            "PORT": str(self.port),
            "SITE_URL": self.url,
            "REMBG_API_URL": self.api_url,
            "REMBG_SITE_URL": self.api_url,
            "REMBG_DEADLINE_SECONDS": str(DEADLINE_SECONDS),
            "LOG_LEVEL": "DEBUG",
            "WEB_WORKERS": str(self.workers),
            **self.environment,
        }
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                web_command(self.port, workers=self.workers),
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=log,
            )

    @property
    def log_file(self) -> Path:
        return self.folder / "log.txt"

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    @property
    def temporary_files(self) -> list[str]:
        """What lies where uploads are kept while they are worked on."""
        return [path.name for path in (self.folder / "tmp").iterdir()]

    @property
    def worker(self) -> int:
        """The process that does the work: the server's own only watches over it."""
        return self.worker_pids()[0]

    def worker_pids(self) -> list[int]:
        """Return all processes that do the work."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        pids = map(int, children.split())
        return [pid for pid in pids if "resource_tracker" not in _command(pid)]

    def wait(self) -> "Gateway":
        wait_until(self._answers, lambda: self.log)
        return self

    def stop(self) -> int:
        """Ask it to end as an operator does, and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(WAIT)

    def memory(self, field: str = "VmRSS") -> int:
        """Return bytes of memory that the working process holds."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(field))
        return int(line.split()[1]) * 1024

    def forget_peak(self) -> None:
        """Let the peak of memory (VmHWM) begin anew."""
        Path(f"/proc/{self.worker}/clear_refs").write_text("5")

    def call(self, secret: str, image: bytes | None = PICTURE, **given: Any) -> requests.Response:
        """Send a picture as a client does; `name`, `headers` and `timeout`, the rest are fields."""
        headers = {"x-api-key": secret, **given.pop("headers", {})}
        name, timeout = given.pop("name", "cat.png"), given.pop("timeout", WAIT)
        files = {} if image is None else {"image": (name, image)}
        files |= {field: (None, str(value)) for field, value in given.items()}
        return requests.post(
            f"{self.url}/rmbg",
            files=files or {"nothing": (None, "")},
            headers=headers,
            timeout=timeout,
        )

    def send(self, secret: str, body: Any, **headers: str) -> requests.Response:
        """Send a body as it is; its boundary is X."""
        kind = {"Content-Type": "multipart/form-data; boundary=X"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"x-api-key": secret, **kind, **named}
        return requests.post(f"{self.url}/rmbg", data=body, headers=sent, timeout=WAIT)

    def usage(self, secret: str, **query: object) -> requests.Response:
        return requests.get(
            f"{self.url}/api/membership-usage",
            params=query,
            headers={"x-api-key": secret},
            timeout=WAIT,
        )

    def raw(self, *parts: bytes, close: bool = False, timeout: float = WAIT) -> bytes:
        """Return all that comes back for these bytes until the server closes or falls silent.

        Silent is who has begun to answer, and says nothing for so many seconds.
        """
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT) as link:
            try:
                for part in parts:
                    link.sendall(part)
                if close:
                    link.shutdown(socket.SHUT_WR)
                while piece := link.recv(1 << 16):
                    answer += piece
                    link.settimeout(timeout)
            except (TimeoutError, ConnectionError):
                pass
        return answer

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log
        try:
            # Its address may be one of https.
            host = {"Host": f"127.0.0.1:{self.port}"}
            answer = requests.get(f"{self.url}/healthz", headers=host, timeout=10)
        except requests.RequestException:
            return False
        return answer.status_code == 200


def names_as_they_are() -> dict[str, Any]:
    """Return a manifest in which no file has another name: pages are shown, nobody collected."""
    files = [path for finder in get_finders() for path, _storage in finder.list([])]
    return {"paths": dict(zip(files, files, strict=True)), "version": "1.1", "hash": ""}


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def database_url() -> str:
    """Return the address of the suite's database, for another process."""
    base = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{base['NAME']}"
    who = quote(base["USER"]) + (f":{quote(base['PASSWORD'])}" if base["PASSWORD"] else "")
    return f"postgres://{who}@{base['HOST']}:{base['PORT'] or 5432}/{base['NAME']}"


def at_once(count: int, call: Callable[[int], Any]) -> list[Any]:
    """Call so often from as many threads, all beginning together; return what came of each."""
    start = threading.Barrier(count)

    def one(number: int) -> Any:
        start.wait(WAIT)
        return call(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@pytest.fixture(scope="session")
def stage_process(sandbox_process) -> Iterator[Stage]:
    """Run one stage for all tests of this process."""
    stage = Stage(sandbox_process)
    thread = threading.Thread(target=stage.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield stage
    stage.shutdown()
    thread.join()
    stage.server_close()


@pytest.fixture(scope="session")
def start_gateway(django_db_setup, django_db_blocker, stage_process, tmp_path_factory):
    """Start web processes that end with the session, before the database goes."""
    started = []

    def start(*, workers: int = 1, **environment: str) -> Gateway:
        folder = tmp_path_factory.mktemp("gateway") / "data"
        gateway = Gateway(folder, stage_process.url, environment, workers=workers)
        started.append(gateway)
        return gateway.wait()

    yield start
    for gateway in started:
        if gateway.process.poll() is None:
            gateway.stop()


@pytest.fixture(scope="session")
def gateway_process(start_gateway) -> Gateway:
    """Run one gateway for all tests of this process."""
    return start_gateway()


@pytest.fixture
def stage(stage_process, sandbox) -> Stage:
    """What the gateway calls, as new."""
    stage_process.clear()
    return stage_process


@pytest.fixture
def gateway(transactional_db, gateway_process, stage) -> Iterator[Gateway]:
    """The gateway; it leaves no temporary file behind, whatever came."""
    yield gateway_process
    wait_until(lambda: not gateway_process.temporary_files, "the temporary files to go")


@pytest.fixture
def files_here(settings, tmp_path) -> Path:
    """Keep this test's own pictures apart; return where they are."""
    location = tmp_path / "files"
    options = {"location": location, "file_permissions_mode": 0o600}
    backend = "django.core.files.storage.FileSystemStorage"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": backend, "OPTIONS": options},
    }
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "tmp"
    settings.FILE_UPLOAD_TEMP_DIR.mkdir()
    return location


@pytest.fixture
def account(acme) -> Account:
    """The account of Acme, not read yet; its cycle does not end while a test runs."""
    now = timezone.now()
    return Account.objects.create(
        team=acme,
        label="Main",
        cycle_start_at=now - timedelta(days=10),
        cycle_end_at=now + timedelta(days=20),
    )


@pytest.fixture
def stopped(sandbox) -> datetime:
    """Stop the clocks of two of the sandbox's accounts, whose counters rise with each hour."""
    now = timezone.now()
    for name in ("sandbox-premium", "sandbox-free"):
        sandbox.set_clock(name, now)
    return now


@pytest.fixture
def mine(acme, mel) -> Membership:
    """Mel's place in Acme."""
    return Membership.objects.get(team=acme, user=mel)


def issued(membership: Membership, label: str = "Script", **terms: Any) -> tuple[VirtualKey, str]:
    """A virtual key of a member, and its secret."""
    return issue(membership, Terms(label, **terms), at=NOON)


@pytest.fixture
def virtual(mine, key) -> VirtualKey:
    """Mel's virtual key, without a cap, in a team that has one key of RemBG's."""
    virtual, secret = issued(mine)
    virtual.secret = secret
    return virtual


@pytest.fixture
def secret(virtual) -> str:
    """What Mel's script sends."""
    return virtual.secret
