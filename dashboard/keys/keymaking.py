"""Making an encryption key: never silently, and never in place of one that is needed (K16)."""

import os
import re
from datetime import datetime
from pathlib import Path

from dashboard.keys.models import ApiKey, KeyCheck
from dashboard.keys.ring import ring
from dashboard.lib.sealing import new_entry

NUMBERED = re.compile(r"k(\d{1,6})")


def next_entry() -> str:
    """Return a fresh `kid:base64` entry whose id was never used here."""
    used = {kid for kid, _key in ring().keys} | set(KeyCheck.objects.values_list("kid", flat=True))
    used |= set(ApiKey.objects.sealed().values_list("kid", flat=True))
    numbers = [int(found[1]) for kid in used if (found := NUMBERED.fullmatch(kid))]
    return new_entry(f"k{max(numbers, default=0) + 1}")


def give_up_lost(*, at: datetime) -> int:
    """Note that the keys used so far are lost for good; return how many RemBG keys they sealed."""
    KeyCheck.objects.filter(lost_at=None).update(lost_at=at)
    return ApiKey.objects.sealed().count()


def write(entry: str, path: Path) -> None:
    """Write the entry to a new file that only its owner reads; raise FileExistsError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w") as file:
        file.write(entry)
        file.flush()
        os.fsync(file.fileno())
