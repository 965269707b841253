"""Queries whose SQL is written once say what the ORM says, for any value."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dashboard.gateway import models as gateway_models
from dashboard.gateway.models import VirtualKey
from dashboard.keys import locks
from dashboard.keys.models import Account
from dashboard.lib.prepared import Prepared
from dashboard.overview import glance
from dashboard.removals import budgets, choosing
from dashboard.removals.models import Budget, Spending, State
from dashboard.teams.models import Membership, Role, Team, people
from dashboard.usage import newest
from dashboard.usage.models import Snapshot
from tests.conftest import NOON
from tests.overview.test_overview import removal

DAY = timedelta(days=1)


@pytest.fixture
def world(acme, account, key, alice, mel) -> dict[str, Any]:
    """Two teams, readings good and failed, budgets at their limits and below them."""
    other = Team.objects.create(name="Other", slug="other")
    Membership.objects.create(team=other, user=alice, role=Role.VIEWER)
    strange = Account.objects.create(team=other, label="Strange")
    twin = Account.objects.create(team=acme, label="Again", same_as=account)
    for each, number in ((account, 5), (twin, 6), (strange, 7)):
        for hours, outcome in ((3, "ok"), (2, "partial"), (1, "failed")):
            Snapshot.objects.create(
                account=each,
                mode="current",
                outcome=outcome,
                query="expand=billing_cycle",
                asked_at=NOON - timedelta(hours=hours),
                app_usage=number if outcome != "failed" else None,
                problems=[{"code": "missing", "field": "credits"}] if hours == 2 else [],
                synced=True if hours == 3 else None,
            )
    own = {"kind": "member", "subject": str(mel.pk)}
    for name, where in (
        ("mine", own | {"account": account}),
        ("spring", {"kind": "tag", "subject": "spring"}),
        ("key", {"kind": "key", "subject": "x"}),
    ):
        budget = Budget.objects.create(team=acme, name=name, soft=5, hard=9, **where)
        for start, taken in ((NOON - DAY, 7), (NOON - 9 * DAY, 9)):
            Spending.objects.create(
                budget=budget, start_at=start, end_at=start + 3 * DAY, taken=taken
            )
    removal(acme, mel, queued_at=NOON, state=State.UNKNOWN)
    removal(acme, mel, queued_at=NOON - timedelta(hours=1))
    virtual = VirtualKey.objects.create(
        team=acme,
        label="Script",
        member="Mel",
        digest="now",
        old_digest="before",
        old_until=NOON + DAY,
        hint="abcd",
        budget=budget,
        created_at=NOON,
    )
    return {"acme": acme, "other": other, "alice": alice, "mel": mel, "virtual": virtual}


ASKED: list[tuple[str, Prepared, Callable[[dict[str, Any]], dict[str, Any]]]] = [
    ("memberships", people.OF_PERSON, lambda world: {"user": world["alice"].pk}),
    ("memberships-one", people.OF_PERSON, lambda world: {"user": world["mel"].pk}),
    ("accounts", newest.LISTED, lambda world: {"team": world["acme"].pk}),
    ("accounts-other", newest.LISTED, lambda world: {"team": world["other"].pk}),
    ("readings", newest.NEWEST, lambda world: {"team": world["acme"].pk}),
    ("readings-other", newest.NEWEST, lambda world: {"team": world["other"].pk}),
    ("locks", locks.USED, lambda world: {}),
    ("removals", glance.NEWEST, lambda world: {"team": world["acme"].pk, "since": NOON - DAY}),
    (
        "binding",
        budgets.BINDING,
        lambda world: {
            "team": world["acme"].pk,
            "user": str(world["mel"].pk),
            "key": "x",
            "tag": "spring",
        },
    ),
    (
        "binding-tag",
        budgets.BINDING,
        lambda world: {"team": world["acme"].pk, "user": "", "key": "", "tag": "spring"},
    ),
    (
        "spendings",
        budgets.COVERING,
        lambda world: {"budget": Budget.objects.get(name="spring").pk, "at": NOON},
    ),
    ("keys", choosing.ACTIVE, lambda world: {"team": world["acme"].pk}),
    (
        "virtual-key",
        gateway_models.WITH_DIGEST,
        lambda world: {"digest": world["virtual"].digest, "at": NOON},
    ),
    (
        "virtual-key-before",
        gateway_models.WITH_DIGEST,
        lambda world: {"digest": "before", "at": NOON},
    ),
    ("budgets", budgets.STRAINED, lambda world: {"team": world["acme"].pk, "at": NOON}),
    (
        "budgets-then",
        budgets.STRAINED,
        lambda world: {"team": world["acme"].pk, "at": NOON - 8 * DAY},
    ),
    (
        "budgets-own",
        budgets.STRAINED_OWN,
        lambda world: {"team": world["acme"].pk, "at": NOON, "user": str(world["mel"].pk)},
    ),
]


@pytest.mark.parametrize(
    ("asked", "values"), [one[1:] for one in ASKED], ids=[one[0] for one in ASKED]
)
def test_what_is_prepared_gives_what_the_orm_gives(world, asked, values):
    given = values(world)

    first, again = asked.rows(**given), asked.rows(**given)

    assert first == again == [tuple(row) for row in asked.query(**given)]
    assert first, "nothing was compared"


def test_it_is_one_query_with_the_values_in_it(world):
    with CaptureQueriesContext(connection) as queries:
        budgets.STRAINED_OWN.rows(team=4711, at=NOON, user="it's me")

    (query,) = queries.captured_queries
    assert "4711" in query["sql"]
    assert "example" not in query["sql"]


def test_what_comes_back_has_the_orms_types(world):
    (row, *_more) = newest.NEWEST.rows(team=world["acme"].pk)

    line = newest.Line(*row)
    assert isinstance(line.pk, UUID)
    assert line.asked_at.tzinfo is UTC
    assert isinstance(line.problems, list)
    assert isinstance(line.asked_at, datetime)


def test_a_parameter_that_the_sql_does_not_hold_is_told_at_once(db):
    odd = Prepared(
        lambda team, at: Team.objects.filter(pk=team).values_list("pk"), team=int, at=datetime
    )

    with pytest.raises(ValueError, match="does not hold at"):
        odd.rows(team=1, at=NOON)
