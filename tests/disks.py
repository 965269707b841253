"""Disks that fill up: a small one of its own, and a file that refuses from one operation on."""

import errno
import io
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KB = 1024


@contextmanager
def small_disk(place: Path, size: str = "1m") -> Iterator[Path]:
    """A disk of so much where `place` is; skips where mounting is not allowed."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting takes root")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path, *, leaving: int) -> None:
    """Take all of a disk but so many bytes."""
    free = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
    (place / "filling").write_bytes(bytes(max(0, free - leaving)))


class Refusing(io.BytesIO):
    """A file on a disk that is full from its nth operation on, and stays so."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left = after

    def _one(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    def write(self, data) -> int:
        self._one()
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self._one()
        return super().truncate(size)

    def flush(self) -> None:
        self._one()
        super().flush()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._one()
        return super().seek(offset, whence)
