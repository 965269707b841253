"""Prove that the audit trail was not changed."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from dashboard.teams.audit import first_broken
from dashboard.teams.models import Team


class Command(BaseCommand):
    """Check the chain of digests of every team; name the first entry that does not fit."""

    help = "Check that no entry of the audit trail was changed or taken out (exit status 1 if so)."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = 0
        for team in Team.objects.order_by("pk"):
            entry = first_broken(team)
            if entry is None:
                self.stdout.write(f"{team.slug}: intact")
                continue
            broken += 1
            self.stderr.write(
                f"{team.slug}: entry {entry.pk} of {entry.at:%Y-%m-%d %H:%M} ({entry})"
            )
        if broken:
            sys.exit(1)
