"""Make an encryption key: never silently, and never in place of one that is needed (K16)."""

from __future__ import annotations

import os
import re
from argparse import ArgumentParser
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dashboard.keys.encryption import ring
from dashboard.keys.models import ApiKey, KeyCheck
from dashboard.lib.sealing import new_entry

NUMBERED = re.compile(r"k(\d{1,6})")


class Command(BaseCommand):
    """Make the first encryption key of an installation, or print an entry for a further one."""

    help = "Make the encryption key that seals RemBG keys, where there is none and none is needed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--print",
            action="store_true",
            help="print an entry for the front of ENCRYPTION_KEYS, alone; write no file",
        )
        parser.add_argument(
            "--lost",
            action="store_true",
            help="the old encryption key is lost for good: RemBG keys are to be entered again",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.DATA_DIR) / "secrets" / "encryption_keys"
        if not options["print"] and settings.ENCRYPTION_KEYS and not options["lost"]:
            self.stdout.write("There is an encryption key already; nothing was changed.")
            return
        if not options["print"] and not options["lost"] and ApiKey.objects.sealed().exists():
            raise CommandError(
                "There are sealed keys, and no encryption key is configured. Put the one they were "
                "sealed with into ENCRYPTION_KEYS. If it is lost for good, say so with --lost: the "
                "RemBG keys must then be entered again; history stays."
            )
        entry = next_entry()
        if options["print"]:
            self._give_up(options)
            self.stdout.write(entry)
            return
        try:
            write(entry, path)
        except FileExistsError:
            raise CommandError(
                f"{path} exists. Move it away first, or use --print and ENCRYPTION_KEYS."
            ) from None
        self._give_up(options)
        self.stdout.write(f"made {path}; restart so that it is read")

    def _give_up(self, options: dict[str, Any]) -> None:
        if options["lost"]:
            count = give_up_lost(at=timezone.now())
            self.stderr.write(f"{count} RemBG keys must be entered again.")


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
