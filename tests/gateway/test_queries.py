"""The gateway's statements do what the ORM does, on any database (promises R7, R22)."""

import uuid
from dataclasses import asdict
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.forms.models import model_to_dict
from django.test.utils import CaptureQueriesContext

from dashboard.gateway import queries
from dashboard.keys.models import Account
from dashboard.rembg.parameters import Parameters
from dashboard.removals import budgets
from dashboard.removals.models import Budget, Charged, Removal, Spending, State, Subject
from tests.conftest import NOON, add_key
from tests.gateway.conftest import PICTURE, issued

DAY = timedelta(days=1)


@pytest.fixture
def world(acme, account, key, mine, mel):
    """A key with a cap and a tag, a lent one, keys of two accounts, budgets of every kind."""
    add_key(acme.accounts.create(label="Away", archived_at=NOON), "sandbox-away", "Away")
    rested = acme.accounts.create(label="Rests", spendable_credits=7, degraded_at=NOON)
    resting = add_key(rested, "sandbox-rests", "Rests")
    resting.rest(until=NOON + DAY, reason="rate_daily")
    virtual, _ = issued(mine, hard=3, tag="spring", account=account)
    issued(mine, "Another")
    for kind, subject, on in (
        (Subject.MEMBER, str(mel.pk), account),
        (Subject.TAG, "spring", None),
        (Subject.TAG, "autumn", None),
    ):
        budget = Budget.objects.create(
            team=acme, kind=kind, subject=subject, name=subject, soft=5, account=on
        )
        for start in (NOON - DAY, NOON - 9 * DAY):
            Spending.objects.create(
                budget=budget, start_at=start, end_at=start + 30 * DAY, taken=start.day
            )
    return {"virtual": virtual}


def loaded(one):
    """Return what an object and its relations know without asking, and whose database it is."""
    state = one._state
    beside = {name: found and loaded(found) for name, found in state.fields_cache.items()}
    return one.__dict__ | {"_state": (state.db, state.adding, beside)}


def compare(question, **values):
    found = [loaded(one) for one in question.rows(**values)]

    assert found == [loaded(one) for one in question.query(**values)]
    assert found == [loaded(one) for one in question.rows(**values)]
    return found


def test_a_virtual_key_is_found_with_its_team_and_member(world):
    virtual = world["virtual"]

    (found,) = compare(queries.KEYS_OF_MEMBERS, digest=virtual.digest, at=NOON)

    assert found["id"] == virtual.pk
    with CaptureQueriesContext(connection) as asked:
        key = queries.virtual_key(virtual.digest, at=NOON)
        assert (key.team.slug, key.membership.user.email) == ("acme", "mel@example.com")
        assert key.membership.team is key.team
    assert len(asked) == 1


def test_t6_a_key_whose_member_has_left_is_found_without_one(world, mine):
    mine.delete()

    (found,) = compare(queries.KEYS_OF_MEMBERS, digest=world["virtual"].digest, at=NOON)

    assert found["membership_id"] is None


def test_an_old_secret_is_found_until_its_overlap_ends(world):
    old = world["virtual"].digest
    world["virtual"].rotate(at=NOON, overlap=DAY)

    assert len(compare(queries.KEYS_OF_MEMBERS, digest=old, at=NOON)) == 1
    assert compare(queries.KEYS_OF_MEMBERS, digest=old, at=NOON + DAY) == []
    assert queries.virtual_key("of nobody", at=NOON) is None


def test_the_keys_of_a_team_come_with_their_accounts(world, acme, evil):
    found = compare(queries.KEYS_OF_ACCOUNTS, team=acme.pk)

    assert len(found) == 2
    assert {one["rest_reason"] for one in found} == {"", "rate_daily"}
    assert compare(queries.KEYS_OF_ACCOUNTS, team=evil.pk) == []
    with CaptureQueriesContext(connection) as asked:
        assert {key.account.label for key in queries.usable_keys(acme.pk)} == {"Main", "Rests"}
    assert len(asked) == 1


@pytest.mark.parametrize(("tag", "count"), [("spring", 3), ("", 2), ("winter", 2)])
def test_the_budgets_that_bind_come_with_the_cycles_they_follow(
    world, acme, mel, account, tag, count
):
    account.note_standing(
        spendable=5, cycle_start_at=NOON - DAY, cycle_end_at=NOON + DAY, asked_at=NOON
    )
    whose = {"user": str(mel.pk), "key": str(world["virtual"].pk), "tag": tag}

    found = compare(queries.BUDGETS, team=acme.pk, **whose)

    assert len(found) == count
    assert {one["cycle_start_at"] for one in found} == {NOON - DAY}


def test_spendings_are_those_whose_cycle_a_moment_lies_in(world):
    budget = Budget.objects.get(subject="spring")

    assert len(compare(queries.SPENDINGS, budget=budget.pk, at=NOON)) == 2
    assert len(compare(queries.SPENDINGS, budget=budget.pk, at=NOON - 2 * DAY)) == 1
    assert compare(queries.SPENDINGS, budget=budget.pk, at=NOON + 99 * DAY) == []


