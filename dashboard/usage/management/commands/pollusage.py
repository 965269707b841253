"""Read accounts once, now."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.usage.formatting import number
from dashboard.usage.models import Snapshot
from dashboard.usage.polling import schedule
from dashboard.usage.polling.ask import poll


class Command(BaseCommand):
    help = "Ask RemBG how much each account has used, and remember it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=UUID, metavar="ID", help="only this account")

    def handle(self, *, account: UUID | None, **options: Any) -> None:
        accounts = Account.objects.active().order_by("team__slug", "label", "pk")
        if account is not None:
            accounts = accounts.filter(pk=account)
            if not accounts.exists():
                raise CommandError(f"There is no active account {account}.")
        failed = [one for one in accounts if not self.read(one)]
        if failed:
            raise CommandError(f"{len(failed)} of the accounts could not be read.")

    def read(self, account: Account) -> bool:
        """Read one account, say one line about it, and return whether it went well."""
        at = timezone.now()
        left = schedule.requests_left(account, at=at)
        if not left:
            self.stderr.write(f"{account.pk} {account.label}: it was read less than a minute ago")
            return True
        schedule.claim(account, at=at)
        snapshot = poll(account, at=at, requests=left)
        if snapshot.is_good:
            self.stdout.write(f"{account.pk} {account.label}: {self.summary(snapshot)}")
        else:
            why = snapshot.message or snapshot.get_outcome_display()
            self.stderr.write(f"{account.pk} {account.label}: {why}")
        return snapshot.is_good or snapshot.is_doubted

    def summary(self, snapshot: Snapshot) -> str:
        """Return the included credits left and the prepaid ones."""
        return (
            f"{number(snapshot.left)} of {number(snapshot.included_credits)} included credits "
            f"left, {number(snapshot.prepaid_credits)} prepaid"
        )
