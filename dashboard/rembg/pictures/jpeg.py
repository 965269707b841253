"""JPEG: its segments walked from SOI to EOI, never decoded (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from dashboard.rembg import errors
from dashboard.rembg.pictures import entropy, metadata
from dashboard.rembg.pictures.source import ByteRange, ByteSource, Layout, Part, joined

CONTENT_TYPE = "image/jpeg"
EXTENSION = "jpg"

SOI = b"\xff\xd8"
EOI, SOS, COM = 0xD9, 0xDA, 0xFE
APP0, APP1, APP2, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
FRAMES = frozenset(
    {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
)  # what common decoders read; not lossless, not hierarchical
TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDC, 0xDD})  # DHT, DAC, DQT, DNL, DRI
APPS = frozenset(range(0xE0, 0xF0))
BARE = frozenset({0x01, *range(0xD0, 0xD8)})  # TEM and RST stand without a length
PICTURE = FRAMES | TABLES | {SOS, EOI}
KNOWN = PICTURE | APPS | {COM}

# The next marker, behind any bytes that are none: libjpeg skips them, and so do browsers.
MARKER = re.compile(rb"\xff[\x01-\xfe]")
# What ends a scan's data. In it, 00 is stuffing, D0..D7 are restarts, and FF may fill before both.
AFTER_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
# What coded data does not hold, or hardly ever: another marker, text, a row of zeros.
TRAILER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]|[ -~]{16}|\0{8}")
TAIL = 64 * 1024
MAX_SEGMENTS = 4096
ICC_NUMBERS = 14  # bytes of name, number and count, in front of a piece of profile
JFIF_BYTES = 14  # of the payload: without the thumbnail that may follow
ADOBE_BYTES = 12
KEPT = frozenset({"picture", "jfif", "icc", "adobe"})
NAMES = (
    (APP0, b"JFIF\0", JFIF_BYTES, "jfif"),
    (APP0, b"JFXX\0", 0, "thumbnail"),
    (APP1, metadata.PREFIX, 0, "exif"),
    (APP1, b"http://ns.adobe.com/", 0, "xmp"),
    (APP2, b"ICC_PROFILE\0", ICC_NUMBERS, "icc"),
    (APP2, b"MPF\0", 0, "previews"),
    (APP13, b"", 0, "iptc"),
    (APP14, b"Adobe", ADOBE_BYTES, "adobe"),
    (COM, b"", 0, "comment"),
)


@dataclass(frozen=True)
class Segment:
    """A marker with all that belongs to it; for SOS, the scan too."""

    marker: int
    span: ByteRange

    @property
    def payload(self) -> int:
        """The offset behind marker and length."""
        return self.span.start + 4

    @property
    def size(self) -> int:
        """The bytes behind marker and length."""
        return self.span.end - self.payload


def matches(head: bytes) -> bool:
    """Tell whether a file that begins like this may be a JPEG."""
    return head.startswith(b"\xff\xd8\xff") and len(head) >= 12 and (head[3] < 2 or head[3] >= 0xC0)


def dimensions(source: ByteSource) -> tuple[int, int]:
    """Return width and height as stored; raise Damaged or Truncated."""
    for segment in _segments(source):
        if segment.marker in FRAMES:
            return _frame(source, segment)
        if segment.marker in (SOS, EOI):
            break
    raise errors.Damaged


def layout(source: ByteSource) -> Layout:
    """Walk to the picture's end and say what to keep; raise Damaged or Truncated."""
    segments = _whole(source)
    markers = [segment.marker for segment in segments]
    if sum(marker in FRAMES for marker in markers) != 1:
        raise errors.Damaged
    if SOS not in markers:
        raise errors.Truncated
    orientation = _orientation(source, segments)
    parts: list[Part] = [SOI, *_jfif(source, segments)]
    if orientation != metadata.UPRIGHT:
        parts.append(_written(APP1, metadata.PREFIX + metadata.minimal(orientation)))
    kept = KEPT if _is_profile(source, segments) else KEPT - {"icc"}
    parts.extend(part for segment in segments for part in _kept(source, segment, kept))
    if markers[-1] != EOI:
        parts.append(bytes([0xFF, EOI]))
    return Layout(
        end=segments[-1].span.end,
        orientation=orientation,
        has_alpha=False,
        parts=joined(parts),
    )


def _whole(source: ByteSource) -> list[Segment]:
    """Return the segments up to EOI, or up to the last coded pixel where a trailer has EOI's place.

    Some phones write their trailer over EOI. What ends with its coded data has been cut.
    """
    try:
        return list(_segments(source))
    except (errors.Damaged, errors.Truncated):
        if TRAILER.search(source.at(max(0, source.size - TAIL), TAIL)):
            with suppress(errors.PictureRefused):
                return _without_end(source)
        raise


