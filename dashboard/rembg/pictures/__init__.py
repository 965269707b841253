"""Pictures as RemBG takes them, read by their headers alone: no pixel is ever decoded here.

`inspect` says what a file is or why it is refused; `without_metadata` lends what of it may leave;
`head` and `complete` are the cheap checks of an answer.
"""

from dashboard.rembg.pictures.inspection import (
    MAX_BYTES,
    MAX_SIDE,
    Picture,
    complete,
    examine,
    head,
    inspect,
)
from dashboard.rembg.pictures.source import ByteSource, Layout
from dashboard.rembg.pictures.spliced import Spliced, without_metadata

__all__ = [
    "MAX_BYTES",
    "MAX_SIDE",
    "Layout",
    "Picture",
    "ByteSource",
    "Spliced",
    "complete",
    "examine",
    "head",
    "inspect",
    "without_metadata",
]
