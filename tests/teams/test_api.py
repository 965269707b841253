"""Who gets at the JSON API (K9, T1, A11)."""

from datetime import timedelta

import pytest
from django.urls import path
from django.utils import timezone
from ninja import NinjaAPI

from dashboard.teams.api import API_AUTH, answer_errors, membership_for
from dashboard.teams.models import AccessToken, Membership, User
from dashboard.urls import handler400, handler403, handler404, handler500  # noqa: F401

api = NinjaAPI(auth=API_AUTH, urls_namespace="a-test-api", docs_url=None)
answer_errors(api)


@api.get("/teams/{slug}/role")
def role(request, slug: str, number: int = 0) -> dict:
    return {"role": membership_for(request, slug).role}


urlpatterns = [path("api/", api.urls)]
pytestmark = pytest.mark.urls(__name__)
URL = "/api/teams/acme/role"


@pytest.fixture
def token(acme, victor):
    mine = Membership.objects.get(user=victor, team=acme)
    return AccessToken.objects.issue(mine, label="x", at=timezone.now(), days=1)


def bearer(secret):
    return {"Authorization": f"Bearer {secret}"}


def test_a_signed_in_person_reads(client, alice):
    client.force_login(alice)

    assert client.get(URL).json() == {"role": "owner"}


def test_a_token_reads_as_its_person(client, token):
    assert client.get(URL, headers=bearer(token[1])).json() == {"role": "viewer"}


def test_nobody_reads_without(client, acme):
    answer = client.get(URL)

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == "Bearer"
    assert (answer.json()["status"], answer.json()["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize("who", ["person", "token"])
def test_t1_a_stranger_finds_nothing(client, evil, mallory, token, who):
    headers = {}
    if who == "person":
        client.force_login(mallory)
    else:
        headers = bearer(token[1])

    foreign = "/api/teams/acme/role" if who == "person" else "/api/teams/evil/role"
    answers = [client.get(address, headers=headers) for address in (foreign, "/api/teams/no/role")]

    assert [answer.status_code for answer in answers] == [404, 404]
    said = [answer.json() for answer in answers]
    assert len({answer.pop("request_id") for answer in said}) == 2
    assert said[0] == said[1]
    assert answers[0].json()["code"] == "not_found"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda t: t.revoke(at=timezone.now()), id="revoked"),
        pytest.param(
            lambda t: AccessToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1)),
            id="expired",
        ),
        pytest.param(lambda t: t.membership.delete(), id="A11-removed-from-the-team"),
        pytest.param(lambda t: User.objects.update(is_active=False), id="inactive"),
    ],
)
def test_a_token_that_ended_opens_nothing_and_is_not_echoed(client, token, change):
    change(token[0])

    answer = client.get(URL, headers=bearer(token[1]))

    assert answer.status_code == 401
    assert token[1] not in answer.content.decode()


@pytest.mark.parametrize(
    "secret",
    ["", "x", "rbt_" + "a" * 49, "' OR 1=1--", "rbk_" + "a" * 49, "\x00", "ü" * 53, "a" * 6000],
)
def test_k9_what_cannot_be_a_token_costs_no_query(client, alice, secret, django_assert_num_queries):
    client.force_login(alice)

    with django_assert_num_queries(0):
        answer = client.get(URL, headers=bearer(secret))

    assert answer.status_code == 401


def test_a_wrong_token_is_refused_even_in_a_signed_in_browser(client, alice, token):
    client.force_login(alice)
    broken = token[1][:-1] + ("0" if token[1][-1] != "0" else "1")

    assert client.get(URL, headers=bearer(broken)).status_code == 401


def test_its_use_is_noted_at_most_once_a_minute(client, token, time_machine):
    start = timezone.now()
    moments = []
    for seconds in (0, 30, 61):
        time_machine.move_to(start + timedelta(seconds=seconds), tick=False)
        client.get(URL, headers=bearer(token[1]))
        token[0].refresh_from_db()
        moments.append(round((token[0].used_at - start).total_seconds()))

    assert moments == [0, 0, 61]


def test_a_query_that_makes_no_sense_is_named(client, alice):
    client.force_login(alice)

    answer = client.get(URL, {"number": "x"})

    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == "number"
