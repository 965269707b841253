"""Write a PNG in strips, on all cores: faster than Pillow's encoder, and no copy of the picture."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO

import numpy as np
from PIL import Image

from dashboard.sandbox import crew

COLOR_TYPES = {"L": 0, "RGB": 2, "RGBA": 6}
STRIP_PIXELS = 1_000_000
# Every row is stored as its difference from the row above (PNG specification, 9.2, filter 2).
UP = 2
ZLIB_HEADER = b"\x78\x01"
NO_HEADER = -15
ADLER = 65521


@dataclass(frozen=True)
class Strip:
    """A part of the deflate stream, with the checksum of what it holds."""

    packed: bytes
    size: int
    checksum: int


def write(picture: Image.Image, target: IO[bytes]) -> None:
    """Write an 8-bit L, RGB or RGBA picture."""
    target.write(b"\x89PNG\r\n\x1a\n")
    header = struct.pack(">IIBBBBB", *picture.size, 8, COLOR_TYPES[picture.mode], 0, 0, 0)
    _chunk(target, b"IHDR", header)
    rows = max(1, STRIP_PIXELS // picture.width)
    checksum = 1
    start = ZLIB_HEADER
    for strip in crew.together(
        lambda top: _strip(picture, top, min(top + rows, picture.height)),
        range(0, picture.height, rows),
    ):
        _chunk(target, b"IDAT", start + strip.packed)
        checksum = _joined(checksum, strip)
        start = b""
    _chunk(target, b"IDAT", struct.pack(">I", checksum))
    _chunk(target, b"IEND", b"")


def _strip(picture: Image.Image, top: int, bottom: int) -> Strip:
    first = max(0, top - 1)
    part = picture.crop((0, first, picture.width, bottom))
    pixels = np.asarray(part).reshape(part.height, -1)
    own = pixels[top - first :]
    lines = np.empty((own.shape[0], own.shape[1] + 1), dtype=np.uint8)
    lines[:, 0] = UP
    lines[0, 1:] = own[0] - pixels[0] if top else own[0]
    np.subtract(own[1:], own[:-1], out=lines[1:, 1:])
    packer = zlib.compressobj(1, wbits=NO_HEADER)
    # A flushed part ends on a whole byte, so that the next one can follow it.
    end = zlib.Z_FINISH if bottom == picture.height else zlib.Z_FULL_FLUSH
    packed = packer.compress(lines.data) + packer.flush(end)
    return Strip(packed, lines.size, zlib.adler32(lines.data))


def _joined(checksum: int, strip: Strip) -> int:
    """The Adler-32 of two parts from those of each (zlib, adler32_combine)."""
    low, high = checksum & 0xFFFF, checksum >> 16
    size = strip.size % ADLER
    high = (high + (strip.checksum >> 16) + size * (low - 1)) % ADLER
    low = (low + (strip.checksum & 0xFFFF) - 1) % ADLER
    return high << 16 | low


def _chunk(target: IO[bytes], kind: bytes, content: bytes) -> None:
    target.write(struct.pack(">I", len(content)) + kind + content)
    target.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))
