"""JPEG: its segments walked from SOI to EOI, never decoded (ITU-T T.81, annex B)."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dashboard.rembg import errors
from dashboard.rembg.pictures import exif
from dashboard.rembg.pictures.source import Layout, Part, Source, Span, joined

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

# What may follow a scan. In it, 00 is stuffing and D0..D7 are restarts; the rest is damage.
AFTER_SCAN = re.compile(rb"\xff[\xc4\xcc\xd8-\xdd\xe0-\xef\xfe]")
MAX_SEGMENTS = 4096
MAX_FILL = 256
JFIF_BYTES = 14  # of the payload: without the thumbnail that may follow
ADOBE_BYTES = 12
KEPT = frozenset({"picture", "jfif", "icc", "adobe"})
NAMES = (
    (APP0, b"JFIF\0", JFIF_BYTES, "jfif"),
    (APP0, b"JFXX\0", 0, "thumbnail"),
    (APP1, exif.PREFIX, 0, "exif"),
    (APP1, b"http://ns.adobe.com/", 0, "xmp"),
    (APP2, b"ICC_PROFILE\0", 0, "icc"),
    (APP2, b"MPF\0", 0, "previews"),
    (APP13, b"", 0, "iptc"),
    (APP14, b"Adobe", ADOBE_BYTES, "adobe"),
    (COM, b"", 0, "comment"),
)


@dataclass(frozen=True)
class Segment:
    """A marker with all that belongs to it; for SOS, the scan too."""

    marker: int
    span: Span

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
    return head.startswith(b"\xff\xd8\xff") and len(head) >= 12


def dimensions(source: Source) -> tuple[int, int]:
    """Return width and height as stored; raise BadSignature or Truncated."""
    for segment in _segments(source):
        if segment.marker in FRAMES:
            return _frame(source, segment)
        if segment.marker in (SOS, EOI):
            break
    raise errors.BadSignature


def layout(source: Source) -> Layout:
    """Walk to EOI and say what to keep; raise BadSignature or Truncated."""
    segments = list(_segments(source))
    markers = [segment.marker for segment in segments]
    if sum(marker in FRAMES for marker in markers) != 1:
        raise errors.BadSignature
    if SOS not in markers:
        raise errors.Truncated
    orientation = _orientation(source, segments)
    parts: list[Part] = [SOI, *_jfif(source, segments)]
    if orientation != exif.UPRIGHT:
        parts.append(_written(APP1, exif.PREFIX + exif.minimal(orientation)))
    parts.extend(part for segment in segments for part in _kept(source, segment))
    return Layout(
        orientation=orientation,
        has_alpha=False,
        parts=joined(parts),
        dropped=_dropped(source, segments),
    )


def _segments(source: Source) -> Iterator[Segment]:
    offset = len(SOI)
    for _ in range(MAX_SEGMENTS):
        offset = _marker(source, offset)
        marker = source.at(offset + 1, 1)[0]
        end = offset + 2 if marker == EOI or marker in BARE else _end(source, offset, marker)
        yield Segment(marker, Span(offset, end))
        if marker == EOI:
            return
        offset = end
    raise errors.BadSignature


def _marker(source: Source, offset: int) -> int:
    """Return where the next marker's own FF is, behind the FFs that may fill the gap."""
    found = source.at(offset, MAX_FILL)
    code = found.lstrip(b"\xff")
    if len(code) == len(found) and found:
        raise errors.BadSignature
    if not code:
        raise errors.Truncated if len(found) < MAX_FILL else errors.BadSignature
    return offset + len(found) - len(code) - 1


def _end(source: Source, offset: int, marker: int) -> int:
    if marker not in KNOWN:
        raise errors.BadSignature
    field = source.at(offset + 2, 2)
    length = int.from_bytes(field, "big")
    end = offset + 2 + length
    if len(field) < 2 or end > source.size:
        raise errors.Truncated
    if length < 2:
        raise errors.BadSignature
    if marker != SOS:
        return end
    after = source.search(AFTER_SCAN, end)
    if after is None:
        raise errors.Truncated
    return after


def _frame(source: Source, segment: Segment) -> tuple[int, int]:
    payload = source.at(segment.payload, segment.size)
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        raise errors.BadSignature
    height, width = struct.unpack_from(">HH", payload, 1)
    return width, height


def _orientation(source: Source, segments: list[Segment]) -> int:
    for segment in segments:
        if _name(source, segment) == "exif":
            return exif.orientation(source.at(segment.payload, segment.size))
    return exif.UPRIGHT


def _jfif(source: Source, segments: list[Segment]) -> list[bytes]:
    """Return the first JFIF header, told that it has no thumbnail."""
    for segment in segments:
        if _name(source, segment) == "jfif":
            payload = source.at(segment.payload, JFIF_BYTES)
            return [_written(APP0, payload[:-2] + bytes(2))]
    return []


def _kept(source: Source, segment: Segment) -> list[Part]:
    name = _name(source, segment)
    if name == "adobe":  # says how CMYK is meant
        return [_written(APP14, source.at(segment.payload, ADOBE_BYTES))]
    return [segment.span] if name in ("picture", "icc") else []


def _dropped(source: Source, segments: list[Segment]) -> tuple[str, ...]:
    names = [_name(source, segment) for segment in segments]
    if any(
        name == "jfif" and segment.size > JFIF_BYTES
        for name, segment in zip(names, segments, strict=True)
    ):
        names.append("thumbnail")
    if segments[-1].span.end < source.size:
        names.append("trailer")
    return tuple(name for name in dict.fromkeys(names) if name not in KEPT)


def _written(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def _name(source: Source, segment: Segment) -> str:
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
