"""Texts that came from outside, made fit to be shown and kept (promises F26)."""

from __future__ import annotations

import base64
import html
import json
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

MAX_MESSAGE = 300
MAX_HEAD = 200
MAX_READ = 4096  # What is looked at of one text; a message ten times as long as its limit is noise.
REDACTED = "[redacted]"
# What our notices and RemBG's sentences may hold, as ASCII writes it; accents are taken off.
AS_ASCII = str.maketrans(
    {
        "×": "x",
        "→": "->",
        "…": "...",
        "–": "-",
        "—": "-",
        "−": "-",
        "‑": "-",
        "·": "-",
        "“": '"',
        "”": '"',
        "„": '"',
        "‘": "'",
        "’": "'",
        "ß": "ss",
        "°": " degrees",
        "€": "EUR",
    }
)
UNREADABLE = "\N{REPLACEMENT CHARACTER}"
DROPPED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def message(text: str, *, secrets: Iterable[str] = ()) -> str:
    """Return `text` as one line of at most 300 characters, without the secrets."""
    return _cut(redact(_visible(text[:MAX_READ]), secrets), MAX_MESSAGE)


def head(body: bytes, *, secrets: Iterable[str] = ()) -> str:
    """Return about the first 200 bytes of an answer as text, for an admin, without the secrets."""
    text = body[:MAX_READ].decode("utf-8", "replace")
    return _cut(redact(_visible(text), secrets), MAX_HEAD)


def header(text: str) -> str:
    """Return a sentence as one line of readable ASCII, which is all that a header may hold."""
    plain = unicodedata.normalize("NFKD", _visible(text).translate(AS_ASCII))
    kept = (character for character in plain if not unicodedata.combining(character))
    return "".join(kept).encode("ascii", "replace").decode()


def raw(body: bytes, *, limit: int, secrets: Iterable[str] = ()) -> str:
    """Return at most `limit` bytes of an answer as text, as it came but without the secrets."""
    text = body[: limit + MAX_READ].decode("utf-8", "replace").replace("\0", UNREADABLE)
    return redact(text, secrets).encode()[:limit].decode("utf-8", "ignore")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace each secret, and what common encodings make of it, by a placeholder."""
    for secret in secrets:
        for form in sorted(_forms(secret), key=len, reverse=True):
            text = text.replace(form, REDACTED)
    return text


def _forms(secret: str) -> set[str]:
    data = secret.encode()
    forms = {secret, secret.lower(), secret.upper(), secret[::-1], quote(secret, safe="")}
    forms |= {data.hex(), data.hex().upper(), html.escape(secret), json.dumps(secret)[1:-1]}
    forms.add(json.dumps(secret)[1:-1].replace("/", "\\/"))
    for offset in range(3):  # Inside a longer text, base64 starts at one of three places.
        encoded = base64.b64encode(b"\0" * offset + data).decode()
        whole = encoded[(0, 2, 3)[offset] :].rstrip("=")
        forms.add(whole[:-1])
        forms.add(whole[:-1].replace("+", "-").replace("/", "_"))
    return {form for form in forms if len(form) >= 8}


def _visible(text: str) -> str:
    """Drop what is not seen or turns the reading direction; make white space single spaces."""
    kept = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character) not in DROPPED_CATEGORIES
    )
    return " ".join(kept.split())


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