def _segments(source: ByteSource) -> Iterator[Segment]:
    offset, scans = len(SOI), False
    for _ in range(MAX_SEGMENTS):
        segment = _segment(source, offset)
        if segment.marker == SOS:
            scans = True
            end = source.search(AFTER_SCAN, segment.span.end)
            if end is None:
                raise errors.Truncated
            segment = Segment(SOS, ByteRange(segment.span.start, end))
        elif scans and segment.marker in BARE:  # What follows it would be pixels.
            raise errors.Damaged
        yield segment
        if segment.marker == EOI:
            return
        offset = segment.span.end
    raise errors.Damaged


def _without_end(source: ByteSource) -> list[Segment]:
    """Return the segments up to the last coded pixel; raise Damaged or Truncated."""
    reader = entropy.Reader(source)
    segments: list[Segment] = []
    offset = len(SOI)
    while not reader.is_complete and len(segments) < MAX_SEGMENTS:
        segment = _segment(source, offset)
        payload = source.at(segment.payload, segment.size)
        if segment.marker == SOS:
            end = reader.end_of_scan(payload, segment.span.end)
            segment = Segment(SOS, ByteRange(segment.span.start, end))
        else:
            reader.read(segment.marker, payload)
        segments.append(segment)
        offset = segment.span.end
    if not source.at(offset, 2).lstrip(b"\xff"):
        raise errors.Truncated
    return segments


def _segment(source: ByteSource, offset: int) -> Segment:
    """Return the next segment, without the data of a scan; raise Damaged or Truncated."""
    start = source.search(MARKER, offset)
    if start is None:
        raise errors.Truncated
    marker = source.at(start + 1, 1)[0]
    if marker == EOI or marker in BARE:
        return Segment(marker, ByteRange(start, start + 2))
    if marker not in KNOWN:
        raise errors.Damaged
    field = source.at(start + 2, 2)
    end = start + 2 + int.from_bytes(field, "big")
    if len(field) < 2 or end > source.size:
        raise errors.Truncated
    if end < start + 4:
        raise errors.Damaged
    return Segment(marker, ByteRange(start, end))


def _frame(source: ByteSource, segment: Segment) -> tuple[int, int]:
    payload = source.at(segment.payload, segment.size)
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise errors.Damaged
    height, width = struct.unpack_from(">HH", payload, 1)
    return width, height


def _orientation(source: ByteSource, segments: list[Segment]) -> int:
    for segment in segments:
        if _name(source, segment) == "exif":
            return metadata.orientation(source.at(segment.payload, segment.size))
    return metadata.UPRIGHT


def _jfif(source: ByteSource, segments: list[Segment]) -> list[bytes]:
    """Return the first JFIF header, told that it has no thumbnail."""
    for segment in segments:
        if _name(source, segment) == "jfif":
            payload = source.at(segment.payload, JFIF_BYTES)
            return [_written(APP0, payload[:-2] + bytes(2))]
    return []


def _is_profile(source: ByteSource, segments: list[Segment]) -> bool:
    """Tell whether the pieces of a colour profile are all there, once each, and make one."""
    pieces = [segment for segment in segments if _name(source, segment) == "icc"]
    numbers = [source.at(piece.payload + ICC_NUMBERS - 2, 2) for piece in pieces]
    if sorted(numbers) != [bytes([n, len(pieces)]) for n in range(1, len(pieces) + 1)]:
        return False
    size = sum(piece.size - ICC_NUMBERS for piece in pieces)
    first = pieces[numbers.index(bytes([1, len(pieces)]))] if pieces else None
    return first is not None and metadata.is_profile(
        source.at(
            first.payload + ICC_NUMBERS, min(metadata.PROFILE_HEAD, first.size - ICC_NUMBERS)
        ),
        size,
    )


def _kept(source: ByteSource, segment: Segment, kept: frozenset[str]) -> list[Part]:
    name = _name(source, segment)
    if name == "adobe":  # says how CMYK is meant
        return [_written(APP14, source.at(segment.payload, ADOBE_BYTES))]
    return [segment.span] if name in kept and name != "jfif" else []


def _written(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _name(source: ByteSource, segment: Segment) -> str:
    """Return what a segment is, in a word that a person understands."""
    if segment.marker in PICTURE or segment.marker in BARE:
        return "picture"
    for marker, beginning, least, name in NAMES:
        if (
            segment.marker == marker
            and segment.size >= least
            and source.at(segment.payload, len(beginning)) == beginning
        ):
            return name
    return "application data"