def test_r7_a_credit_is_taken_below_the_limit_and_not_at_it(world):
    row = Spending.objects.filter(budget__subject="spring").first()

    for below in (None, row.taken + 5, row.taken + 1, 0):
        by_orm, by_us = (twice(row, below, how) for how in (budgets.ORM.take, queries.take))
        assert by_orm == by_us


def twice(row, below, take):
    """Take, and say what came of it; afterwards the row is as it was."""
    said = take(row, below=below)
    after = Spending.objects.get(pk=row.pk).taken
    Spending.objects.filter(pk=row.pk).update(taken=row.taken)
    return said, after


def new(account, key, **more):
    return Removal(
        team=account.team,
        member="mel",
        account=account,
        api_key=key,
        source="gateway",
        tag='O\'Hara "50 %s" \u00e9',
        nonce=uuid.uuid4().hex,
        filename="a 100 % cat.png",
        parameters=asdict(Parameters(format="png", w=50)),
        picture_type="image/png",
        picture_bytes=5,
        width=4,
        height=3,
        state=State.SENDING,
        charged=Charged.UNKNOWN,
        attempt=uuid.uuid4(),
        queued_at=NOON,
        not_before_at=NOON,
        keep_until=NOON,
        **more,
    )


def row_of(removal):
    """Return the row as the database has it, but for what tells one from another."""
    found = model_to_dict(Removal.objects.get(pk=removal.pk))
    mine = {"queued_at": removal.queued_at, "finished_at": removal.finished_at}
    return {**found, **mine, "nonce": "", "attempt": ""}


def test_a_row_is_written_as_the_orm_writes_it(world, account, key):
    ours, orms = new(account, key), new(account, key)

    queries.insert(ours)
    orms.save(force_insert=True)

    assert row_of(ours) == row_of(orms)
    assert (ours._state.adding, ours._state.db) == (False, "default")


RESULT = {
    "result": "",
    "result_type": "image/png",
    "result_bytes": 9,
    "result_width": 4,
    "result_height": 3,
    "notices": [{"code": "size", "message": "It's 5 × 3"}],
    "upstream_request_id": "r-1",
}


@pytest.mark.parametrize("degraded", [False, True])
@pytest.mark.parametrize("failed_polls", [0, 3])
@pytest.mark.parametrize("due", [-DAY, DAY], ids=["due", "later"])
@pytest.mark.parametrize("state", [State.SENDING, State.UNKNOWN, State.QUEUED, State.DONE])
def test_a_result_is_written_as_the_orm_writes_it(
    world, account, key, state, due, failed_polls, degraded
):
    outcomes = []
    for how in (queries.finish, Removal.finish):
        Account.objects.filter(pk=account.pk).update(
            next_poll_at=NOON + due, failed_polls=failed_polls, removed_credits=5, degraded_at=None
        )
        removal = new(account, key)
        removal.save()
        charged = Charged.YES if state == State.DONE else Charged.UNKNOWN
        Removal.objects.filter(pk=removal.pk).update(state=state, charged=charged)
        moved = how(removal, at=NOON, degraded=degraded, **RESULT)
        account.refresh_from_db()
        counted = (account.removed_credits, account.next_poll_at, account.degraded_at)
        outcomes.append((moved, row_of(removal), counted, removal.state, removal.result_bytes))

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] is (state in (State.SENDING, State.UNKNOWN))


def test_a_worker_without_its_lease_is_not_heard(world, account, key):
    removal = new(account, key)
    removal.save()
    Removal.objects.filter(pk=removal.pk).update(attempt=uuid.uuid4())

    assert not queries.finish(removal, at=NOON, degraded=False, **RESULT)
    assert Removal.objects.get(pk=removal.pk).state == State.SENDING


def test_a_parameter_that_the_sql_does_not_hold_is_told_at_once(db):
    odd = queries.PreparedQuery(
        Account, lambda team, at: Account.objects.filter(team=team), team=int, at=type(NOON)
    )

    with pytest.raises(ValueError, match="does not hold at"):
        odd.rows(team=1, at=NOON)


def test_a_call_asks_at_most_eight_statements(client, key, mine, settings, stage):
    settings.REMBG_API_URL = stage.url
    _, secret = issued(mine, hard=3)

    def post():
        picture = SimpleUploadedFile("a.png", PICTURE)
        return client.post("/rmbg", {"image": picture}, headers={"x-api-key": secret})

    assert post().status_code == 200  # It begins the cycle, and notes that the key is used.
    with CaptureQueriesContext(connection) as asked:
        assert post().status_code == 200

    # The breakers are read once a second, whatever the number of calls.
    said = [
        query["sql"].split()[0]
        for query in asked.captured_queries
        if "openbreaker" not in query["sql"]
    ]
    held = connection.vendor == "postgresql"  # The team's row: SQLite has one writer anyway.
    assert len([word for word in said if word not in ("SAVEPOINT", "RELEASE")]) == 8 + held, said
