"""Issue a virtual key."""

from argparse import ArgumentParser
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from dashboard.gateway import actions
from dashboard.gateway.actions import Actor
from dashboard.gateway.forms import LONGEST, TermsForm
from dashboard.gateway.issuing import Terms
from dashboard.teams.models import Membership, Role, Team


class Command(BaseCommand):
    """Print the secret of a new virtual key, alone, on standard output."""

    help = "Issue a virtual key; its secret is printed once, alone, on standard output."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("team", help="the team's name in addresses (slug)")
        parser.add_argument("email", help="the member who calls with it")
        parser.add_argument("--label", required=True, help="what the key is for")
        parser.add_argument("--cap", help="stop at so many credits a cycle (default: never)")
        parser.add_argument("--soft", help="warn at so many credits a cycle")
        parser.add_argument("--tag", default="", help="written into every removal")
        parser.add_argument("--account", default="", help="the label of the account that pays")
        parser.add_argument("--days", type=int, help="expires after so many days (default: never)")

    def handle(self, *args: Any, **options: Any) -> None:
        at = timezone.now()
        membership = _member(options["team"], options["email"])
        try:
            wanted = _terms(membership.team, options, at=at)
            key, secret = actions.issue(Actor(), membership, wanted, at=at)
        except actions.ActionRefused as refused:
            raise CommandError(str(refused)) from None
        self.stderr.write(f"issued {key} to {key.member}")
        self.stdout.write(secret)


def _member(slug: str, email: str) -> Membership:
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise CommandError(f"There is no team {slug}.")
    found: Membership | None = team.memberships.by_rank().filter(user__email__iexact=email).first()
    if found is None:
        raise CommandError(f"{email} is not in team {slug}.")
    if not found.may(Role.MEMBER):
        raise CommandError(f"{email} is a viewer of team {slug}; a virtual key takes a member.")
    return found


def _terms(team: Team, options: dict[str, Any], *, at: datetime) -> Terms:
    given = {name: options[name] for name in ("label", "tag", "soft")}
    account = team.accounts.active().filter(label=options["account"]).first()
    if options["account"] and account is None:
        raise CommandError(f"Team {team.slug} has no account {options['account']}.")
    form = TermsForm(
        {**given, "hard": options["cap"], "account": account and account.pk}, team=team
    )
    if not form.is_valid():
        raise CommandError("; ".join(_problems(form)))
    return replace(Terms(**form.cleaned_data), expires_at=_expiry(options["days"], at=at))


def _problems(form: TermsForm) -> list[str]:
    called = {"hard": "cap"}
    return [
        f"--{called.get(name, name)}: {' '.join(map(str, messages))}"
        for name, messages in form.errors.items()
    ]


def _expiry(days: int | None, *, at: datetime) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= LONGEST.days:
        raise CommandError(f"--days: from 1 to {LONGEST.days}.")
    return at + timedelta(days=days)
