"""Starting a team."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.crypto import get_random_string
from django.utils.text import slugify

from dashboard.teams.models import Membership, Role, Team, User

SLUG_LENGTH = 50
SUFFIX = "abcdefghjkmnpqrstuvwxyz23456789"


def found(name: str, *, owner: User, at: datetime) -> Team:
    """Start a team that this person owns, at an address made from its name."""
    stem = slugify(name)[:SLUG_LENGTH].strip("-") or "team"
    slug = stem
    while True:
        try:
            with transaction.atomic():
                team = Team.objects.create(name=name, slug=slug, created_at=at)
                Membership.objects.create(team=team, user=owner, role=Role.OWNER, joined_at=at)
        except IntegrityError:
            # Taken: another team has the same name. Four random letters end the race at once.
            slug = f"{stem}-{get_random_string(4, SUFFIX)}"
        else:
            return team
