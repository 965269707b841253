"""A key for minutes: of one's own only, and nobody sees more of it than the page's script."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from dashboard.gateway.models import VirtualKey
from dashboard.teams.models import Membership, Role
from tests.conftest import join, person
from tests.reference.conftest import key_of

ADDRESS = "/reference/key/"
JSON = {"Accept": "application/json"}


def ask(client, lender: str):
    return client.post(ADDRESS, {"lender": lender}, headers=JSON)


def team_lender(user, team) -> str:
    return f"team:{Membership.objects.get(user=user, team=team).pk}"


def test_a_borrowed_key_draws_on_its_parent_for_fifteen_minutes(client, mel, shop_key):
    client.force_login(mel)
    before = datetime.now(UTC)

    answer = ask(client, f"key:{shop_key.pk}")

    assert answer.status_code == 201
    lent = VirtualKey.with_secret(answer.json()["key"], at=before)
    assert lent.parent == shop_key
    assert lent.budget == shop_key.budget
    assert lent.spender_id == shop_key.pk
    ends = datetime.fromisoformat(answer.json()["expires_at"])
    assert before + timedelta(minutes=14) < ends <= datetime.now(UTC) + timedelta(minutes=15)


def test_a_borrowed_key_stands_in_no_list_and_no_cache(client, mel, shop_key):
    client.force_login(mel)

    answer = ask(client, f"key:{shop_key.pk}")
    page = client.get("/reference/")

    assert "no-store" in answer["Cache-Control"]
    assert answer.json()["key"] not in page.content.decode()
    assert [one.pk for one in VirtualKey.objects.of(mel)] == [shop_key.pk]


def test_without_a_key_of_ones_own_one_is_made_once(client, mel, acme):
    client.force_login(mel)
    lender = team_lender(mel, acme)
    assert lender in client.get("/reference/").content.decode()

    first = ask(client, lender)

    assert first.status_code == 201
    (own,) = VirtualKey.objects.of(mel)
    page = client.get("/reference/").content.decode()
    assert f"key:{own.pk}" in page
    assert lender not in page
    assert ask(client, f"key:{own.pk}").status_code == 201
    assert VirtualKey.objects.of(mel).count() == 1


@pytest.mark.parametrize("state", ["paused", "revoked", "expired"])
def test_a_key_that_opens_nothing_lends_nothing(client, mel, shop_key, state):
    client.force_login(mel)
    now = datetime.now(UTC)
    field = {"paused": "paused_at", "revoked": "revoked_at", "expired": "expires_at"}[state]
    VirtualKey.objects.filter(pk=shop_key.pk).update(**{field: now - timedelta(seconds=1)})

    assert f"key:{shop_key.pk}" not in client.get("/reference/").content.decode()
    assert ask(client, f"key:{shop_key.pk}").status_code == 404


@pytest.mark.parametrize("who", ["alice", "mallory"])
def test_t1_nobody_borrows_from_the_key_of_another(client, request, who, shop_key):
    client.force_login(request.getfixturevalue(who))

    answer = ask(client, f"key:{shop_key.pk}")

    assert answer.status_code == 404
    assert not VirtualKey.objects.exclude(pk=shop_key.pk).filter(parent=shop_key).exists()


def test_t1_nobody_borrows_in_the_name_of_another_member(client, mel, mallory, acme):
    client.force_login(mallory)

    assert ask(client, team_lender(mel, acme)).status_code == 404


def test_a_viewer_borrows_nothing_even_from_an_older_key(client, acme):
    former = join(person("former"), acme, Role.MEMBER)
    key = key_of(former, acme)
    former.memberships.update(role=Role.VIEWER)
    client.force_login(former)

    assert ask(client, f"key:{key.pk}").status_code == 404
    assert ask(client, team_lender(former, acme)).status_code == 404


def test_who_has_left_borrows_nothing(client, mel, shop_key):
    client.force_login(mel)
    mel.memberships.all().delete()

    assert ask(client, f"key:{shop_key.pk}").status_code == 404


@pytest.mark.parametrize(
    "lender", ["", "key:", "key:0", "team:", "team:x", "other", "key:' OR 1=1"]
)
def test_nonsense_is_not_there(client, mel, shop_key, lender):
    client.force_login(mel)

    answer = ask(client, lender)

    assert answer.status_code == 404
    assert answer.json()["error"] == "This key is no longer there. Load the page again."


def test_signed_out_one_is_told_so(client, shop_key):
    answer = ask(client, f"key:{shop_key.pk}")

    assert answer.status_code == 401
    assert "signed out" in answer.json()["error"]


def test_t22_looking_lends_nothing(client, mel, shop_key):
    client.force_login(mel)

    assert client.get(ADDRESS).status_code == 405


def test_t15_another_site_cannot_borrow(mel, shop_key):
    client = Client(enforce_csrf_checks=True)
    client.force_login(mel)

    assert client.post(ADDRESS, {"lender": f"key:{shop_key.pk}"}).status_code == 403
