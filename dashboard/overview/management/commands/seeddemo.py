"""`python manage.py seeddemo`: the demo's team, accounts, readings and removals."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from dashboard.overview import seeding


class Command(BaseCommand):
    """Make the demo's data through the code of real use; running it again adds nothing."""

    help = "Make the demo's team, accounts, readings and removals; needs a running sandbox."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make what is not there yet, and say so."""
        if connection.vendor == "sqlite" and not connection.in_atomic_block:
            # Sample data need not outlive a power cut: no waiting for the disk at each reading.
            connection.cursor().execute("PRAGMA synchronous=NORMAL")
        at = timezone.now()
        team = seeding.people()
        self.stdout.write(f"team {team.slug}: {team.memberships.count()} people")
        for label, secret, price in (
            ("Production", "sandbox-premium", "0.0195"),
            ("Studio", "sandbox-calendar", "0.024"),
        ):
            account = seeding.account(team, label, secret, at=at)
            seeding.price(account, price, "EUR", at=at)
            self.stdout.write(
                f"account {label}: {account.cycles.count()} cycles, "
                f"{account.snapshots.count()} readings"
            )
        seeding.second_key(team, "Batch key", "sandbox-premium-2", at=at)
        seeding.virtual_key(team, "Photo script", at=at)
        seeding.member_budget(team, soft=300, hard=400, at=timezone.now())
        new = seeding.removals(team, at=timezone.now())
        seeding.finish_removals(team)
        if new:
            seeding.read_again(team, at=timezone.now())
        self.stdout.write(f"removals: {new} new, {team.removals.count()} in all")
