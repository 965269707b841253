"""A team's settings and access tokens (K9, K12), the list of teams, the frame."""

import re
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from dashboard.lib import tokens
from dashboard.teams.models import AccessToken, Membership, Team
from tests.conftest import NOON, join

GOOD = {"name": "Acme", "time_zone": "Europe/Istanbul", "retention_days": 7}


def issue(client, **values):
    return client.post("/teams/acme/settings/tokens/", {"label": "Report", "days": 90, **values})


def secret_in(page):
    return re.search(r"rbt_\w{49}", page.content.decode())[0]


def test_an_admin_changes_the_settings(client, acme, alice, adam):
    client.force_login(adam)

    client.post("/teams/acme/settings/", GOOD)

    acme.refresh_from_db()
    entry = acme.audit_entries.get(action="team.settings_changed")
    assert (acme.time_zone, acme.retention_days) == ("Europe/Istanbul", 7)
    assert entry.details == {"time_zone": ["UTC", "Europe/Istanbul"], "retention_days": [30, 7]}


@pytest.mark.parametrize(
    "wrong",
    [{"time_zone": "Mars/Olympus"}, {"retention_days": 0}, {"retention_days": 9999}, {"name": ""}],
)
def test_a_wrong_setting_is_refused_beside_its_field(client, acme, alice, wrong):
    client.force_login(alice)

    answer = client.post("/teams/acme/settings/", {**GOOD, **wrong})

    acme.refresh_from_db()
    assert answer.status_code == 422
    assert (acme.name, acme.time_zone, acme.retention_days) == ("Acme", "UTC", 30)


@pytest.mark.parametrize("who", ["mel", "victor"])
def test_members_and_viewers_see_settings_and_change_none(client, request, acme, alice, who):
    client.force_login(request.getfixturevalue(who))

    assert client.get("/teams/acme/settings/").status_code == 200
    assert client.post("/teams/acme/settings/", GOOD).status_code == 403


def test_k12_a_token_is_shown_once_and_only_its_digest_is_kept(client, acme, alice, victor):
    client.force_login(victor)

    page = issue(client)
    again = issue(client)
    later = client.get("/teams/acme/settings/")

    secret = secret_in(page)
    token = AccessToken.objects.get()
    assert page["Cache-Control"] == "private, no-store"
    assert 'hx-history="false"' in page.content.decode()
    assert again.status_code == 422
    assert secret not in again.content.decode() + later.content.decode()
    assert f"rbt_…{secret[-4:]}" in later.content.decode()
    assert (token.digest, token.membership.user) == (tokens.digest(secret), victor)
    assert secret not in str(acme.audit_entries.values())


def test_a_person_sees_own_tokens_and_an_admin_all(client, acme, alice, mel, victor):
    client.force_login(victor)
    issue(client, label="Victor’s report")
    pk = AccessToken.objects.get().pk

    client.force_login(mel)
    assert "Victor’s report" not in client.get("/teams/acme/settings/").content.decode()
    assert client.post(f"/teams/acme/settings/tokens/{pk}/revoke/").status_code == 404
    client.force_login(alice)
    assert "Victor’s report" in client.get("/teams/acme/settings/").content.decode()
    client.post(f"/teams/acme/settings/tokens/{pk}/revoke/")
    assert AccessToken.objects.get().revoked_at
    assert acme.audit_entries.filter(action="token.revoked").count() == 1


def test_t1_a_token_of_another_team_cannot_be_revoked(client, acme, evil, alice, mallory):
    mine = Membership.objects.get(user=mallory)
    token, _secret = AccessToken.objects.issue(mine, label="x", at=NOON, days=None)
    client.force_login(alice)

    assert client.post(f"/teams/acme/settings/tokens/{token.pk}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None


def test_issuetoken_prints_the_secret_alone(acme, alice):
    out = StringIO()

    call_command("issuetoken", "acme", "alice@example.com", label="CI", days=3, stdout=out)

    secret = out.getvalue().strip()
    token = AccessToken.objects.get()
    assert tokens.looks_valid(secret, "rbt")
    assert token.digest == tokens.digest(secret)
    assert token.expires_at - token.created_at == timedelta(days=3)


@pytest.mark.parametrize("days", [0, -1, 3651, 99_999_999])
def test_issuetoken_refuses_days_that_no_token_lasts(acme, alice, days):
    with pytest.raises(CommandError, match="from 1 to 3650"):
        call_command("issuetoken", "acme", "alice@example.com", label="CI", days=days)

    assert not AccessToken.objects.exists()


def test_issuetoken_refuses_a_stranger(acme, mallory):
    with pytest.raises(CommandError, match="not in team"):
        call_command("issuetoken", "acme", "mallory@example.com", label="CI")


def test_a_new_team_is_owned_by_who_made_it(client, victor):
    client.force_login(victor)

    answer = client.post("/teams/", {"name": "Çalışma Ekibi", "slug": "x", "owner": "1"})

    team = Team.objects.get(name="Çalışma Ekibi")
    assert answer["Location"] == f"/teams/{team.slug}/"
    assert list(team.memberships.values_list("user", "role")) == [(victor.pk, "owner")]
    assert team.audit_entries.get().action == "team.created"


@pytest.mark.parametrize("name", ["日本", "---", "!", "a" * 80])
def test_any_name_makes_an_address(client, victor, name):
    client.force_login(victor)

    client.post("/teams/", {"name": name})

    assert re.fullmatch(r"[-a-z0-9]{1,60}", Team.objects.get(name=name).slug)


def test_home_is_the_team_seen_last(client, acme, evil, alice):
    join(alice, evil, "viewer")
    client.force_login(alice)
    assert client.get("/")["Location"] == "/teams/acme/"

    client.get("/teams/evil/members/")

    assert client.get("/")["Location"] == "/teams/evil/"


def test_home_of_somebody_without_a_team_is_the_list(client, victor, acme):
    acme.delete()
    client.force_login(victor)

    assert client.get("/")["Location"] == "/teams/"
    assert "You are in no team" in client.get("/teams/").content.decode()


def test_the_frame_shows_the_pages_that_the_role_reaches(client, acme, evil, alice, victor):
    client.force_login(victor)
    page = client.get("/teams/acme/members/").content.decode()

    assert 'href="/teams/acme/members/" aria-current="page"' in page
    assert "/teams/acme/audit/" not in page
    client.force_login(alice)
    assert "/teams/acme/audit/" in client.get("/teams/acme/members/").content.decode()


def test_the_frame_costs_one_query_however_many_teams(client, alice, django_assert_num_queries):
    client.force_login(alice)
    client.get("/teams/")  # The first page of a session notes its use in it.
    with django_assert_num_queries(4) as few:
        client.get("/teams/")
    for number in range(10):
        join(alice, Team.objects.create(name=f"T{number}", slug=f"t{number}"), "viewer")

    with django_assert_num_queries(len(few)):
        client.get("/teams/")


def test_moments_are_shown_in_the_teams_zone(client, acme, alice):
    acme.time_zone = "Asia/Tokyo"
    acme.save()
    Membership.objects.update(joined_at=NOON.replace(hour=20))
    client.force_login(alice)

    page = client.get("/teams/acme/members/").content.decode()

    assert "19 Nov 2026" in page
    assert "Dates in Asia/Tokyo." in page
