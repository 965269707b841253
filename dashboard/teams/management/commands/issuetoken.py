"""Issue an access token for the JSON API."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dashboard.teams.audit import record
from dashboard.teams.models import AccessToken, Membership

LONGEST = 3650  # days


class Command(BaseCommand):
    """Print the secret of a new access token, alone, on standard output."""

    help = "Issue an access token for the JSON API; its secret is printed once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("team", help="the team's name in addresses (slug)")
        parser.add_argument("email", help="the member who reads with it")
        parser.add_argument("--label", required=True)
        parser.add_argument("--days", type=int, help="expires after so many days (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        try:
            membership = Membership.objects.select_related("team", "user").get(
                team__slug=options["team"], user__email__iexact=options["email"]
            )
        except Membership.DoesNotExist:
            raise CommandError(f"{options['email']} is not in team {options['team']}.") from None
        if options["days"] is not None and not 1 <= options["days"] <= LONGEST:
            raise CommandError(f"--days: from 1 to {LONGEST}.")
        token, secret = AccessToken.objects.issue(
            membership, label=options["label"][:80], at=at, days=options["days"]
        )
        record(membership.team, "token.issued", at=at, user=None, subject=str(token))
        self.stdout.write(secret)
