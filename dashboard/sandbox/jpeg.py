"""Whether a JPEG is complete: its scans' data decide, not its last bytes."""

from __future__ import annotations

import hashlib
import io
import itertools
import re

from PIL import Image

# A marker (ITU-T T.81, table B.1) is not 00, which is a stuffed byte, a restart or a fill byte.
MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
END_OF_IMAGE = b"\xff\xd9"
SEQUENTIAL, SCAN, STANDALONE = (0xC0, 0xC1), 0xDA, (0x01, 0xD8)
# Tables, line counts, comments and application data may stand between two scans.
BETWEEN_SCANS = {0xC4, 0xCC, SCAN, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}
# Read as picture data where those ended too early; in a complete picture nobody gets to it.
# With restart markers, so that it goes on where each interval begins anew.
INTERVALS = (bytes(range(255, 0, -3))[1:] * 8 + bytes((0xFF, 0xD0 + i % 8)) for i in range(16))
FOREIGN = b"".join(INTERVALS)


def complete(data: bytes) -> tuple[bytes, int] | None:
    """The picture with its end marked and nothing behind it, and where it ended; None if cut.

    Raises OSError where it cannot be decoded at all. Decoded with other bytes behind each scan, a
    complete picture is the same; one that was cut shows them.
    """
    ends = scan_ends(data)
    if not ends:
        return None
    picture = data[: ends[-1]] + END_OF_IMAGE
    scans = [data[start:end] for start, end in itertools.pairwise((0, *ends))]
    if _decoded(picture) != _decoded(FOREIGN.join([*scans, END_OF_IMAGE])):
        return None
    marked = data.startswith(END_OF_IMAGE, ends[-1])
    return picture, ends[-1] + len(END_OF_IMAGE) * marked


def scan_ends(data: bytes) -> list[int]:
    """Where the data of each scan end: at the next marker, or with the file."""
    ends: list[int] = []
    at, in_scan, is_only = 2, False, False
    components = b""
    while match := MARKER.search(data, at):
        code, at = match[1][0], match.end()
        length = int.from_bytes(data[at : at + 2], "big")
        if in_scan:
            ends.append(match.start())
        if ends and (is_only or code not in BETWEEN_SCANS or at + length > len(data)):
            return ends
        if code in SEQUENTIAL:
            components = data[at + 7 : at + 8]
        in_scan = code == SCAN
        is_only = in_scan and data[at + 2 : at + 3] == components
        at += 0 if code in STANDALONE else length
    return [*ends, len(data)] if in_scan else ends


def _decoded(data: bytes) -> bytes:
    """A digest of the picture, decoded as small as still shows each scan."""
    source = Image.open(io.BytesIO(data), formats=["JPEG"])
    # Later scans of a progressive one hold only details, which an eighth would not show.
    least = 2 if source.info.get("progressive") else 8
    source.draft(None, (max(1, source.width // least), max(1, source.height // least)))
    return hashlib.sha256(source.tobytes()).digest()
