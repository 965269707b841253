"""A multipart body that is read while it is sent, so that a 50 MB picture costs no memory.

`requests` builds such a body in memory twice over (promises 0.13).
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable, Iterable
from typing import BinaryIO

from dashboard.rembg import errors

BLOCK = 64 * 1024
# Of bodies above 1 MB: each block less is a turn of the threads less. 256 KB would be faster still,
# and takes more than the megabyte that an upload may (promises R11).
LARGE_BLOCK, LARGE = 128 * 1024, 1024 * 1024


class MultipartBody:
    """The `image` part and then the fields, as a file of known length that can be rewound.

    `on_read` is told how many bytes have gone, and of how many, each time the next are asked for:
    what the socket took, not what was merely offered. `read` raises SourceChanged if the picture
    ends early or cannot be read.
    """

    def __init__(
        self,
        image: BinaryIO,
        *,
        filename: str,
        content_type: str,
        fields: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.boundary = f"----rembg-{secrets.token_hex(16)}"
        self.is_handed_over = False
        self._image = image
        self.on_read: Callable[[int, int], None] | None = None
        self._size = image.seek(0, io.SEEK_END)
        self._head = _part_head(self.boundary, "image", filename, content_type)
        self._tail = _tail(self.boundary, fields)
        self._position = 0

    @property
    def content_type(self) -> str:
        """The header that names the boundary."""
        return f"multipart/form-data; boundary={self.boundary}"

    @property
    def block(self) -> int:
        """How many bytes to send at a time."""
        return LARGE_BLOCK if len(self) > LARGE else BLOCK

    @property
    def has_started(self) -> bool:
        """Whether any byte may have reached the socket."""
        return self._position > 0

    def __len__(self) -> int:
        return len(self._head) + self._size + len(self._tail)

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move as a file does."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: len(self)}[whence]
        self._position = max(0, base + offset)
        self.is_handed_over = False
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes, at most `size`; nothing at the end."""
        if self.on_read:
            self.on_read(self._position, len(self))
        wanted = len(self) - self._position if size < 0 else size
        pieces = []
        while wanted > 0:
            piece = self._next(wanted)
            if not piece:
                break
            self._position += len(piece)
            wanted -= len(piece)
            pieces.append(piece)
        if not pieces and size:
            self.is_handed_over = True
        return b"".join(pieces)

    def _next(self, wanted: int) -> bytes:
        """Return bytes of the one part that the position is in."""
        position = self._position
        if position < len(self._head):
            return self._head[position : position + wanted]
        position -= len(self._head)
        if position >= self._size:
            position -= self._size
            return self._tail[position : position + wanted]
        try:
            self._image.seek(position)
            piece = self._image.read(min(wanted, self._size - position))
        except OSError:
            piece = b""  # Not the connection's fault, which an OSError would be taken for.
        if not piece:
            raise errors.SourceChanged
        return piece


def _part_head(boundary: str, name: str, filename: str, content_type: str) -> bytes:
    return (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    ).encode("ascii")


def _tail(boundary: str, fields: Iterable[tuple[str, str]]) -> bytes:
    parts = (
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}'
        for name, text in fields
    )
    return f"{''.join(parts)}\r\n--{boundary}--\r\n".encode("ascii")
