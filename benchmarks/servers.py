"""What the gateway's measurements run against, as processes that are ended by their id."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.demo import ROOT, free_port

STARTS_WITHIN = 30  # seconds
TICKS = os.sysconf("SC_CLK_TCK")
# Kept on: what a server that checks pictures has to do, and what nginx does unless told otherwise.
NGINX = """
{user}
worker_processes {workers};
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_max_body_size 64m;
  proxy_request_buffering on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=512;
    location / {{ proxy_pass http://127.0.0.1:{upstream}; }}
  }}
}}
"""
# A key with a cap, as most have: each call takes a credit of it.
HOUSE = """
import django; django.setup()
from django.utils import timezone
from dashboard.gateway.issuing import Terms, issue
from dashboard.keys.models import Account, ApiKey
from dashboard.teams.models import Membership, Team, User
team = Team.objects.create(name="Bench", slug="bench")
user = User.objects.create_user("bench@example.com", name="Bench")
member = Membership.objects.create(team=team, user=user, role="member")
account = Account.objects.create(team=team, label="Main")
key = ApiKey(team=team, account=account, label="Key")
key.seal("bench-bench-bench"); key.save()
print(issue(member, Terms("Bench", hard=1_000_000), at=timezone.now())[1])
"""


@dataclass
class Server:
    """A process with its children, and where it listens."""

    port: int
    process: subprocess.Popen[bytes]
    key: str = ""
    idle: float = 0.0  # MB of memory when it had just started

    def pids(self) -> list[int]:
        """Return the process and all below it."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found

    def resident(self, line: str = "VmRSS") -> float:
        """Return resident memory in MB; with `VmHWM` the most there was since `forget_peak`."""
        return sum(_status(pid, line) for pid in self.pids()) / 1024

    def forget_peak(self) -> None:
        """Let the highest memory use be counted anew."""
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def cpu(self) -> float:
        """Return the processor's seconds used so far."""
        fields = (Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1] for pid in self.pids())
        return sum(sum(map(int, text.split()[11:13])) for text in fields) / TICKS


def _status(pid: int, line: str) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split(f"{line}:")[1].split()[0])


@contextmanager
def upstream(folder: Path, answer: Path) -> Iterator[Server]:
    """Lend the stand-in for RemBG."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.upstream", str(port), str(answer)]
    with _running(command, port, folder / "upstream.log") as server:
        yield server


@contextmanager
def nginx(folder: Path, *, upstream: int, workers: int = 2) -> Iterator[Server | None]:
    """Lend nginx before the upstream; None where it is not installed."""
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        yield None
        return
    port, place = free_port(), folder / "nginx"
    place.mkdir()
    user = f"user {pwd.getpwuid(0).pw_name};" if os.getuid() == 0 else ""
    config = NGINX.format(user=user, folder=place, port=port, upstream=upstream, workers=workers)
    (place / "nginx.conf").write_text(config)
    command = [program, "-p", str(place), "-c", str(place / "nginx.conf")]
    command += ["-e", str(place / "error.log")]
    with _running(command, port, folder / "nginx.log") as server:
        yield server


# Earlier checkouts start one process and take no number.
COMMAND = """
import inspect, json, sys
from dashboard.overview.processes import web_command
takes = "workers" in inspect.signature(web_command).parameters
some = {"workers": int(sys.argv[2])} if takes else {}
print(json.dumps(web_command(int(sys.argv[1]), **some)))
"""


@contextmanager
def gateway(
    folder: Path, *, upstream: int, workers: int = 1, checkout: Path = ROOT
) -> Iterator[Server]:
    """Lend our web server, as a checkout starts it, with an account and keys in it."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "dashboard.settings",
        "DATA_DIR": str(folder / "data"),
        "DATABASE_URL": f"sqlite:///{folder}/data/db.sqlite3",
        "REDIS_URL": "",
        "PORT": str(port),
        "SITE_URL": f"http://127.0.0.1:{port}",
        "REMBG_API_URL": f"http://127.0.0.1:{upstream}",
        "REMBG_SITE_URL": f"http://127.0.0.1:{upstream}",
        "LOG_LEVEL": "INFO",
        "WEB_WORKERS": str(workers),
    }
    _run([sys.executable, "manage.py", "setup"], environment, checkout)
    key = _run([sys.executable, "-c", HOUSE], environment, checkout).strip()
    asked = [sys.executable, "-c", COMMAND, str(port), str(workers)]
    command = json.loads(_run(asked, environment, checkout))
    log = folder / "web.log"
    with _running(command, port, log, environment, path="/healthz", cwd=checkout) as server:
        server.key = key
        yield server


def ask(port: int, path: str) -> bytes:
    """Return what a server answers to a GET."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return bytes(answer.read())


def _run(command: list[str], environment: dict[str, str], checkout: Path) -> str:
    done = subprocess.run(
        command, cwd=checkout, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


@contextmanager
def _running(
    command: Sequence[str],
    port: int,
    log: Path,
    environment: dict[str, str] | None = None,
    *,
    path: str = "",
    cwd: Path = ROOT,
) -> Iterator[Server]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait(process, lambda: _answers(port, path), log)
        server = Server(port, process)
        server.idle = server.resident()
        yield server
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], is_there: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN
    while not is_there():
        if process.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"{process.args} did not start:\n{log.read_text()}")
        time.sleep(0.05)


def _answers(port: int, path: str) -> bool:
    try:
        if path:
            ask(port, path)
        else:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=35)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
