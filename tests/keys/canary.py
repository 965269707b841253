"""A key that must be found nowhere, and how it could be written down (K5)."""

import base64
import json
from urllib.parse import quote

CANARY = "sandbox-7f3e/Kanari+voegel=91"


def forms(secret: str = CANARY) -> set[str]:
    """Return the key as it is and in eight usual encodings."""
    raw = secret.encode()
    found = {secret, secret[::-1], quote(secret, safe=""), raw.hex(), raw.hex().upper()}
    found.add(json.dumps(secret)[1:-1])
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw).decode()
        found.add(encoded[(0, 2, 3)[offset] :].rstrip("=")[:-1])
    return found


def leaks(text: str | bytes, secret: str = CANARY) -> list[str]:
    """Return the encodings of the key that stand in the text."""
    if isinstance(text, str):
        text = text.encode()
    return [form for form in forms(secret) if form.encode() in text]
