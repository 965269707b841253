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
# Those before it that are still installed: another host, `inputImagePath`, fewer fields.
OLDER_SHA512 = """
1.1.0 vepbVIZgfKMYNfwNQtbIh9yyYC8Lbfz1jGZV1a26ZeofNyFCQ1LdPDCnRU+oP+YVyMwFM/LrZwRV+AdT6xXJ/w==
1.1.2 BsuTBgQ46AuwDi+9QHkO33FOJGdxJNCyPEtEOEhHH9kCV5XVEJ7L61QcrwxNYSJYlaqhEBMvxfDKEb2YJLP9GA==
1.1.7 3Rcs/eItLtE0BiFy1cjiNVyz2R41WcjDV9WB/pZANI0qukQnqAF/xE2NaOi5m3GuHIoffUciJxYcEF1+sZYrRA==
1.1.9 DtgvLSXqsBt2nLbozhOkjyc1rSBUapg6vriLrwxp0xaMh6RmH3fzXyYENMr4lD+ZXR4n+WV+hZyffq1bqQFqMg==
1.1.10 DQR8kmK/mUOJ/4bEWwNcR6X1JSTiSJHUcGz8vCpEln8myTOR/gYY7feleXwULw1u1w+Z8EbeZqIOy5U0OoAX0w==
1.2.1 JRS6MYDHjv/r0h+YFD2BKmGGGHj1aThSRgEeQZYEm9F1zLtPGyFS6RZAS8+Is0B9fwpt+hMCWyaoi4iTVyt/qw==
"""
OLDER = dict(line.split() for line in OLDER_SHA512.strip().splitlines())
# What it stands on, in the versions that it was tried with; form-data comes with axios.
BESIDE = ("axios@1.21.1", "dotenv@16.6.1", "tmp-promise@3.0.3")
QUIETLY = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--no-save")
FOLDER = NODE_MODULES.parent
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
        tarball = _fetched(VERSION, SHA512)
        package = NODE_MODULES / NAME
        if not (package / "package.json").exists() or not (FOLDER / "complete").exists():
            _npm("install", "--prefix", str(FOLDER), *QUIETLY, str(tarball), *BESIDE)
            (FOLDER / "complete").touch()
        for version, digest in OLDER.items():
            _unpack(_fetched(version, digest), NODE_MODULES / package_of(version))
    _compare(tarball, package)
    return package


def package_of(version: str) -> str:
    """Return the name under which a program finds this version, beside the newest one."""
    return NAME if version == VERSION else f"{NAME}-{version}"


def _fetched(version: str, digest: str) -> Path:
    tarball = FOLDER / f"remove-background-ai-rembg.js-{version}.tgz"
    if not tarball.exists():
        _npm("pack", f"{NAME}@{version}", "--pack-destination", str(FOLDER), "--ignore-scripts")
    found = hashlib.sha512(tarball.read_bytes()).digest()
    assert base64.b64encode(found).decode() == digest, "not the package that was published"
    return tarball


def _unpack(tarball: Path, package: Path) -> None:
    """Put a version's files where they find what they stand on: the newest one's packages."""
    with tarfile.open(tarball) as published:
        for member in filter(tarfile.TarInfo.isfile, published):
            file = package / Path(member.name).relative_to("package")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(published.extractfile(member).read())


def _npm(*words: str) -> None:
    done = subprocess.run(
        ["npm", *words, "--silent"], cwd=FOLDER, capture_output=True, text=True, timeout=SECONDS
    )
    if done.returncode:
        pytest.skip(f"npm {words[0]} could not fetch {NAME}: {done.stderr.strip()[-200:]}")


def _compare(tarball: Path, package: Path) -> None:
    """Fail unless every file of the package is, byte for byte, the published one."""
    with tarfile.open(tarball) as published:
        for member in filter(tarfile.TarInfo.isfile, published):
            file = package / Path(member.name).relative_to("package")
            assert file.read_bytes() == published.extractfile(member).read(), file


@dataclass
class Node:
    """A running program that calls `rembg()` with what it is told."""

    process: subprocess.Popen

    def rembg(
        self,
        url: str,
        key: str,
        path: Path,
        input: str,
        version: str = VERSION,
        **options: object,
    ) -> dict:
        """Return what came of one call: a picture, or the error's message."""
        asked = {"url": url, "apiKey": key, "path": str(path), "input": input, "options": options}
        asked["name"] = package_of(version)
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
