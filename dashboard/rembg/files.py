"""Where pictures come from and go to: paths, or files that are already open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dashboard.rembg import errors

Image = str | os.PathLike[str] | BinaryIO
Target = str | os.PathLike[str] | BinaryIO


class Sink:
    """A file being filled; what cannot be written is NotStored, for the credit is spent."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add bytes at the end; raise NotStored."""
        with stored():
            self._file.write(piece)
        self.size += len(piece)

    def finish(self) -> BinaryIO:
        """Return the file, complete and at its beginning; raise NotStored."""
        with stored():
            self._file.truncate()
            self._file.flush()
            self._file.seek(0)
        return self._file


@contextmanager
def stored() -> Iterator[None]:
    """Raise NotStored where the disk does not take, or give back, what was paid for."""
    try:
        yield
    except OSError as exc:
        raise errors.NotStored from exc


@contextmanager
def reading_end(image: Image) -> Iterator[BinaryIO]:
    """Lend the picture as a file."""
    if isinstance(image, str | os.PathLike):
        with Path(image).open("rb") as file:
            yield file
    else:
        yield image


@contextmanager
def writing_end(target: Target) -> Iterator[Sink]:
    """Lend a place for the answer; if it fails, a path is gone again and a file is empty again.

    Raises OSError before anything is asked of RemBG, and only then: a disk that is full refuses the
    cleaning up, too, and that must not hide what became of the request (promises R19).
    """
    if isinstance(target, str | os.PathLike):
        with _at(Path(target)) as file:
            yield Sink(file)
        return
    target.seek(0)
    try:
        yield Sink(target)
    except BaseException:
        with suppress(OSError):
            target.seek(0)
            target.truncate()
        raise


@contextmanager
def _at(path: Path) -> Iterator[BinaryIO]:
    file = path.open("w+b")
    try:
        yield file
    except BaseException:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    with stored():
        file.close()
