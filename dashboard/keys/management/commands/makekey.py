"""Make an encryption key."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dashboard.keys import keymaking
from dashboard.keys.models import ApiKey


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
        entry = keymaking.next_entry()
        if options["print"]:
            self._give_up(options)
            self.stdout.write(entry)
            return
        try:
            keymaking.write(entry, path)
        except FileExistsError:
            raise CommandError(
                f"{path} exists. Move it away first, or use --print and ENCRYPTION_KEYS."
            ) from None
        self._give_up(options)
        self.stdout.write(f"made {path}; restart so that it is read")

    def _give_up(self, options: dict[str, Any]) -> None:
        if options["lost"]:
            count = keymaking.give_up_lost(at=timezone.now())
            self.stderr.write(f"{count} RemBG keys must be entered again.")
