"""Move sealed keys to the newest encryption key."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from dashboard.keys.encryption import ring
from dashboard.keys.locks import locked
from dashboard.keys.models import ApiKey
from dashboard.lib.sealing import SealError


class Command(BaseCommand):
    """Reseal one row after another; stopped in the middle, it goes on where it was (K14)."""

    help = "Move sealed keys to the newest encryption key; an old one can go when all are moved."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say how many are left")

    def handle(self, *args: Any, **options: Any) -> None:
        if sentence := locked():
            raise CommandError(sentence)
        newest = ring().newest
        old = ApiKey.objects.sealed().exclude(kid=newest)
        if not options["dry_run"]:
            for pk in list(old.order_by("pk").values_list("pk", flat=True)):
                self._move(pk)
                self._progress(newest)
            for key in ApiKey.objects.without_fingerprint():
                key.note_fingerprint()
        self._progress(newest)
        if not options["dry_run"] and old.exists():
            raise CommandError("Some keys could not be moved; keep the old encryption keys.")

    def _move(self, pk: UUID) -> None:
        key = ApiKey.objects.get(pk=pk)
        try:
            key.reseal()
        except SealError as exc:
            self.stderr.write(f"{key}: {exc}")

    def _progress(self, newest: str) -> None:
        rows = ApiKey.objects.sealed()
        moved = rows.filter(kid=newest).count()
        self.stdout.write(f"{moved} of {rows.count()} rows on the new key ({newest})")
