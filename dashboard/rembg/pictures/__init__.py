"""Pictures as RemBG takes them, read by their headers alone: no pixel is ever decoded here.

`inspect` says what a file is or why it is refused; `strip` copies it without metadata; `head` and
`complete` are the cheap checks of an answer.
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
from dashboard.rembg.pictures.source import Layout, Source
from dashboard.rembg.pictures.spliced import Spliced
from dashboard.rembg.pictures.stripping import Stripped, is_clean, strip, write

__all__ = [
    "MAX_BYTES",
    "MAX_SIDE",
    "Layout",
    "Picture",
    "Source",
    "Spliced",
    "Stripped",
    "complete",
    "examine",
    "head",
    "inspect",
    "is_clean",
    "strip",
    "write",
]
