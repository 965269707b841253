"""The world of the tests: Alice owns Acme, Victor may only look, Mallory is a stranger.

The sandbox answers over real HTTP on loopback; a call to any other host fails the test.
"""

import functools
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
import time_machine
from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from xdist.scheduler import LoadScopeScheduling

from dashboard.keys.breakers import SITE, BreakerRows
from dashboard.keys.models import Account, ApiKey
from dashboard.rembg.client import BREAKERS
from dashboard.teams.models import Membership, Role, Team, User
from tests.waiting import WAIT

ROOT = Path(__file__).resolve().parent.parent
MODEL = ROOT / "var" / "models" / "u2netp.onnx"
NOON = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
PASSWORD = "correct-horse-battery"


# Those that share a demo, which a process of each group runs; one of them makes it for all.
IN_A_BROWSER = "tests/browser/"
SEEDED = "tests/overview/test_demo_sums.py"
MOST_DEMOS = 4


def demos(processes: int) -> int:
    """Return into how many groups the browser tests go: half of the processes are for the rest."""
    return max(1, min(MOST_DEMOS, processes // 2))


@functools.cache
def browser_groups(count: int) -> dict[str, str]:
    """Deal the files of browser tests out, the largest first; return each one's group."""
    files = sorted((ROOT / IN_A_BROWSER).glob("test_*.py"), key=lambda file: -file.stat().st_size)
    places = [IN_A_BROWSER + file.name for file in files]
    return {place: f"{IN_A_BROWSER}{index % count}" for index, place in enumerate(places)}


class DemoTogether(LoadScopeScheduling):
    """Spreads single tests over the processes; those of a demo stay in one, with that demo.

    In place of `xdist_group`, which xdist 3.8 writes into a place that pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        if file == SEEDED:
            return file
        return browser_groups(demos(self.numnodes)).get(file, nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> DemoTogether:
    """Choose how tests are spread."""
    return DemoTogether(config, log)


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox and its own switches."""

    url: str

    def set_clock(self, key: str, moment: datetime | None) -> None:
        """Let an account answer as of a moment; None is real time again."""
        now = None if moment is None else int(moment.timestamp())
        self._put("/sandbox/clock", {"key": key, "now": now})

    def set_account(self, key: str, **values: object) -> None:
        """Set credits, plan or counters of an account."""
        self._put("/sandbox/accounts", {"key": key, **values})

    def ledger(self, key: str) -> list[dict]:
        """Return the removals that this account was charged for."""
        answer = requests.get(f"{self.url}/sandbox/ledger", params={"key": key}, timeout=WAIT)
        answer.raise_for_status()
        return answer.json()["charges"]

    def get(self, path: str, key: str, **query: object) -> dict:
        """Ask the sandbox as a client would."""
        answer = requests.get(
            f"{self.url}{path}", headers={"x-api-key": key}, params=query, timeout=WAIT
        )
        return answer.json()

    def _put(self, path: str, document: dict) -> None:
        requests.put(f"{self.url}{path}", json=document, timeout=WAIT).raise_for_status()


@contextmanager
def running_sandbox(folder: Path, *, model: Path) -> Iterator[Sandbox]:
    """Run a sandbox in a process of its own, on a free port."""
    environment = {
        **os.environ,
        "SANDBOX_PORT": "0",
        "DATA_DIR": str(folder),
        "SANDBOX_MODEL": str(model),
        "SANDBOX_RETRY_AFTER": "7",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "dashboard.sandbox"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert "http://" in line, "the sandbox did not start"
        yield Sandbox("http://" + line.split("http://", 1)[1].strip())
    finally:
        process.terminate()
        process.wait(timeout=WAIT)
        process.stdout.close()


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """Run one sandbox for all tests of this process.

    It cuts without a model: well on a plain ground, and in a thirtieth of the time.
    """
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, model=folder / "none.onnx") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(sandbox_process: Sandbox, settings) -> Sandbox:
    """Let the product speak to the sandbox, as new."""
    settings.REMBG_API_URL = settings.REMBG_SITE_URL = sandbox_process.url
    requests.post(f"{sandbox_process.url}/sandbox/reset", json={"key": None}, timeout=WAIT)
    return sandbox_process


@pytest.fixture
def noon() -> Iterator[datetime]:
    """Begin at noon in this process: far from the end of a day, a month and a cycle.

    Time goes on: what is done later is later.
    """
    with time_machine.travel(NOON):
        yield NOON


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that calls any other host."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else address
        if isinstance(host, str) and self.family != socket.AF_UNIX:
            assert host in ("127.0.0.1", "::1", "localhost"), f"a test called {host}"
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Begin with an empty cache: one in Redis outlives a test's rollback."""
    if "redis" in django_settings.CACHES["default"]["BACKEND"].lower():
        cache.clear()


@pytest.fixture(autouse=True)
def _no_memory_of_hosts() -> None:
    """Forget how hosts answered: a port comes again, and its bad minute is not the next test's."""
    BREAKERS.__init__()
    SITE.__init__(BreakerRows())


@pytest.fixture(autouse=True)
def _plain_static(settings) -> None:
    """Serve static files without a manifest: tests do not run collectstatic."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@functools.cache
def hashed(password: str) -> str:
    """Hash once: Argon2 is slow by design, and many tests make many people."""
    return make_password(password)


def person(name: str) -> User:
    """Make a person whose address is `<name>@example.com`."""
    return User.objects.create(
        email=f"{name}@example.com", name=name.title(), password=hashed(PASSWORD)
    )


def join(user: User, team: Team, role: str) -> User:
    """Put a person into a team."""
    Membership.objects.create(user=user, team=team, role=role)
    return user


@pytest.fixture
def acme(db) -> Team:
    """The team of the story."""
    return Team.objects.create(name="Acme", slug="acme")


@pytest.fixture
def evil(db) -> Team:
    """Mallory's team."""
    return Team.objects.create(name="Evil", slug="evil")


@pytest.fixture
def alice(acme) -> User:
    """Owner of Acme."""
    return join(person("alice"), acme, Role.OWNER)


@pytest.fixture
def adam(acme) -> User:
    """Admin of Acme."""
    return join(person("adam"), acme, Role.ADMIN)


@pytest.fixture
def mel(acme) -> User:
    """Member of Acme."""
    return join(person("mel"), acme, Role.MEMBER)


@pytest.fixture
def victor(acme) -> User:
    """Viewer of Acme."""
    return join(person("victor"), acme, Role.VIEWER)


@pytest.fixture
def mallory(evil) -> User:
    """A stranger to Acme, owner of Evil."""
    return join(person("mallory"), evil, Role.OWNER)


@pytest.fixture
def account(acme) -> Account:
    """The account of Acme, not read yet."""
    return Account.objects.create(team=acme, label="Main")


def add_key(account: Account, secret: str, label: str = "Shop") -> ApiKey:
    """File a sealed key under an account, without asking upstream."""
    key = ApiKey(team=account.team, account=account, label=label)
    key.seal(secret)
    key.save()
    return key


@pytest.fixture
def key(account) -> ApiKey:
    """A good key of the account."""
    return add_key(account, "sandbox-premium")
