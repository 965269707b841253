"""The encryption keys of this installation."""

import functools

from django.conf import settings

from dashboard.lib.sealing import KeyRing


def ring() -> KeyRing:
    """Return the key ring that the settings name."""
    return _parsed(tuple(settings.ENCRYPTION_KEYS))


@functools.lru_cache(maxsize=4)
def _parsed(entries: tuple[str, ...]) -> KeyRing:
    return KeyRing.parse(entries)
