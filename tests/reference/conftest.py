"""Keys for the page to borrow from."""

from datetime import UTC, datetime

import pytest

from dashboard.gateway.issuing import Terms, issue
from dashboard.gateway.models import VirtualKey
from dashboard.teams.models import Membership


def key_of(user, team, **terms) -> VirtualKey:
    """Issue a virtual key to somebody; its secret is forgotten at once."""
    membership = Membership.objects.get(user=user, team=team)
    return issue(membership, Terms(**{"label": "Shop", **terms}), at=datetime.now(UTC))[0]


@pytest.fixture
def shop_key(acme, mel) -> VirtualKey:
    """Mel's key."""
    return key_of(mel, acme, hard=5)
