"""PNG: its chunks walked from IHDR to IEND, never inflated (PNG, third edition, 5 and 11)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.rembg import errors
from dashboard.rembg.pictures import metadata
from dashboard.rembg.pictures.source import ByteRange, ByteSource, Layout, Part, joined

CONTENT_TYPE = "image/png"
EXTENSION = "png"

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HEADER_START = b"\0\0\0\x0dIHDR"
HEADER_END = 33  # signature and IHDR
DEPTHS = {
    0: (1, 2, 4, 8, 16),
    2: (8, 16),
    3: (1, 2, 4, 8),
    4: (8, 16),
    6: (8, 16),
}  # by colour type
CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})

# Ancillary chunks that change how the pixels are shown, with the most bytes that each can need.
SHOWN = {
    b"tRNS": 256,
    b"gAMA": 4,
    b"cHRM": 32,
    b"sRGB": 1,
    b"cICP": 4,
    b"sBIT": 4,
    b"bKGD": 6,
    b"pHYs": 9,
    b"mDCV": 24,
    b"cLLI": 8,
    b"sPLT": 1 << 20,
}
NAMES = {
    b"tEXt": "text",
    b"zTXt": "text",
    b"iTXt": "text",
    b"eXIf": "exif",
    b"tIME": "time",
    b"iCCP": "icc",
}

MAX_CHUNKS = 4096  # other than IDAT
MAX_DATA_CHUNKS = 65536
STEP = 64 * 1024


@dataclass(frozen=True)
class PngChunk:
    """One chunk with its length, type, data and checksum, or all IDATs, which stand together."""

    kind: bytes
    span: ByteRange

    @property
    def data(self) -> ByteRange:
        """The place of its data alone."""
        return ByteRange(self.span.start + 8, self.span.end - 4)

    @property
    def size(self) -> int:
        """The bytes of its data."""
        return self.span.end - self.span.start - 12


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this may be a PNG."""
    return head.startswith(SIGNATURE) and len(head) > len(SIGNATURE)


def dimensions(source: ByteSource) -> tuple[int, int]:
    """Return width and height as stored; raise Damaged or Truncated."""
    header = source.at(len(SIGNATURE), HEADER_END - len(SIGNATURE))
    if not header.startswith(HEADER_START[: len(header)]):
        raise errors.Damaged
    if len(header) < HEADER_END - len(SIGNATURE):
        raise errors.Truncated
    width, height, depth, colour, compression, filtering, interlace = struct.unpack_from(
        ">IIBBBBB", header, len(HEADER_START)
    )
    if depth not in DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise errors.Damaged
    return width, height


def layout(source: ByteSource) -> Layout:
    """Walk to IEND and say what to keep; raise Animated, Damaged or Truncated."""
    chunks = list(_chunks(source))
    kinds = [chunk.kind for chunk in chunks]
    if kinds.count(b"IHDR") != 1 or kinds.count(b"IDAT") > 1:
        raise errors.Damaged
    if b"IDAT" not in kinds:
        raise errors.Truncated
    orientation = _orientation(source, chunks)
    kept = [chunk for chunk in chunks if _is_kept(source, chunk)]
    parts: list[Part] = [ByteRange(0, HEADER_END)]
    if orientation != metadata.UPRIGHT:
        parts.append(_written(b"eXIf", metadata.minimal(orientation)))
    parts.extend(chunk.span for chunk in kept[1:])
    return Layout(
        end=chunks[-1].span.end,
        orientation=orientation,
        has_alpha=source.at(25, 1) in (b"\x04", b"\x06") or b"tRNS" in kinds,
        parts=joined(parts),
    )


def _chunks(source: ByteSource) -> Iterator[PngChunk]:
    offset = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        chunk = _chunk(source, offset)
        if chunk.kind == b"acTL" and source.at(chunk.data.start, 4) != b"\0\0\0\x01":
            raise errors.Animated
        if chunk.kind == b"IDAT":
            chunk = _run(source, chunk)
        yield chunk
        if chunk.kind == b"IEND":
            return
        offset = chunk.span.end
    raise errors.Damaged


def _chunk(source: ByteSource, offset: int) -> PngChunk:
    header = source.at(offset, 8)
    if len(header) < 8:
        raise errors.Truncated
    size, kind = int.from_bytes(header[:4], "big"), header[4:]
    if not kind.isalpha() or (kind[:1].isupper() and kind not in CRITICAL):
        raise errors.Damaged
    if (end := offset + 12 + size) > source.size:
        raise errors.Truncated
    return PngChunk(kind, ByteRange(offset, end))


def _run(source: ByteSource, first: PngChunk) -> PngChunk:
    """Return the IDATs that follow one another as one chunk."""
    end = first.span.end
    for _ in range(MAX_DATA_CHUNKS):
        header = source.at(end, 8)
        if header[4:] != b"IDAT":
            return PngChunk(first.kind, ByteRange(first.span.start, end))
        end += 12 + int.from_bytes(header[:4], "big")
        if end > source.size:
            raise errors.Truncated
    raise errors.Damaged


def _orientation(source: ByteSource, chunks: list[PngChunk]) -> int:
    for chunk in chunks:
        if chunk.kind == b"eXIf":
            return metadata.orientation(
                source.at(chunk.data.start, min(chunk.size, metadata.MAX_EXIF))
            )
    return metadata.UPRIGHT


def _is_kept(source: ByteSource, chunk: PngChunk) -> bool:
    if chunk.kind == b"iCCP":
        return _is_small_profile(source, chunk)
    return chunk.kind in CRITICAL or chunk.size <= SHOWN.get(chunk.kind, -1)


def _is_small_profile(source: ByteSource, chunk: PngChunk) -> bool:
    """Tell whether a colour profile inflates to at most 4 MB, and nothing hides behind it."""
    name = source.at(chunk.data.start, min(chunk.size, 81)).partition(b"\0")[0]
    inflater = zlib.decompressobj()
    header, inflated = b"", 0
    try:
        for offset in range(chunk.data.start + len(name) + 2, chunk.data.end, STEP):
            waiting = source.at(offset, min(STEP, chunk.data.end - offset))
            while waiting and not inflater.eof:
                piece = inflater.decompress(waiting, STEP)
                header = header or piece[: metadata.PROFILE_HEAD]
                inflated += len(piece)
                waiting = inflater.unconsumed_tail
                if inflated > metadata.MAX_PROFILE:
                    return False
            if waiting or inflater.unused_data:
                return False
    except zlib.error:
        return False
    return inflater.eof and metadata.is_profile(header, inflated)


def _written(kind: bytes, data: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum
