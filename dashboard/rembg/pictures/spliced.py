"""What is kept of a picture, read as one file, without a copy of it."""

from __future__ import annotations

import io
from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate
from typing import BinaryIO, cast

from dashboard.rembg.pictures.inspection import Picture, examine
from dashboard.rembg.pictures.source import ByteRange, Layout, Part


def without_metadata(file: BinaryIO, *, filename: str) -> tuple[Picture, BinaryIO]:
    """Say what picture a file holds, and lend it without what it tells of its maker (U10, U17).

    The coded pixels, colour profile and orientation stay as they are; place, camera, previews and
    what follows the picture's end do not. Takes no memory to speak of. Raises what `inspect` does.
    """
    picture, layout = examine(file, filename=filename)
    if layout.parts == (ByteRange(0, picture.size),):
        return picture, file
    kept = Spliced(file, layout)
    return replace(picture, size=kept.size), cast(BinaryIO, kept)


class Spliced(io.RawIOBase):
    """The kept parts of an open picture one after the other; closing it leaves the picture open."""

    def __init__(self, file: BinaryIO, layout: Layout) -> None:
        self._file = file
        self._parts = layout.parts
        self._ends = list(accumulate(_size(part) for part in layout.parts))
        self._position = 0

    @property
    def size(self) -> int:
        """Return how many bytes it has."""
        return self._ends[-1]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end, or where the file shrank."""
        left = self.size - self._position if size < 0 else size
        pieces = []
        while left > 0 and (piece := self._next(left)):
            self._position += len(piece)
            left -= len(piece)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readall(self) -> bytes:
        return self.read()

    def _next(self, wanted: int) -> bytes:
        """Return bytes of the one part that the position is in."""
        number = bisect_right(self._ends, self._position)
        if number == len(self._parts):
            return b""
        part, inside = self._parts[number], self._position
        inside -= self._ends[number - 1] if number else 0
        if isinstance(part, bytes):
            return part[inside : inside + wanted]
        self._file.seek(part.start + inside)
        return self._file.read(min(wanted, part.end - part.start - inside))


def _size(part: Part) -> int:
    return part.end - part.start if isinstance(part, ByteRange) else len(part)
