"""A picture without what it tells of its maker: place, camera, previews (promises U10, U17)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from dashboard.rembg.pictures.formats import dimensions, kind_of, layout
from dashboard.rembg.pictures.source import Layout, Source, Span


@dataclass(frozen=True)
class Stripped:
    """What was written: `size` in bytes, the orientation (1..8) kept, and what was not kept."""

    size: int
    orientation: int
    dropped: tuple[str, ...]


def strip(source: BinaryIO, target: BinaryIO) -> Stripped:
    """Copy a picture without its metadata and without what follows its end.

    The coded pixels, colour profile and orientation stay as they are. Takes the memory of one
    block, whatever the size. Raises what `inspect` does of content, before writing anything.
    """
    read = Source(source)
    kind = kind_of(read)
    dimensions(read, kind)
    found = layout(read, kind)
    size = write(found, read, target)
    source.seek(0)
    return Stripped(size=size, orientation=found.orientation, dropped=found.dropped)


def write(layout: Layout, source: Source, target: BinaryIO) -> int:
    """Write the parts of a picture that are kept; return how many bytes they have."""
    size = 0
    for part in layout.parts:
        if isinstance(part, Span):
            source.copy(part, target)
            size += part.end - part.start
        else:
            size += target.write(part)
    return size


def is_clean(layout: Layout, size: int) -> bool:
    """Say whether a file of this size holds only what is kept, so that it can go as it is."""
    return layout.parts == (Span(0, size),)
