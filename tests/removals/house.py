"""A whole installation in a folder, whose processes can be killed and whose ledgers compared."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import requests

from dashboard.overview.processes import manage, web_command
from tests.conftest import ROOT, WAIT, Sandbox
from tests.ports import free_port
from tests.removals.conftest import JSON, REMOVALS

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


@dataclass
class House:
    """A whole installation in a folder, its processes, and a client that remembers."""

    folder: Path
    sandbox: Sandbox
    port: int = field(default_factory=free_port)
    more: dict[str, str] = field(default_factory=dict)
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
            "REMBG_DEADLINE_SECONDS": str(WAIT),
            "WORKER_THREADS": "1",
            "WEB_WORKERS": "1",
            "LOG_LEVEL": "ERROR",
            # Its own SQLite and queue, whatever the suite runs on: the folder is the installation.
            "DATABASE_URL": f"sqlite:///{self.folder}/db.sqlite3",
            "REDIS_URL": "",
            **self.more,
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
        process = self.start(web_command(self.port, workers=1), crash_at)
        deadline = time.monotonic() + WAIT
        while time.monotonic() < deadline:
            try:
                # A connection alone proves little: one killed before may still be letting go of it.
                requests.get(f"http://127.0.0.1:{self.port}/healthz", timeout=10).raise_for_status()
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
        with sqlite3.connect(self.folder / "db.sqlite3", timeout=WAIT) as database:
            database.row_factory = sqlite3.Row
            found = database.execute("SELECT * FROM removals_removal").fetchall()
        database.close()
        return {row["id"]: dict(row) for row in found}

    def removed_credits(self) -> int:
        """What all accounts count as charged through us."""
        with sqlite3.connect(self.folder / "db.sqlite3", timeout=20) as database:
            [(credits,)] = database.execute("SELECT SUM(removed_credits) FROM keys_account")
        database.close()
        return credits

    def expire_leases(self) -> None:
        """Let the time of every lease be over, as an hour would."""
        with sqlite3.connect(self.folder / "db.sqlite3", timeout=WAIT) as database:
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
