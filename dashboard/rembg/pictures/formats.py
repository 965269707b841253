"""The kinds of picture that RemBG takes, by content (RemBG's reference, field `image`)."""

from __future__ import annotations

from typing import Literal, Protocol

from dashboard.rembg import errors
from dashboard.rembg.pictures import bmp, jpeg, png, webp
from dashboard.rembg.pictures.source import Layout, Source

Kind = Literal["jpeg", "png", "webp", "bmp"]
HEAD = 32
MAX_TRAILER = 1 << 20


class Format(Protocol):
    """What the module of one kind answers; none of it decodes a pixel."""

    CONTENT_TYPE: str
    EXTENSION: str

    def matches(self, head: bytes) -> bool: ...
    def dimensions(self, source: Source) -> tuple[int, int]: ...
    def layout(self, source: Source) -> Layout: ...


FORMATS: dict[Kind, Format] = {"jpeg": jpeg, "png": png, "webp": webp, "bmp": bmp}


def kind_of(source: Source) -> Kind:
    """Return what the content says it is, whatever its name; raise BadSignature."""
    head = source.at(0, HEAD)
    for kind, form in FORMATS.items():
        if form.matches(head):
            return kind
    raise errors.BadSignature


def dimensions(source: Source, kind: Kind) -> tuple[int, int]:
    """Return width and height as stored, neither 0; raise Damaged or Truncated."""
    width, height = FORMATS[kind].dimensions(source)
    if not width or not height:
        raise errors.Damaged
    return width, height


def layout(source: Source, kind: Kind) -> Layout:
    """Say what to keep of a picture; raise Animated, Damaged, Truncated or TrailerTooLong.

    Cameras put films and previews behind a picture, so its trailer may be as large as itself, and
    of 1 MB in any case (promises U42).
    """
    found = FORMATS[kind].layout(source)
    trailer = source.size - found.end
    if trailer > max(MAX_TRAILER, found.end):
        raise errors.TrailerTooLong(
            f"{trailer / (1 << 20):.1f} MB of other data follow the end of the image; at most 1 MB,"
            " or as much as the image itself, is accepted. Please save it again."
        )
    return found
