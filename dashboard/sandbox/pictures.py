"""What an uploaded file is, from its name, size and first bytes; nothing is decoded here."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from dashboard.sandbox import errors
from dashboard.sandbox.form import MAX_PICTURE, Upload
from dashboard.sandbox.parameters import MAX_SIDE

EXTENSIONS = (".webp", ".bmp", ".png", ".jpg", ".jpeg")
MEGABYTE = 1024 * 1024
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Start-of-frame markers of JPEG: C0 to CF without DHT (C4), JPG (C8) and DAC (CC).
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
STANDALONE = frozenset(range(0xD0, 0xD9)) | {0x01}


@dataclass(frozen=True)
class Header:
    """A picture's kind and its size in pixels, as stored (before EXIF orientation)."""

    kind: str
    width: int
    height: int


def inspect(upload: Upload) -> Header:
    """Check an upload as RemBG does; raises Refusal with the first thing that is wrong."""
    if not upload.filename:
        raise errors.NO_FILE.refusal()
    extension = PurePosixPath(upload.filename.replace("\\", "/")).suffix.lower()
    if extension and extension not in EXTENSIONS:
        raise errors.FILE_TYPE.refusal(extension=errors.echo(extension))
    if not upload.size:
        raise errors.EMPTY_FILE.refusal()
    if upload.size > MAX_PICTURE:
        raise errors.FILE_SIZE.refusal(megabytes=upload.size / MEGABYTE)
    header = read_header(upload.file)
    if header is None or not header.width or not header.height:
        raise errors.SIGNATURE.refusal()
    if header.width > MAX_SIDE:
        raise errors.TOO_WIDE.refusal(pixels=header.width)
    if header.height > MAX_SIDE:
        raise errors.TOO_TALL.refusal(pixels=header.height)
    return header


def read_header(file: IO[bytes]) -> Header | None:
    """Kind and size of a PNG, JPEG, WebP or BMP; None for anything else."""
    file.seek(0)
    head = file.read(32)
    if head.startswith(b"\xff\xd8\xff"):
        size = _jpeg_size(file)
        return Header("JPEG", *size) if size else None
    try:
        if head.startswith(PNG_SIGNATURE) and head[12:16] == b"IHDR":
            return Header("PNG", *struct.unpack(">II", head[16:24]))
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            size = _webp_size(head)
            return Header("WEBP", *size) if size else None
        if head[:2] == b"BM":
            return _bmp(head)
    except (struct.error, IndexError):
        return None
    return None


def _jpeg_size(file: IO[bytes]) -> tuple[int, int] | None:
    file.seek(2)
    while lead := file.read(1):
        marker = file.read(1)
        while marker == b"\xff":
            marker = file.read(1)
        if lead != b"\xff" or not marker:
            return None
        if marker[0] in STANDALONE:
            continue
        length = file.read(2)
        if len(length) < 2 or length < b"\x00\x02":
            return None
        if marker[0] in FRAMES:
            frame = file.read(5)
            return struct.unpack(">xHH", frame)[::-1] if len(frame) == 5 else None
        file.seek(int.from_bytes(length, "big") - 2, 1)
    return None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    if head[12:16] == b"VP8X":
        return _three(head, 24) + 1, _three(head, 27) + 1
    if head[12:16] == b"VP8L" and head[20] == 0x2F:
        bits = struct.unpack("<I", head[21:25])[0]
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8 " and head[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def _three(head: bytes, at: int) -> int:
    if len(head) < at + 3:
        raise IndexError
    return int.from_bytes(head[at : at + 3], "little")


def _bmp(head: bytes) -> Header:
    if struct.unpack("<I", head[14:18])[0] == 12:
        width, height = struct.unpack("<HH", head[18:22])
    else:
        width, height = struct.unpack("<ii", head[18:26])
    return Header("BMP", abs(width), abs(height))
