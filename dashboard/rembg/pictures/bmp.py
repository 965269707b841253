"""BMP: its headers, and where its pixels end (Windows BITMAPV5HEADER and its elders)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from dashboard.rembg import errors
from dashboard.rembg.pictures import metadata
from dashboard.rembg.pictures.source import ByteRange, ByteSource, Layout

CONTENT_TYPE = "image/bmp"
EXTENSION = "bmp"

FILE_HEADER = 14
CORE = 12
HEADERS = frozenset({CORE, 40, 52, 56, 64, 108, 124})
DEPTHS = frozenset({1, 2, 4, 8, 16, 24, 32})
RUNS = {1: 8, 2: 4}  # run-length encodings, with the only depth of each
PLAIN = frozenset({0, 3, 6})  # uncompressed, with or without bit masks
V5 = 124
WITH_ALPHA_MASK = 56  # headers of so many bytes and more
EMBEDDED = b"DEBM"  # PROFILE_EMBEDDED, 'MBED', little-endian

# Places in the file: offset, and bytes.
FILE_SIZE = (2, 4)
ALPHA_MASK = (FILE_HEADER + 52, 4)
COLOUR_SPACE = (FILE_HEADER + 56, 4)
PROFILE = (FILE_HEADER + 112, 8)


@dataclass(frozen=True)
class Header:
    """What the two headers say of the pixels; `runs` is the bytes of run-length data."""

    size: int
    offset: int
    width: int
    height: int
    depth: int
    compression: int
    runs: int


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this may be a BMP."""
    return (
        head.startswith(b"BM")
        and len(head) >= 18
        and int.from_bytes(head[14:18], "little") in HEADERS
    )


def dimensions(source: ByteSource) -> tuple[int, int]:
    """Return width and height as stored; raise Damaged or Truncated."""
    header = _header(source)
    return header.width, header.height


def layout(source: ByteSource) -> Layout:
    """Say where the pixels end, what stands behind is not kept; raise Damaged or Truncated."""
    header = _header(source)
    end = _end(source, header)
    if end > source.size:
        raise errors.Truncated
    whole = end == source.size
    declared = source.at(*FILE_SIZE) if whole else struct.pack("<I", end)
    return Layout(
        end=end,
        orientation=metadata.UPRIGHT,
        has_alpha=_has_alpha(source, header),
        parts=(b"BM", declared, ByteRange(6, end)),
    )


def _header(source: ByteSource) -> Header:
    head = source.at(0, FILE_HEADER + 40)
    offset, size = struct.unpack_from("<II", head, 10)
    if len(head) < FILE_HEADER + min(size, 40) or source.size < FILE_HEADER + size:
        raise errors.Truncated
    if size == CORE:
        width, height, planes, depth = struct.unpack_from("<HHHH", head, 18)
        compression = runs = 0
    else:
        width, height, planes, depth, compression, runs = struct.unpack_from("<iiHHII", head, 18)
    header = Header(size, offset, width, abs(height), depth, compression, runs)
    if planes != 1 or not _is_known(header):
        raise errors.Damaged
    return header


def _is_known(header: Header) -> bool:
    encoded = header.compression in PLAIN or RUNS.get(header.compression) == header.depth
    return (
        encoded
        and header.width >= 0
        and header.depth in DEPTHS
        and header.offset >= FILE_HEADER + header.size
    )


def _end(source: ByteSource, header: Header) -> int:
    """Return where the last row ends, or an embedded colour profile if that is later."""
    if header.compression in PLAIN:
        row = (header.width * header.depth + 31) // 32 * 4
        end = header.offset + row * header.height
    elif header.runs:
        end = header.offset + header.runs
    else:
        end = max(int.from_bytes(source.at(*FILE_SIZE), "little"), header.offset + 1)
    if header.size == V5 and source.at(*COLOUR_SPACE) == EMBEDDED:
        start, size = struct.unpack("<II", source.at(*PROFILE))
        end = max(end, FILE_HEADER + start + size)
    return end


def _has_alpha(source: ByteSource, header: Header) -> bool | None:
    """Return None where 32 bits leave it open whether the fourth byte means anything."""
    if header.depth != 32:
        return False
    if header.compression == 0:
        return None
    return header.size >= WITH_ALPHA_MASK and any(source.at(*ALPHA_MASK))
