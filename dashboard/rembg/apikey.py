"""What a RemBG key looks like (promises 0.2, K1, K2)."""

from __future__ import annotations

import re

from dashboard.rembg import errors

KEY = re.compile(r"[\x21-\x7e]{8,256}", re.ASCII)
OUTER = "\ufeff\u200b\u2060"  # Invisible, pasted along with a key, and not white space to Python.


def clean(text: str) -> str:
    """Return the key without outer white space; raise MalformedKey for what cannot be one.

    The HTTP library quotes a key with a line break or a letter beyond ASCII in its error.
    """
    previous = None
    while text != previous:
        previous, text = text, text.strip().strip(OUTER)
    if not KEY.fullmatch(text):
        raise errors.MalformedKey
    return text
