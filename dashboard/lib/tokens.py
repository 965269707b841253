"""Secrets that we issue: with prefix and checksum, so that scanners see them; kept as digests."""

import hashlib
import re
import secrets
import string
import zlib

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH = 43  # 43 base62 characters carry 256 bits
CHECK_LENGTH = 6  # 62**6 > 2**32

# Whatever of ours stands in a text, however it came there.
ISSUED = re.compile(r"(rb[a-z]_)[0-9A-Za-z]{49}")


def masked(text: str) -> str:
    """Return the text without the secrets that we issue; their prefixes stay."""
    return ISSUED.sub(r"\1…", text)


def mint(prefix: str) -> str:
    """Return a new token `<prefix>_<43 base62><6 of CRC32>`."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return f"{prefix}_{body}{_check(f'{prefix}_{body}')}"


def looks_valid(token: str, prefix: str) -> bool:
    """Say whether the token has our shape and its checksum fits, without asking the database."""
    body = token[:-CHECK_LENGTH]
    return (
        token.startswith(f"{prefix}_")
        and len(token) == len(prefix) + 1 + RANDOM_LENGTH + CHECK_LENGTH
        and token.isascii()
        and token[-CHECK_LENGTH:] == _check(body)
    )


def digest(token: str) -> str:
    """Return what we keep of a token; a plain hash is right above 112 bits (ASVS 6.5.2)."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check(body: str) -> str:
    number, text = zlib.crc32(body.encode()), ""
    for _ in range(CHECK_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        text = ALPHABET[digit] + text
    return text
