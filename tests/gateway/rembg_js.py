"""The official Node client as published: fetched once, checked, and spoken to line by line."""

import base64
import fcntl
import hashlib
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.reference.runners import NODE_MODULES

NAME, VERSION = "@remove-background-ai/rembg.js", "1.3.1"
SHA512 = "mJD6CQUeYKdoVchahCbVn3R0mcNZSCKxlu6Aoo0klxB243wDDXs01vdIoNoAfWzENyAjd9YjGP3qfDpBkXS91A=="
# What it stands on, in the versions that it was tried with; form-data comes with axios.
BESIDE = ("axios@1.21.1", "dotenv@16.6.1", "tmp-promise@3.0.3")
QUIETLY = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save")
FOLDER = NODE_MODULES.parent
TARBALL = FOLDER / f"remove-background-ai-rembg.js-{VERSION}.tgz"
PROGRAM = Path(__file__).parent / "node"
SECONDS = 120


def installed() -> Path:
    """Return the package's folder, whose files are those that were published; skip without Node."""
    for command in ("node", "npm"):
        if shutil.which(command) is None:
            pytest.skip(f"There is no {command} on this machine: rembg.js cannot run.")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two processes of a parallel run want it at once.
        _fetch()
        package = NODE_MODULES / NAME
        if not (package / "package.json").exists() or not (FOLDER / "complete").exists():
            _npm("install", "--prefix", str(FOLDER), *QUIETLY, str(TARBALL), *BESIDE)
            (FOLDER / "complete").touch()
    _compare(package)
    return package


def _fetch() -> None:
    if not TARBALL.exists():
        _npm("pack", f"{NAME}@{VERSION}", "--pack-destination", str(FOLDER), "--ignore-scripts")
    digest = hashlib.sha512(TARBALL.read_bytes()).digest()
    assert base64.b64encode(digest).decode() == SHA512, "not the package that was published"


def _npm(*words: str) -> None:
    done = subprocess.run(
        ["npm", *words, "--silent"], cwd=FOLDER, capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode:
        pytest.skip(f"npm {words[0]} could not fetch {NAME}: {done.stderr.strip()[-200:]}")


def _compare(package: Path) -> None:
    """Fail unless every file of the package is, byte for byte, the published one."""
    with tarfile.open(TARBALL) as published:
        for member in filter(tarfile.TarInfo.isfile, published):
            file = package / Path(member.name).relative_to("package")
            assert file.read_bytes() == published.extractfile(member).read(), file


@dataclass
class Node:
    """A running program that calls `rembg()` with what it is told."""

    process: subprocess.Popen

    def rembg(self, url: str, key: str, path: Path, input: str, **options: object) -> dict:
        """Return what came of one call: a picture, or the error's message."""
        asked = {"url": url, "apiKey": key, "path": str(path), "input": input, "options": options}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def node(folder: Path) -> Iterator[Node]:
    """Run the program in a folder, where it finds the package as any program does."""
    package = installed()
    (folder / "node_modules").symlink_to(package.parents[1])
    for file in PROGRAM.iterdir():
        shutil.copy(file, folder)
    with subprocess.Popen(
        ["node", "--require", "./elsewhere.cjs", "program.mjs"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Node(process)
        process.stdin.close()
    assert process.returncode == 0
