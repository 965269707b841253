"""A file for a picture that comes back: paid for, and so not lost to a disk that fills up."""

from __future__ import annotations

import io
import tempfile
from contextlib import ExitStack, suppress
from typing import Any

from django.conf import settings

IN_MEMORY = 256 * 1024  # bytes that need no file


class AnswerFile(io.RawIOBase):
    """In memory while small, then on disk; back in memory where the disk is full (promises R5).

    Unbuffered, so that what the disk took and what it did not is known to the byte.
    """

    def __init__(self) -> None:
        self._file: Any = io.BytesIO()
        self._may_move = True

    def write(self, data: Any) -> int:
        """Write all of it."""
        left = memoryview(data).cast("B")
        size = len(left)
        if self._may_move and self._file.tell() + size > IN_MEMORY:
            self._to_disk()
        while left:
            try:
                left = left[self._file.write(left) :]
            except OSError:
                self._to_memory()
        return size

    def readinto(self, buffer: Any) -> int | None:
        return int(self._file.readinto(buffer))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def truncate(self, size: int | None = None) -> int:
        return int(self._file.truncate(size))

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def _to_disk(self) -> None:
        """Go on in a file, if there is room for what is in memory."""
        self._may_move = False
        folder, end = settings.FILE_UPLOAD_TEMP_DIR, self._file.tell()
        with suppress(OSError):
            self._replace(tempfile.TemporaryFile(buffering=0, dir=folder))  # noqa: SIM115
        self._file.seek(end)

    def _to_memory(self) -> None:
        self._replace(io.BytesIO())

    def _replace(self, file: Any) -> None:
        """Go on in another file with what is in this one; raise OSError where it does not fit."""
        old, end = self._file, self._file.tell()
        with ExitStack() as stack:
            stack.callback(file.close)
            old.seek(0)
            while block := memoryview(old.read(IN_MEMORY)):
                while block:  # A disk that is nearly full takes a part of it.
                    block = block[file.write(block) :]
            stack.pop_all()
        file.seek(end)
        old.close()
        self._file = file
