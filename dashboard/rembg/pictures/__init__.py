"""Pictures as RemBG takes them, read by their headers alone: no pixel is ever decoded here.

`inspect` says what a file is or why it is refused; `strip` copies it without metadata; `head` and
`complete` are the cheap checks of an answer.
"""

from dashboard.rembg.pictures.inspection import (
    MAX_BYTES,
    MAX_SIDE,
    Picture,
    complete,
    head,
    inspect,
)
from dashboard.rembg.pictures.stripping import Stripped, strip

__all__ = [
    "MAX_BYTES",
    "MAX_SIDE",
    "Picture",
    "Stripped",
    "complete",
    "head",
    "inspect",
    "strip",
]
