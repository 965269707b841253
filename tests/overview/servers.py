"""Redis and PostgreSQL of our own, which a test stops and starts again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port, is_listened_to
from tests.waiting import WAIT, wait_until

REDIS = shutil.which("redis-server")
POSTGRES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@dataclass
class Redis:
    """A Redis on a port of its own that forgets everything when it ends."""

    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        self.process = subprocess.Popen(
            [REDIS, *options, str(self.folder)], stdout=subprocess.DEVNULL
        )
        wait_until(lambda: is_listened_to(self.port), "Redis to listen")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(WAIT)


@dataclass
class Postgres:
    """A PostgreSQL on a port of its own, whose data outlive a stop."""

    folder: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        options = ["-U", "dashboard", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", str(self.folder), *options)

    @property
    def url(self) -> str:
        return f"postgres://dashboard@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -k '' -c listen_addresses=127.0.0.1 -c fsync=off"
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-l", log, "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder), "-w", "-m", "immediate", "stop")

    def _run(self, program: str, *words: str) -> None:
        """Run one of its programs; root may not, so that it changes who it is."""
        other = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*other, str(POSTGRES / program), *words]
        subprocess.run(command, check=True, timeout=WAIT, stdout=subprocess.DEVNULL, cwd="/")
