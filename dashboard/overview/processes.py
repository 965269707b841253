"""Web, worker and sandbox as child processes that start and stop together."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from dashboard.lib.env import ROOT

STOP_SECONDS = 35


class DidNotStart(Exception):
    """A process ended, or did not answer in time."""


@dataclass
class Processes:
    """The children of one `manage.py demo`, in the order in which they were started.

    What they say goes to one file each, so that the logins stay in sight.
    """

    logs: Path
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, name: str, command: Sequence[str], **environment: str) -> None:
        """Start a child in a process group of its own, so that Ctrl-C reaches only the parent."""
        self.logs.mkdir(exist_ok=True)
        with (self.logs / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, name: str, url: str, *, seconds: float = 60) -> None:
        """Return when the address answers 200; raise DidNotStart."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.children[name].poll() is not None:
                raise DidNotStart(f"{name} ended: see {self.logs / name}.log")
            if answers(url):
                return
            time.sleep(0.1)
        raise DidNotStart(f"{name} did not answer at {url} within {seconds:g} seconds")

    def first_to_end(self) -> str | None:
        """Return the name of a child that has ended, None while all run."""
        ended = (name for name, child in self.children.items() if child.poll() is not None)
        return next(ended, None)

    def stop(self) -> None:
        """Ask all to stop, the last started first; end those that do not within 35 seconds."""
        for child in reversed(self.children.values()):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in self.children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def check_free(*ports: int) -> None:
    """Raise DidNotStart for a port in use: a second web server would quietly share the first's."""
    for port in ports:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        raise DidNotStart(f"Port {port} is in use. Set PORT or SANDBOX_PORT to another one.")


def answers(url: str) -> bool:
    """Say whether the address answers 200 within a second."""
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def web_command(port: int, *, workers: int) -> list[str]:
    """Return how the web server is started; `lib.wsgi_adapter` counts the threads of each process.

    One that was killed is started again, and the others go on.
    """
    granian = [sys.executable, "-m", "granian", "--interface", "asginl", "--no-ws"]
    granian += ["--host", "127.0.0.1", "--port", str(port)]
    granian += ["--workers", str(workers), "--respawn-failed-workers"]
    granian += ["--log-level", "warning"]
    # Pieces of a body: smaller ones wake the event loop more often, its default of 400 KB stays
    # with each connection.
    granian += ["--http1-buffer-size", "131072"]
    granian += ["--workers-kill-timeout", "30", "dashboard.asgi:application"]
    return granian


def manage(*words: str) -> list[str]:
    """Return how one of our own commands is started."""
    return [sys.executable, str(ROOT / "manage.py"), *words]


def run(command: Sequence[str]) -> None:
    """Run a command to its end in a process of its own, which reads the settings anew.

    Raises DidNotStart when it fails.
    """
    if subprocess.run(command, cwd=ROOT, check=False).returncode:
        raise DidNotStart(f"{command[-1]} failed; see above")


def sandbox_url() -> str:
    """Return the address of the demo's sandbox."""
    return f"http://127.0.0.1:{settings.SANDBOX_PORT}"
