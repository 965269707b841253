"""A twin waits outside the totals until a person decides (D14)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dashboard.keys.models import Account
from dashboard.teams.models import AuditEntry
from dashboard.usage.models import Cycle
from dashboard.usage.polling import poll
from dashboard.usage.standing import standings, total
from tests.conftest import NOON, add_key
from tests.usage.conftest import END, MADE, START, listed, usage

PAST = (START - timedelta(days=30), START, 120, 880)


@pytest.fixture
def twin(acme, account, key, wire) -> Account:
    """A second account of Acme that answers as the first."""
    wire.by_mode(current=usage(), cycles=listed(PAST, (START, END, 4200, 5100)))
    twin = Account.objects.create(
        team=acme,
        label="Copy",
        created_at=MADE + timedelta(days=1),
        next_poll_at=MADE,
        cycles_due_at=MADE,
    )
    add_key(twin, "another-key-of-it", "Second")
    for one in (account, twin):
        poll(one, at=NOON)
    twin.refresh_from_db()
    return twin


def test_the_poller_finds_the_twin_and_the_total_adds_it_once(twin, account, acme):
    assert twin.same_as == account

    found = standings(acme, at=NOON)

    assert [(one.label, one.twin_of) for one in found] == [("Copy", "Main"), ("Main", "")]
    assert total(found).spendable == 11200


def test_joining_moves_the_keys_and_keeps_the_history(client, alice, twin, account):
    client.force_login(alice)

    answer = client.post(f"/teams/acme/accounts/{twin.pk}/join/")

    assert answer.status_code == 302
    twin.refresh_from_db()
    assert twin.archived_at and twin.same_as == account
    assert set(account.api_keys.values_list("label", flat=True)) == {"Shop", "Second"}
    assert all(key.open() for key in account.api_keys.all())
    assert Cycle.objects.filter(account=twin).count() == 2
    assert AuditEntry.objects.get(action="account.joined").details["twin"] == "Copy"


def test_kept_apart_it_counts_and_is_not_proposed_again(client, alice, twin, acme):
    client.force_login(alice)

    client.post(f"/teams/acme/accounts/{twin.pk}/keep-apart/")
    twin.refresh_from_db()
    poll(twin, at=NOON + timedelta(minutes=15))

    twin.refresh_from_db()
    assert twin.same_as is None and twin.known_apart_at
    assert total(standings(acme, at=NOON)).spendable == 22400


def test_a_twin_that_turns_out_different_is_let_go(twin, wire):
    wire.by_mode(current=usage(app=1, api=1))

    poll(twin, at=NOON + timedelta(minutes=15))

    twin.refresh_from_db()
    assert twin.same_as is None


def test_fresh_accounts_are_proposed_only_once_they_were_used(acme, account, key, wire):
    other = Account.objects.create(team=acme, label="Other", created_at=NOON, cycles_due_at=MADE)
    add_key(other, "another-key", "Second")
    unused = usage(app=0, api=0, usedIncludedCredits=0, remainingIncludedCredits=18500)
    wire.by_mode(current=unused)
    for one in (account, other):
        poll(one, at=NOON)
    other.refresh_from_db()
    assert other.same_as is None
    wire.by_mode(current=usage(app=0, api=3))

    for one in (account, other):
        poll(one, at=NOON + timedelta(minutes=15))

    other.refresh_from_db()
    assert other.same_as == account


@pytest.mark.parametrize("deed", ["join", "keep-apart"])
@pytest.mark.parametrize("name", ["mel", "victor"])
def test_t2_only_admins_decide(client, request, twin, deed, name):
    client.force_login(request.getfixturevalue(name))

    assert client.post(f"/teams/acme/accounts/{twin.pk}/{deed}/").status_code == 403


def test_deciding_twice_does_no_harm(client, alice, twin, account):
    client.force_login(alice)
    url = f"/teams/acme/accounts/{twin.pk}/"
    client.post(f"{url}keep-apart/")

    assert client.post(f"{url}join/").status_code == 302
    assert client.post(f"{url}keep-apart/").status_code == 302
    twin.refresh_from_db()
    assert twin.archived_at is None and account.api_keys.count() == 1
    assert AuditEntry.objects.filter(action="account.kept_apart").count() == 1
