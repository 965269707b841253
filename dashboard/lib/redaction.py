"""Taking known secrets out of text, by value and not by pattern (SAFETY finding 3).

RemBG keys look like bare UUIDs, so a pattern would hide job ids and still miss an encoded key.
"""

import base64
import binascii
import functools
import json
import re
import threading
from collections import OrderedDict
from urllib.parse import quote

MASK = "[secret]"
KEPT = 4000  # values; the oldest are forgotten, so that memory stays bounded

_known: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def remember(secret: str) -> None:
    """Hide this value, in every usual encoding, from all that `redact` sees from now on."""
    if len(secret) < 6:
        return
    with _lock:
        if secret in _known:
            _known.move_to_end(secret)
            return
        _known[secret] = None
        while len(_known) > KEPT:
            _known.popitem(last=False)
        _pattern.cache_clear()


def redact(text: str) -> str:
    """Return the text with every known secret masked."""
    pattern = _pattern()
    return pattern.sub(MASK, text) if pattern else text


@functools.cache
def _pattern() -> re.Pattern[str] | None:
    shapes = {shape for secret in list(_known) for shape in _shapes(secret)}
    if not shapes:
        return None
    return re.compile("|".join(re.escape(shape) for shape in sorted(shapes, key=len, reverse=True)))


def _shapes(secret: str) -> set[str]:
    raw = secret.encode()
    shapes = {secret, secret[::-1], quote(secret, safe=""), json.dumps(secret)[1:-1]}
    shapes |= {binascii.hexlify(raw).decode(), binascii.hexlify(raw).decode().upper()}
    for offset in range(3):
        # Of a value at any offset within base64 only the middle characters are its own.
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        middle = encoded[(offset * 8 + 5) // 6 : len(encoded) - 1]
        shapes |= {middle, middle.replace("+", "-").replace("/", "_")}
    return {shape for shape in shapes if len(shape) >= 6}
