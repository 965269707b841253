"""What of a picture's metadata is kept: which way up it is shown, and its colour profile.

EXIF 2.3, 4.6.4, and ICC.1:2022, 7.2.
"""

from __future__ import annotations

import struct

PREFIX = b"Exif\0\0"
UPRIGHT = 1
TAG = 0x0112
INTEGERS = {3: 2, 4: 4}  # SHORT and LONG, with the bytes of each
MAX_ENTRIES = 1024
MAX_EXIF = 64 * 1024
MAX_PROFILE = 4 << 20
PROFILE_HEAD = 128  # bytes that every profile begins with
PROFILE_SIGNATURE = (36, b"acsp")


def orientation(data: bytes) -> int:
    """Return the orientation (1..8) of a TIFF block, 1 where it says none or makes no sense."""
    tiff = data.removeprefix(PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None or len(tiff) < 8:
        return UPRIGHT
    (start,) = struct.unpack_from(f"{order}I", tiff, 4)
    directory = tiff[start : start + 2]
    if len(directory) < 2:
        return UPRIGHT
    (count,) = struct.unpack(f"{order}H", directory)
    if count > MAX_ENTRIES:
        return UPRIGHT
    return _tagged(tiff[start + 2 : start + 2 + 12 * count], order)


def _tagged(entries: bytes, order: str) -> int:
    for at in range(0, len(entries) - 11, 12):
        tag, kind, count = struct.unpack_from(f"{order}HHI", entries, at)
        if tag == TAG:
            value = entries[at + 8 : at + 8 + INTEGERS.get(kind, 0)]
            number = int.from_bytes(value, "little" if order == "<" else "big")
            return number if count == 1 and 1 <= number <= 8 else UPRIGHT
    return UPRIGHT


def minimal(orientation: int) -> bytes:
    """Return a TIFF block of 26 bytes that says the orientation and nothing else."""
    header = b"MM\0*" + struct.pack(">I", 8)
    return header + struct.pack(">HHHIHHI", 1, TAG, 3, 1, orientation, 0, 0)


def is_profile(header: bytes, size: int) -> bool:
    """Tell whether data of so many bytes that begin like this are a profile of at most 4 MB.

    What is not one is of no use to a decoder, and a place to hide something in.
    """
    place, signature = PROFILE_SIGNATURE
    return (
        PROFILE_HEAD <= int.from_bytes(header[:4], "big") <= size <= MAX_PROFILE
        and header[place : place + len(signature)] == signature
    )
