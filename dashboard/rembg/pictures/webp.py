"""WebP: the RIFF chunks of one still picture, never decoded (RFC 9649)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.rembg import errors
from dashboard.rembg.pictures import metadata
from dashboard.rembg.pictures.source import ByteRange, ByteSource, Layout, Part, joined

CONTENT_TYPE = "image/webp"
EXTENSION = "webp"

HEADER_END = 12
BITSTREAMS = frozenset({b"VP8 ", b"VP8L"})
ANIMATION = frozenset({b"ANIM", b"ANMF"})
ANIMATED, EXIF, ALPHA, ICC = 0x02, 0x08, 0x10, 0x20  # flags of VP8X
KEPT = BITSTREAMS | {b"VP8X", b"ALPH"}
NAMES = {b"EXIF": "exif", b"XMP ": "xmp", b"ICCP": "icc"}
MAX_CHUNKS = 4096


@dataclass(frozen=True)
class RiffChunk:
    """One RIFF chunk; `end` is behind its data, before the byte that makes it even."""

    kind: bytes
    start: int
    end: int

    @property
    def data(self) -> int:
        """The offset of its data."""
        return self.start + 8


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this may be a WebP."""
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP" and len(head) > HEADER_END


def dimensions(source: ByteSource) -> tuple[int, int]:
    """Return the canvas' width and height; raise Damaged or Truncated."""
    kind = source.at(HEADER_END, 4)
    if kind != b"VP8X":
        return _frame(source, HEADER_END)
    data = source.at(HEADER_END + 8, 10)
    if len(data) < 10:
        raise errors.Truncated
    return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1


def layout(source: ByteSource) -> Layout:
    """Walk to RIFF's end and say what to keep; raise Animated, Damaged or Truncated."""
    end = _end(source)
    chunks = list(_chunks(source, end))
    frames = [chunk for chunk in chunks if chunk.kind in BITSTREAMS]
    if not frames:
        raise errors.Truncated
    if len(frames) > 1 or _frame(source, frames[0].start) != dimensions(source):
        raise errors.Damaged
    extended = chunks[0].kind == b"VP8X"
    flags = source.at(chunks[0].data, 1)[0] if extended else 0
    orientation = _orientation(source, chunks) if flags & EXIF else metadata.UPRIGHT
    kept = _kept(source, chunks, flags) if extended else frames
    return Layout(
        end=end,
        orientation=orientation,
        has_alpha=bool(flags & ALPHA) or _has_alpha_bit(source, frames[0]),
        parts=_parts(source, kept, flags, orientation),
    )


def _end(source: ByteSource) -> int:
    """Return where RIFF says that it ends, with the byte that makes it even if that is there."""
    declared = 8 + int.from_bytes(source.at(4, 4), "little")
    if declared > source.size:
        raise errors.Truncated
    return min(declared + declared % 2, source.size)


def _chunks(source: ByteSource, end: int) -> Iterator[RiffChunk]:
    offset = HEADER_END
    for _ in range(MAX_CHUNKS):
        header = source.at(offset, 8)
        if len(header) < 8:
            raise errors.Truncated
        chunk = RiffChunk(header[:4], offset, offset + 8 + int.from_bytes(header[4:], "little"))
        if chunk.kind in ANIMATION:
            raise errors.Animated
        if chunk.end > end:
            raise errors.Truncated
        yield chunk
        offset = chunk.end + chunk.end % 2
        if offset >= end:
            return
    raise errors.Damaged


def _frame(source: ByteSource, start: int) -> tuple[int, int]:
    """Return the size that a VP8 or VP8L bitstream says of itself."""
    kind, data = source.at(start, 4), source.at(start + 8, 10)
    if kind == b"VP8L" and len(data) >= 5:
        bits = int.from_bytes(data[1:5], "little")
        if data[0] != 0x2F or bits >> 29:
            raise errors.Damaged
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if len(kind) == 4 and kind not in BITSTREAMS:
        raise errors.Damaged
    if len(data) < 10:
        raise errors.Truncated
    if data[0] & 1 or data[3:6] != b"\x9d\x01\x2a":
        raise errors.Damaged
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF


def _has_alpha_bit(source: ByteSource, frame: RiffChunk) -> bool:
    return frame.kind == b"VP8L" and bool(source.at(frame.data + 4, 1)[0] & 0x10)


def _orientation(source: ByteSource, chunks: list[RiffChunk]) -> int:
    for chunk in chunks:
        if chunk.kind == b"EXIF":
            size = min(chunk.end - chunk.data, metadata.MAX_EXIF)
            return metadata.orientation(source.at(chunk.data, size))
    return metadata.UPRIGHT


def _kept(source: ByteSource, chunks: list[RiffChunk], flags: int) -> list[RiffChunk]:
    """Return the first chunk of each kind that a decoder needs.

    A profile that VP8X does not announce is not looked at by decoders: kept, it would be.
    """
    first: dict[bytes, RiffChunk] = {}
    for chunk in chunks:
        if chunk.kind in KEPT or (
            chunk.kind == b"ICCP"
            and flags & ICC
            and metadata.is_profile(
                source.at(chunk.data, metadata.PROFILE_HEAD), chunk.end - chunk.data
            )
        ):
            first.setdefault(chunk.kind, chunk)
    return list(first.values())


def _parts(
    source: ByteSource, kept: list[RiffChunk], flags: int, orientation: int
) -> tuple[Part, ...]:
    parts: list[Part] = []
    for chunk in kept:
        if chunk.kind == b"VP8X":
            icc = ICC if any(other.kind == b"ICCP" for other in kept) else 0
            turned = EXIF if orientation != metadata.UPRIGHT else 0
            size = source.at(chunk.data + 4, 6)
            parts.append(_written(b"VP8X", bytes([flags & ALPHA | icc | turned, 0, 0, 0]) + size))
        else:
            parts += [ByteRange(chunk.start, chunk.end), bytes(chunk.end % 2)]
    if orientation != metadata.UPRIGHT:
        parts.append(_written(b"EXIF", metadata.minimal(orientation)))
    total = sum(
        part.end - part.start if isinstance(part, ByteRange) else len(part) for part in parts
    )
    return joined([b"RIFF" + struct.pack("<I", 4 + total) + b"WEBP", *parts])


def _written(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<I", len(data)) + data
