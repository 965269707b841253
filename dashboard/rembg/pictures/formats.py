"""The kinds of picture that RemBG takes, by content (RemBG's reference, field `image`)."""

from __future__ import annotations

from typing import Literal, Protocol

from dashboard.rembg import errors
from dashboard.rembg.pictures import bmp, jpeg, png, webp
from dashboard.rembg.pictures.source import Layout, Source

Kind = Literal["jpeg", "png", "webp", "bmp"]
HEAD = 32


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
    """Return width and height as stored, neither 0; raise BadSignature or Truncated."""
    width, height = FORMATS[kind].dimensions(source)
    if not width or not height:
        raise errors.BadSignature
    return width, height
