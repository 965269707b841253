"""The encryption keys of this installation, and whether they are the right ones (K15, K16, K19)."""

from __future__ import annotations

import functools

from django.conf import settings
from django.db import models
from django.utils import timezone

from dashboard.lib.sealing import DoesNotOpen, KeyRing, Sealed, SealError


def ring() -> KeyRing:
    """Return the key ring that the settings name."""
    return _parsed(tuple(settings.ENCRYPTION_KEYS))


@functools.lru_cache(maxsize=4)
def _parsed(entries: tuple[str, ...]) -> KeyRing:
    return KeyRing.parse(entries)


class KeyCheckQuerySet(models.QuerySet["KeyCheck"]):
    """Named questions about encryption keys."""

    def ensure(self, keys: KeyRing) -> None:
        """Note the newest key when it seals for the first time; raise SealError if it is wrong.

        So neither a wrong key under a known id, nor a new one without any of the old beside it,
        ever seals over what the right one could still open.
        """
        kid = keys.newest
        known = list(self.filter(lost_at=None))
        if known and not any(check.fits(keys) for check in known):
            raise DoesNotOpen("None of the encryption keys used before is configured.")
        sealed = keys.seal(KeyCheck.SENTENCE, place=KeyCheck.place_of(kid))
        check, _new = self.get_or_create(kid=kid, defaults={"blob": sealed.blob})
        check.prove(keys)


class KeyCheck(models.Model):
    """That an encryption key is the right one: a known sentence sealed with it, never the key."""

    SENTENCE = "This encryption key fits."

    kid = models.CharField(primary_key=True, max_length=16)
    blob = models.BinaryField()
    first_used_at = models.DateTimeField(default=timezone.now)
    # Said by an operator: what was sealed with it is gone, and keys are to be entered again (K17).
    lost_at = models.DateTimeField(null=True)

    objects = KeyCheckQuerySet.as_manager()

    def __str__(self) -> str:
        return self.kid

    @staticmethod
    def place_of(kid: str) -> str:
        """Return what the sentence is bound to."""
        return f"keycheck|{kid}"

    def prove(self, keys: KeyRing) -> None:
        """Raise SealError unless the key of this id in the ring is the one that was used before."""
        keys.open(Sealed(self.kid, bytes(self.blob)), place=self.place_of(self.kid))

    def fits(self, keys: KeyRing) -> bool:
        """Say whether the key of this id in the ring is the one that was used before."""
        try:
            self.prove(keys)
        except SealError:
            return False
        return True
