"""Queries whose SQL is written once say and do what the ORM says and does, for any value."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connection, connections, transaction
from django.db.models import Model
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from dashboard.gateway.models import VirtualKey
from dashboard.keys import locks
from dashboard.keys import models as keys
from dashboard.keys.models import Account, ApiKey
from dashboard.lib.prepared import Prepared, PreparedInsert, PreparedUpdate
from dashboard.overview import concerns, glance
from dashboard.removals import budgets
from dashboard.removals.models import Budget, Spending, State
from dashboard.teams.models import Membership, Role, Team, people
from dashboard.usage import (
    bringing,
    keeping,
    newest,
    outlook,
    readings,
    schedule,
    since,
    turns,
    twins,
)
from dashboard.usage.models import AccountOutlook, CalendarMonth, Cycle, Snapshot
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
    for each in (account, twin):
        Cycle.objects.create(
            account=each,
            kind="stripe",
            start_at=NOON - 3 * DAY,
            end_at=NOON + 27 * DAY,
            told_end_at=NOON + 27 * DAY,
            counted_from_at=NOON - 2 * DAY,
            asked_at=NOON,
            first_seen_at=NOON,
        )
    for month, read_at in ((9, NOON), (10, NOON - 20 * DAY)):
        CalendarMonth.objects.create(account=account, year=2026, month=month, asked_at=read_at)
    AccountOutlook.objects.create(
        account=account,
        kind="stripe",
        start_at=NOON - DAY,
        end_at=NOON + DAY,
        as_of=NOON,
        said={"balance": [1, None, 2]},
        days={"2026-10-01": 5},
    )
    who = {"alice": alice, "mel": mel}
    return {"acme": acme, "other": other, **who, "account": account, "virtual": virtual}


ASKED: list[tuple[str, Prepared, Callable[[dict[str, Any]], dict[str, Any]]]] = [
    ("accounts", newest.LISTED, lambda world: {"team": world["acme"].pk}),
    ("accounts-other", newest.LISTED, lambda world: {"team": world["other"].pk}),
    ("readings", newest.NEWEST, lambda world: {"team": world["acme"].pk}),
    ("readings-other", newest.NEWEST, lambda world: {"team": world["other"].pk}),
    ("locks", locks.USED, lambda world: {}),
    ("removals", glance.NEWEST, lambda world: {"team": world["acme"].pk, "since": NOON - DAY}),
    ("charged", since.CHARGED_SO_FAR, lambda world: {"account": world["account"].pk}),
    ("months", schedule.MONTHS_READ, lambda world: {"account": world["account"].pk}),
    (
        "company",
        twins.COMPANY,
        lambda world: {
            "team": world["acme"].pk,
            "account": world["account"].pk,
            "start": NOON - 3 * DAY,
        },
    ),
    ("compared", twins.NEWEST_READINGS, lambda world: {"account": world["account"].pk}),
]
OBJECTS: list[tuple[str, Prepared, Callable[[dict[str, Any]], dict[str, Any]]]] = [
    ("memberships", people.OF_PERSON, lambda world: {"user": world["alice"].pk}),
    ("memberships-one", people.OF_PERSON, lambda world: {"user": world["mel"].pk}),
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
    ("keys-awake", turns.AWAKE, lambda world: {"account": world["account"].pk, "at": NOON}),
    (
        "reading-before",
        keeping.BEFORE,
        lambda world: {
            "account": world["account"].pk,
            "besides": Snapshot.objects.filter(account=world["account"]).get(synced=True).pk,
        },
    ),
    ("outlook", outlook.KEPT, lambda world: {"account": world["account"].pk}),
]


@pytest.mark.parametrize(
    ("asked", "values"), [one[1:] for one in ASKED], ids=[one[0] for one in ASKED]
)
def test_what_is_prepared_gives_what_the_orm_gives(world, asked, values):
    given = values(world)

    first, again = asked.rows(**given), asked.rows(**given)

    assert first == again == [tuple(row) for row in asked.query(**given)]
    assert first, "nothing was compared"


@pytest.mark.parametrize(
    ("asked", "values"), [one[1:] for one in OBJECTS], ids=[one[0] for one in OBJECTS]
)
def test_what_is_prepared_gives_the_objects_that_the_orm_gives(world, asked, values):
    given = values(world)

    found = [loaded(one) for one in asked.objects(**given)]

    assert found == [loaded(one) for one in asked.query(**given)]
    assert found, "nothing was compared"
    assert loaded(asked.first(**given)) == found[0]


def loaded(one: Model) -> dict[str, Any]:
    """Return what an object and its relations know without asking, and whose database it is."""
    state = one._state
    beside = {name: found and loaded(found) for name, found in state.fields_cache.items()}
    return one.__dict__ | {"_state": (state.db, state.adding, beside)}


def test_a_key_that_rests_or_is_paused_is_not_among_those_to_ask_with(world, key):
    at = {"account": world["account"].pk, "at": NOON}
    for changes, is_asked_with in (
        ({"resting_until": NOON}, True),
        ({"resting_until": NOON + DAY, "rest_reason": "rate_short"}, False),
        ({"resting_until": NOON + DAY, "rest_reason": "rate_daily"}, True),
        ({"paused_at": NOON}, False),
    ):
        ApiKey.objects.filter(pk=key.pk).update(**changes)

        assert (turns.AWAKE.first(**at) == key) is is_asked_with, changes


def test_the_paused_keys_are_those_of_the_team_that_are_not_archived(world, key):
    def labels():
        return [concerns.PAUSED.rows(team=world[team].pk) for team in ("acme", "other")]

    assert labels() == [[], []]
    ApiKey.objects.filter(pk=key.pk).update(paused_at=NOON)
    assert labels() == [[(key.label,)], []]
    assert concerns.PAUSED.rows(team=key.team_id) == list(concerns.PAUSED.query(team=key.team_id))
    ApiKey.objects.get(pk=key.pk).archive(at=NOON)
    assert labels() == [[], []]


def test_there_is_no_first_of_nothing(world):
    assert turns.AWAKE.first(account=UUID(int=1), at=NOON) is None


def test_it_is_one_query_with_the_values_in_it(world):
    with CaptureQueriesContext(connection) as queries:
        budgets.STRAINED_OWN.objects(team=4711, at=NOON, user="it's me")

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


def test_the_connection_of_the_thread_that_asked_first_ends_with_it(transactional_db):
    teams = Prepared(lambda team: Team.objects.filter(pk=team).values_list("created_at"), team=int)
    used = []

    def ask() -> None:
        used.append(weakref.ref(connections[DEFAULT_DB_ALIAS]))
        teams.rows(team=1)
        connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    gc.collect()

    assert used[0]() is None
    assert teams.rows(team=1) == []


def test_none_is_asked_for_as_null_and_no_value_is_taken_for_it(world, key):
    asked = Prepared(
        lambda paused_at: ApiKey.objects.filter(paused_at=paused_at).values_list("pk"),
        paused_at=datetime,
    )

    before = [asked.rows(paused_at=at) for at in (None, NOON, None)]
    ApiKey.objects.update(paused_at=NOON)
    after = [asked.rows(paused_at=at) for at in (None, NOON, None)]

    assert before == [[(key.pk,)], [], [(key.pk,)]]
    assert after == [[], [(key.pk,)], []]


CHANGED: list[tuple[str, PreparedUpdate, Callable[[Account], dict[str, Any]], int]] = []


def changed(name: str, update: PreparedUpdate, count: int = 1, **values: Any) -> None:
    """List an update of the account, or of what is its, and how many rows it changes."""

    def of(account: Account) -> dict[str, Any]:
        given = {"account": account.pk} if "key" not in values else {}
        return given | {k: v(account) if callable(v) else v for k, v in values.items()}

    CHANGED.append((name, update, of, count))


def due(account: Account) -> datetime:
    return account.next_poll_at


def reading(account: Account) -> UUID:
    return account.snapshots.good().newest_first()[0].pk


def only_key(account: Account) -> UUID:
    return account.api_keys.get().pk


CLAIMED = {"plan": NOON + DAY}
SETTLED = CLAIMED | {"failed_polls": 3}
ANSWERED = SETTLED | {"answered_at": NOON, "silent_since": None}
SILENT = SETTLED | {"answered_at": None, "silent_since": NOON}
COUNTED = {"app_usage": 7, "api_usage": 8, "asked_at": NOON + DAY, "snapshot": reading}
WINDOW = COUNTED | {"included_credits": 99}
WINDOW |= {"kind": "stripe", "start": NOON - 3 * DAY, "end": NOON + 27 * DAY}
MONTH = COUNTED | {"year": 2026, "month": 10}
STANDING = {"start": NOON - DAY, "end": NOON}
changed("claimed", schedule.CLAIM, seen=due, **CLAIMED)
changed("claimed-by-another", schedule.CLAIM, 0, seen=NOON, **CLAIMED)
changed("settled", schedule.SETTLE, first=due, seen=due, **ANSWERED)
changed("silent", schedule.SETTLE, first=NOON, seen=due, **SILENT)
changed("settled-late", schedule.SETTLE, first=NOON, seen=NOON, **ANSWERED)
changed("key-accepted", keys.ACCEPTED, key=only_key, replaced_at=None, at=NOON)
changed("replaced-key-accepted", keys.ACCEPTED, 0, key=only_key, replaced_at=NOON, at=NOON)
changed("standing", keys.STANDING, spendable=5, **STANDING)
changed("standing-unknown", keys.STANDING, spendable=None, **STANDING)
changed("window", bringing.COUNT_ON, **WINDOW)
changed("window-half-known", bringing.COUNT_ON, **WINDOW | {"app_usage": None})
changed("window-of-another-end", bringing.COUNT_ON, 0, **WINDOW | {"end": NOON})
changed("window-read-later", bringing.COUNT_ON, 0, **WINDOW | {"asked_at": NOON - DAY})
changed("month", bringing.NEWER_MONTH, **MONTH)
changed("month-half-known", bringing.NEWER_MONTH, **MONTH | {"api_usage": None})
changed("month-read-at-once", bringing.NEWER_MONTH, 0, **MONTH | {"asked_at": NOON - 20 * DAY})
changed("month-not-known", bringing.NEWER_MONTH, 0, **MONTH | {"month": 8})


@pytest.mark.parametrize(
    ("update", "values", "count"), [one[1:] for one in CHANGED], ids=[one[0] for one in CHANGED]
)
def test_a_prepared_update_does_what_the_orm_does(world, update, values, count):
    given = values(Account.objects.get(pk=world["account"].pk))
    before = everything()
    with transaction.atomic():
        assert update.orm_update(**given) == count
        by_orm = everything()
        transaction.set_rollback(True)
    assert everything() == before

    assert update.update(**given) == count

    assert everything() == by_orm
    assert (everything() != before) is bool(count)


def everything() -> list[list[dict[str, Any]]]:
    """Return all rows that an update of these could change."""
    models = (Account, ApiKey, CalendarMonth, Cycle)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_the_transaction_of_an_update_that_fails_is_lost(world):
    odd = PreparedUpdate(lambda label: (Account.objects.all(), {"label": label}), label=str)

    with transaction.atomic():
        with pytest.raises(DatabaseError):
            odd.update(label="the same for all of a team")

        assert connection.needs_rollback
        transaction.set_rollback(True)


READINGS: list[dict[str, Any]] = [
    {"mode": "cycles", "outcome": "failed", "error": "unreachable", "message": "Nobody's “there”."},
    {
        "mode": "current",
        "outcome": "partial",
        "query": "expand=billing_cycle",
        "answered_at": NOON + timedelta(microseconds=7),
        "status": 200,
        "problems": [{"code": "gap", "field": "%s", "value": "\N{SNOWMAN}"}],
        "raw": '{"credits": 1}',
        "membership": "Premium",
        "app_usage": 0,
        "api_usage": 10**12 - 1,
        "period_start_at": NOON - DAY,
        "period_end_at": NOON + DAY,
        "synced": False,
        "kind": "stripe",
        "clock_skew_seconds": -400,
    },
]


@pytest.mark.parametrize("facts", READINGS, ids=["failed", "partial"])
def test_a_prepared_insert_writes_what_the_orm_writes(account, key, facts):
    api_key = key if facts["outcome"] == "partial" else None
    one, other = (
        Snapshot(account=account, api_key=api_key, asked_at=NOON, **facts) for _ in range(2)
    )
    one.save(force_insert=True)

    with CaptureQueriesContext(connection) as queries:
        readings.NEW.insert(other)

    stored = {row.pop("id"): row for row in Snapshot.objects.values()}
    assert len(queries) == 1
    assert stored[one.pk] == stored[other.pk]
    assert loaded(one)["_state"] == loaded(other)["_state"]


def test_a_row_is_not_written_twice(account):
    one = Snapshot(account=account, mode="current", outcome="ok", asked_at=NOON)
    readings.NEW.insert(one)

    with transaction.atomic():
        with pytest.raises(DatabaseError):
            readings.NEW.insert(one)

        assert connection.needs_rollback
        transaction.set_rollback(True)


def test_a_row_with_an_expression_is_left_to_the_orm(account):
    odd = Snapshot(account=account, mode="current", outcome="ok", asked_at=Now())

    with pytest.raises(ValueError, match="an expression"):
        PreparedInsert(Snapshot).insert(odd)
