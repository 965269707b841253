"""A picture's bytes, read by place and through one small window, whatever the file's size."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

WINDOW = 64 * 1024
BLOCK = 256 * 1024


@dataclass(frozen=True)
class ByteRange:
    """Bytes `start` to `end` (half-open) of the file that is being read."""

    start: int
    end: int


Part = bytes | ByteRange


@dataclass(frozen=True)
class Layout:
    """What a complete file holds: how to show it, and what to keep of it.

    The picture ends at the offset `end`; what follows it is a trailer.
    """

    end: int
    orientation: int
    has_alpha: bool | None
    parts: tuple[Part, ...]


class ByteSource:
    """A seekable file, read by offset; `size` is in bytes."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0, os.SEEK_END)
        self.size = file.tell()
        self._window = b""
        self._start = 0

    def at(self, offset: int, count: int) -> bytes:
        """Return the `count` bytes at an offset, fewer where the file ends."""
        begin = offset - self._start
        if begin < 0 or begin + count > len(self._window):
            self._window = self._read(offset, max(count, WINDOW))
            self._start = offset
            begin = 0
        return self._window[begin : begin + count]

    def search(self, pattern: re.Pattern[bytes], offset: int) -> int | None:
        """Return where a two-byte pattern is next found, or None."""
        begin = offset - self._start
        if 0 <= begin < len(self._window):
            if match := pattern.search(self._window, begin):
                return self._start + match.start()
            offset = self._start + len(self._window) - 1
        while len(block := self._read(offset, BLOCK)) > 1:
            if match := pattern.search(block):
                return offset + match.start()
            offset += len(block) - 1
        return None

    def _read(self, offset: int, count: int) -> bytes:
        self._file.seek(offset)
        return self._file.read(count)


def joined(parts: Iterable[Part]) -> tuple[Part, ...]:
    """Return the same bytes, with spans that touch made one."""
    whole: list[Part] = []
    for part in parts:
        last = whole[-1] if whole else b""
        if isinstance(part, ByteRange) and isinstance(last, ByteRange) and last.end == part.start:
            whole[-1] = ByteRange(last.start, part.end)
        elif part:
            whole.append(part)
    return tuple(whole)
