"""Colour profiles: which of them are kept with a picture (ICC.1:2022, 7.2)."""

from __future__ import annotations

MAX_BYTES = 4 << 20
HEADER = 128  # bytes that every profile begins with
SIGNATURE = (36, b"acsp")


def is_profile(header: bytes, size: int) -> bool:
    """Tell whether data of so many bytes that begin like this are a profile of at most 4 MB.

    What is not one is of no use to a decoder, and a place to hide something in.
    """
    place, signature = SIGNATURE
    return (
        HEADER <= int.from_bytes(header[:4], "big") <= size <= MAX_BYTES
        and header[place : place + len(signature)] == signature
    )
