"""Sealing of secrets that must be replayed: AES-256-GCM, bound to the place where they are kept.

Plain Fernet has no associated data, so a ciphertext copied from one row into another would open
(promises 0.4). Here the team, the row and the field are part of what is authenticated.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
KEY_BYTES = 32
FINGERPRINTS = b"fingerprint|v1"
KID = re.compile(r"[a-z0-9_-]{1,16}")


class SealError(Exception):
    """A secret cannot be sealed or opened.

    SealError
    ├── NoKeys       no encryption key is configured
    ├── UnknownKey   the row names an encryption key that is not in the ring
    └── DoesNotOpen  wrong encryption key, a changed ciphertext, or one from another row
    """


class NoKeys(SealError):
    """No encryption key is configured."""


class UnknownKey(SealError):
    """The row was sealed with an encryption key that is not in the ring."""


class DoesNotOpen(SealError):
    """The ciphertext was changed, moved from another row, or sealed with another key."""


@dataclass(frozen=True)
class Sealed:
    """A ciphertext and the id of the encryption key that made it."""

    kid: str
    blob: bytes


@dataclass(frozen=True, repr=False)
class KeyRing:
    """The encryption keys by id, the newest first; all of them open, the newest seals."""

    keys: tuple[tuple[str, bytes], ...]

    @classmethod
    def parse(cls, entries: Sequence[str]) -> KeyRing:
        """Read `kid:base64` entries; raise ValueError, without quoting a key, for a wrong one."""
        return cls(tuple(_entry(position, text) for position, text in enumerate(entries, 1)))

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(kid for kid, _ in self.keys)})"

    @property
    def newest(self) -> str:
        """Return the id of the key that seals; raise NoKeys when there is none."""
        if not self.keys:
            raise NoKeys("No encryption key is configured.")
        return self.keys[0][0]

    def seal(self, secret: str, *, place: str) -> Sealed:
        """Seal a secret so that it opens only in this place; raise NoKeys."""
        kid = self.newest
        nonce = os.urandom(NONCE_BYTES)
        cipher = AESGCM(dict(self.keys)[kid])
        return Sealed(kid, nonce + cipher.encrypt(nonce, secret.encode(), _bound(place, kid)))

    def open(self, sealed: Sealed, *, place: str) -> str:
        """Return the secret; raise NoKeys, UnknownKey or DoesNotOpen."""
        if not self.keys:
            raise NoKeys("No encryption key is configured.")
        try:
            cipher = AESGCM(dict(self.keys)[sealed.kid])
        except KeyError:
            raise UnknownKey(f"Encryption key {sealed.kid} is not configured.") from None
        nonce, body = sealed.blob[:NONCE_BYTES], sealed.blob[NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, body, _bound(place, sealed.kid)).decode()
        except (InvalidTag, ValueError):
            raise DoesNotOpen("The secret does not open with the configured key.") from None

    def fingerprints(self, secret: str, *, place: str) -> dict[str, str]:
        """Return what each encryption key, by id, makes of a secret to compare it by.

        The same secret has the same one in the same place, and who has no encryption key can
        neither test a guess nor see that two places hold the same.
        """
        message = f"{place}|{secret}".encode()
        return {kid: hmac.digest(_derived(key), message, "sha256").hex() for kid, key in self.keys}


def new_entry(kid: str) -> str:
    """Return a fresh `kid:base64` entry for ENCRYPTION_KEYS."""
    return f"{kid}:{base64.b64encode(AESGCM.generate_key(bit_length=256)).decode()}"


def _derived(key: bytes) -> bytes:
    """Return a key for fingerprints alone: one that seals does nothing else."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=FINGERPRINTS).derive(key)


def _bound(place: str, kid: str) -> bytes:
    return f"{place}|{kid}|v1".encode()


def _entry(position: int, text: str) -> tuple[str, bytes]:
    kid, _, encoded = text.strip().partition(":")
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if not KID.fullmatch(kid) or len(key) != KEY_BYTES:
        raise ValueError(
            f"Entry {position} of ENCRYPTION_KEYS is not 'id:base64 of 32 bytes' "
            "(make one with: python manage.py makekey --print)."
        )
    return kid, key
