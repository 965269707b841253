"""Where pictures come from and go to: paths, or files that are already open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
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
        try:
            self._file.write(piece)
        except OSError as exc:
            raise errors.NotStored from exc
        self.size += len(piece)

    def finish(self) -> BinaryIO:
        """Return the file, complete and at its beginning; raise NotStored."""
        try:
            self._file.truncate()
            self._file.flush()
        except OSError as exc:
            raise errors.NotStored from exc
        self._file.seek(0)
        return self._file


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
    """Lend a place for the answer; if it fails, a path is gone again and a file is empty again."""
    if not isinstance(target, str | os.PathLike):
        target.seek(0)
        try:
            yield Sink(target)
        except BaseException:
            target.seek(0)
            target.truncate()
            raise
        return
    with Path(target).open("w+b") as file:
        try:
            yield Sink(file)
        except BaseException:
            Path(target).unlink(missing_ok=True)
            raise
