"""The demo, seeded once in a run: the first who wants it makes it, everybody works on a copy.

Seeding reads months of two accounts, which takes a minute. The folder holds all of it: database,
files, encryption key, and what the sandbox has counted.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from dashboard.overview.processes import manage
from tests.conftest import ROOT
from tests.ports import free_port
from tests.waiting import WAIT

START_SECONDS = 10 * WAIT  # Seeding alone takes minutes on a busy machine.
# What the demo has defaults for, and what must not reach it from the tests that run it.
NOT_PASSED_ON = (
    *("PORT", "SANDBOX_PORT", "SITE_URL", "SECRET_KEY", "LOG_LEVEL", "DEMO"),
    *("DATABASE_URL", "REDIS_URL"),
)


@dataclass(frozen=True)
class Demo:
    """A running demo."""

    url: str
    sandbox: str
    data_dir: Path


def seeded(factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what `manage.py demo` leaves; only the first process of a run makes it."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    making, made = shared / "making-demo", shared / "seeded-demo"
    with (shared / "seeded-demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            making.mkdir()
            with running(making):
                pass
            making.rename(made)
    return shutil.copytree(made, factory.mktemp("demo") / "data")


def environment(folder: Path) -> dict[str, str]:
    """Return what a process of the demo is told.

    Its encryption key is that of the tests, and its sandbox cuts without a model: a picture would
    cost two seconds of a processor.
    """
    kept = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return {**kept, "DATA_DIR": str(folder), "SANDBOX_MODEL": str(folder / "none.onnx")}


def rows(folder: Path) -> Path:
    """Return all rows of a demo that does not run, as a fixture for any database."""
    target = folder / "rows.json"
    left_out = ("--exclude", "contenttypes", "--exclude", "auth.permission")
    subprocess.run(
        manage("dumpdata", *left_out, "--output", str(target)),
        cwd=ROOT,
        env=environment(folder),
        check=True,
        timeout=START_SECONDS,
    )
    return target


@contextmanager
def running(folder: Path) -> Iterator[Demo]:
    """Start `manage.py demo`, wait until its data is there, and stop it as Ctrl-C does."""
    port, sandbox_port = free_port(), free_port()
    more = {"PORT": str(port), "SANDBOX_PORT": str(sandbox_port)}
    more["SANDBOX_RETRY_AFTER"] = "3600"  # What waits for RemBG waits as long as the tests run.
    with (folder / "output.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "demo"],
            cwd=ROOT,
            env={**environment(folder), **more},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_seeded(process, folder / "output.log")
        yield Demo(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}", folder)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=WAIT)


def wait_until_seeded(process: subprocess.Popen, log: Path) -> None:
    """Return when the demo has printed its logins."""
    deadline = time.monotonic() + START_SECONDS
    while "owner@demo.example" not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text(errors="replace")[-3000:]
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-3000:]
        time.sleep(0.2)
