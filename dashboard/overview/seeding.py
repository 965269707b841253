"""Sample data for the demo, through the code of real use; running it again adds nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.db import transaction

from dashboard.gateway.issuing import Terms, issue
from dashboard.keys.models import Account
from dashboard.keys.pricing import CreditPrice
from dashboard.overview.replaying import replay
from dashboard.rembg import pictures
from dashboard.rembg.parameters import Parameters
from dashboard.removals import budgets
from dashboard.removals.models import Removal, Subject
from dashboard.removals.queueing import Wish, accept
from dashboard.removals.tasks import work_one
from dashboard.teams.models import Membership, Role, Team, User
from dashboard.usage.add_keys import add_key
from dashboard.usage.duplicates import join
from dashboard.usage.polling.ask import poll

TEAM = "demo"
PASSWORD = "demo-demo-demo"
PEOPLE = {
    "owner": ("Olivia Owner", Role.OWNER),
    "admin": ("Adam Admin", Role.ADMIN),
    "member": ("Mia Member", Role.MEMBER),
    "viewer": ("Victor Viewer", Role.VIEWER),
}
PICTURES = Path(__file__).parent / "demo_pictures"
KEY_LIVES = timedelta(days=90)


@dataclass(frozen=True)
class Wanted:
    """A removal of the demo: the picture, who sends it, and what is asked."""

    picture: str
    person: str
    parameters: Parameters
    tag: str = ""


REMOVALS = (
    Wanted("mug.jpg", "member", Parameters(format="png"), "shop"),
    Wanted("vase.jpg", "member", Parameters(format="webp", w=800)),
    Wanted("bottle.jpg", "admin", Parameters(format="jpeg", bg_color="#ffffff"), "shop"),
    Wanted("lamp.jpg", "owner", Parameters(format="png", mask=True)),
    Wanted("apple.jpg", "member", Parameters(format="png", bg_color="#E69F00", w=600, h=600)),
    Wanted("sneaker.jpg", "admin", Parameters(format="webp", angle=15)),
)


def people() -> Team:
    """Make the team and its four people."""
    with transaction.atomic():
        team, _ = Team.objects.get_or_create(slug=TEAM, defaults={"name": "Demo"})
        for name, (shown, role) in PEOPLE.items():
            email = f"{name}@{TEAM}.example"
            user = User.objects.filter(email=email).first()
            user = user or User.objects.create_user(email, PASSWORD, name=shown)
            Membership.objects.get_or_create(team=team, user=user, defaults={"role": role})
    return team


def account(team: Team, label: str, secret: str, *, at: datetime) -> Account:
    """Add a key of the sandbox, with readings of the last cycles as if the team had been there."""
    found = team.accounts.filter(label=label).first()
    if found is not None:
        return found
    owner = User.objects.get(email=f"owner@{TEAM}.example")
    return replay(team, label, secret, by=owner, at=at)


def second_key(team: Team, label: str, secret: str, *, at: datetime) -> None:
    """Add another key of an account that is there, and agree that the two are one."""
    if team.api_keys.filter(label=label).exists():
        return
    owner = User.objects.get(email=f"owner@{TEAM}.example")
    added = add_key(team, label=label, secret=secret, by=owner, at=at)
    join(added.account, by=owner, at=at, address=None)


def price(account: Account, amount: str, currency: str, *, at: datetime) -> None:
    """Say what a credit costs since the account's first cycle, for the statements."""
    first = account.cycles.oldest_first().first()
    if first is None:
        return
    CreditPrice.objects.get_or_create(
        account=account,
        from_at=first.start_at,
        defaults={"amount": Decimal(amount), "currency": currency, "set_at": at},
    )


def removals(team: Team, *, at: datetime) -> int:
    """Send the demo's pictures as different people do; return how many are new."""
    new = 0
    for number, wanted in enumerate(REMOVALS):
        nonce = f"demo-{number}"
        if team.removals.filter(nonce=nonce).exists():
            continue
        send(team, wanted, nonce=nonce, at=at)
        new += 1
    return new


def send(team: Team, wanted: Wanted, *, nonce: str, at: datetime) -> None:
    """Send one of the demo's pictures as its person does."""
    email = f"{wanted.person}@{TEAM}.example"
    by = team.memberships.select_related("user").get(user__email=email)
    with (PICTURES / wanted.picture).open("rb") as image:
        picture, content = pictures.without_metadata(image, filename=wanted.picture)
        wish = Wish(wanted.picture, wanted.parameters, None, nonce, wanted.tag)
        accept(by, content, picture, wish, at=at)


def virtual_key(team: Team, label: str, *, at: datetime) -> None:
    """Issue the member a virtual key that nobody has the secret of; rotating gives one."""
    mine = team.memberships.select_related("team", "user").get(user__email=f"member@{TEAM}.example")
    if not team.virtual_keys.filter(label=label).exists():
        issue(mine, Terms(label, tag="shop", hard=500, expires_at=at + KEY_LIVES), at=at)


def member_budget(team: Team, *, soft: int, hard: int, at: datetime) -> None:
    """Give the member a budget, unless somebody has changed or removed it since."""
    user = User.objects.get(email=f"member@{TEAM}.example")
    if not team.removals.exists():
        name = str(user)
        budgets.put(
            team,
            Subject.MEMBER,
            str(user.pk),
            name=name,
            soft=soft,
            hard=hard,
            account=None,
            at=at,
        )


def finish_removals(team: Team) -> None:
    """Work until nothing of the team waits; a worker beside us may take its share."""
    while Removal.objects.unfinished().filter(team=team).exists():
        if work_one(clock=lambda: datetime.now(UTC)) is None:
            break


def read_again(team: Team, *, at: datetime) -> None:
    """Read the team's accounts once more, so that the removals stand in their counters."""
    for each in team.accounts.active():
        poll(each, at=at)
