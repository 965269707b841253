"""File names that strangers chose, made fit to show and to save under."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 255
FALLBACK = "picture"
INVISIBLE = frozenset(
    {"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"}
)  # controls, bidi, zero-width, surrogates

EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,16})\Z")
RESERVED = re.compile(
    r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z", re.IGNORECASE
)  # Windows devices
FORBIDDEN = re.compile(r'[<>:"/\\|?*]')  # on Windows, and in shells
# What senders write in a quoted `filename=` for the three characters that would end it (the HTML
# standard's form encoding; browsers, requests and httpx alike). `%` itself is not escaped.
FORM_ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
FORM_ESCAPE = re.compile("|".join(FORM_ESCAPES))


def from_form(name: str) -> str:
    """Return the name that was chosen, from a quoted `filename=` of a form (RFC 7578, 4.2).

    A file that is really named `100%22.jpg` arrives in the same bytes as `100".jpg`, so it is taken
    for the latter, the likelier one. Not for `filename*=`, which has an encoding of its own.
    """
    return FORM_ESCAPE.sub(lambda found: FORM_ESCAPES[found[0]], name)


def safe_name(filename: str) -> str:
    """Return the last part of a path without what cannot be seen, at most 255 characters."""
    name = _visible(re.split(r"[/\\]", filename.rstrip("/\\"))[-1])
    if not name.strip("."):
        return FALLBACK
    return _cut(name, LONGEST, joint="")


def display(name: str, longest: int = 80) -> str:
    """Return a safe name of at most so many characters; a cut shows as …, the extension stays."""
    return _cut(safe_name(name), longest, joint="…")


def extension_of(filename: str) -> str:
    """Return a name's extension in lower case, without the dot; "" where it has none.

    What stands behind the last dot is an extension if it is short, plain and has a letter ("v1.2"
    has none).
    """
    match = EXTENSION.search(safe_name(filename))
    if match is None or match.start() == 0 or match[1].isdigit():
        return ""
    return match[1].lower()


def download_name(original: str, *, extension: str) -> str:
    """Return the original name with the result's extension, fit for any system's disk.

    At most 255 bytes of UTF-8, which is what common file systems take.
    """
    name = safe_name(original)
    if old := extension_of(name):
        name = name[: -len(old) - 1]
    stem = FORBIDDEN.sub("_", name).strip(" .") or FALLBACK
    if RESERVED.match(stem):
        stem = f"_{stem}"
    room = LONGEST - len(extension) - 1
    return f"{stem.encode()[:room].decode(errors='ignore').rstrip(' .')}.{extension}"


def _visible(text: str) -> str:
    kept = (char for char in text if unicodedata.category(char) not in INVISIBLE)
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def _cut(name: str, longest: int, *, joint: str) -> str:
    if len(name) <= longest:
        return name
    match = EXTENSION.search(name)
    ending = joint + (match[0] if match else "")
    return name[: longest - len(ending)] + ending
