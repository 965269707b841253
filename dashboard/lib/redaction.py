"""Taking known secrets out of text, by value and not by pattern (promises 0.3).

RemBG keys look like bare UUIDs, so a pattern would hide job ids and still miss an encoded key.
The work grows with the text, not with the number of secrets: a poller opens thousands.
"""

from __future__ import annotations

import base64
import binascii
import json
import threading
from collections import OrderedDict
from urllib.parse import quote

MASK = "[secret]"
KEPT = 20_000  # values; the oldest are forgotten, so that memory stays bounded
HEAD = 6  # characters; shorter values are no secrets

_known: OrderedDict[str, None] = OrderedDict()
# Every shape of every secret, found by how it begins.
_by_head: dict[str, set[str]] = {}
_lock = threading.Lock()


def remember(secret: str) -> None:
    """Hide this value, in every usual encoding, from all that `redact` sees from now on."""
    if len(secret) < HEAD:
        return
    with _lock:
        if secret in _known:
            _known.move_to_end(secret)
            return
        _known[secret] = None
        for shape in _shapes(secret):
            _by_head.setdefault(shape[:HEAD], set()).add(shape)
        while len(_known) > KEPT:
            _forget(_known.popitem(last=False)[0])


def redact(text: str) -> str:
    """Return the text with every known secret masked."""
    if _by_head.keys().isdisjoint([text[at : at + HEAD] for at in range(len(text) - HEAD + 1)]):
        return text
    parts, start, at = [], 0, 0
    while at <= len(text) - HEAD:
        found = ""
        if text[at : at + HEAD] in _by_head:
            found = _longest(text, at)
        if found:
            parts += [text[start:at], MASK]
            start = at + len(found)
        at += len(found) or 1
    return "".join([*parts, text[start:]])


def _longest(text: str, at: int) -> str:
    with _lock:
        shapes = _by_head.get(text[at : at + HEAD], set())
        return max((one for one in shapes if text.startswith(one, at)), key=len, default="")


def _forget(secret: str) -> None:
    for shape in _shapes(secret):
        shapes = _by_head.get(shape[:HEAD], set())
        shapes.discard(shape)
        if not shapes:
            _by_head.pop(shape[:HEAD], None)


def _shapes(secret: str) -> set[str]:
    raw = secret.encode()
    shapes = {secret, secret[::-1], quote(secret, safe=""), json.dumps(secret)[1:-1]}
    shapes |= {binascii.hexlify(raw).decode(), binascii.hexlify(raw).decode().upper()}
    for offset in range(3):
        # Of a value at any offset within base64 only the middle characters are its own.
        encoded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        middle = encoded[(offset * 8 + 5) // 6 : len(encoded) - 1]
        shapes |= {middle, middle.replace("+", "-").replace("/", "_")}
    return {shape for shape in shapes if len(shape) >= HEAD}


def public_label(label: str, otherwise: str) -> str:
    """Return a label that may leave the house, or something else where it looks like an address."""
    return otherwise if "@" in label else redact(label)
