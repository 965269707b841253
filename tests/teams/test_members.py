"""Who is in a team and as what (T3, T4, T5, T22)."""

import threading

import pytest
from django.db import connection

from dashboard.teams import roster
from dashboard.teams.models import AccessToken, Invitation, Membership, Role
from tests.conftest import NOON, join, person


def place(user, team):
    return Membership.objects.get(user=user, team=team)


def give(client, team, user, role):
    pk = place(user, team).pk
    return client.post(f"/teams/{team.slug}/members/{pk}/role/", {"role": role})


@pytest.mark.parametrize("reader", ["alice", "adam", "mel", "victor"])
def test_everybody_in_the_team_sees_who_is_in_it(client, request, acme, alice, victor, reader):
    client.force_login(request.getfixturevalue(reader))

    page = client.get("/teams/acme/members/").content.decode()

    assert "alice@example.com" in page
    assert "victor@example.com" in page


def test_an_owner_gives_another_role_and_it_is_written_down(client, acme, alice, mel):
    client.force_login(alice)

    give(client, acme, mel, "admin")

    entry = acme.audit_entries.get(action="member.role_changed")
    assert place(mel, acme).role == Role.ADMIN
    assert (entry.actor, entry.subject) == ("Alice", "mel@example.com")
    assert entry.details == {"before": "member", "role": "admin"}


@pytest.mark.parametrize("role", ["owner", "boss", ""])
def test_t4_an_admin_makes_no_owners(client, acme, alice, adam, role):
    client.force_login(adam)

    answer = give(client, acme, adam, role)

    assert answer.status_code == 403
    assert place(adam, acme).role == Role.ADMIN


def test_t4_an_admin_touches_no_owner(client, acme, alice, adam):
    client.force_login(adam)

    demoted = give(client, acme, alice, "viewer")
    removed = client.post(f"/teams/acme/members/{place(alice, acme).pk}/remove/")

    assert demoted.status_code == removed.status_code == 403
    assert "Only an owner can change or remove an owner." in demoted.content.decode()
    assert place(alice, acme).role == Role.OWNER


def test_t4_the_role_counts_that_a_person_has_at_that_moment(acme, alice, adam, mel):
    for role in ("owner", "admin"):
        with pytest.raises(roster.RoleNotAllowed):
            roster.change_role(acme, place(mel, acme).pk, role, by=mel, at=NOON)
    with pytest.raises(roster.RoleNotAllowed):
        roster.change_role(acme, place(adam, acme).pk, "owner", by=adam, at=NOON)
    with pytest.raises(roster.RoleNotAllowed):
        roster.remove(acme, place(adam, acme).pk, by=mel, at=NOON)

    assert acme.memberships.owners().count() == 1


@pytest.mark.parametrize("deed", ["demote", "remove", "leave"])
def test_t4_a_team_is_never_without_an_owner(client, acme, alice, adam, deed):
    client.force_login(alice)
    pk = place(alice, acme).pk

    answer = {
        "demote": lambda: client.post(f"/teams/acme/members/{pk}/role/", {"role": "admin"}),
        "remove": lambda: client.post(f"/teams/acme/members/{pk}/remove/"),
        "leave": lambda: client.post("/teams/acme/members/leave/"),
    }[deed]()

    assert answer.status_code == 409
    assert "A team needs an owner." in answer.content.decode()
    assert place(alice, acme).role == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_t4_two_owners_who_demote_each_other_at_once_leave_one():
    team = roster.Team.objects.create(name="Duo", slug="duo")
    both = [join(person(name), team, Role.OWNER) for name in ("olga", "otto")]
    start = threading.Barrier(2)
    outcomes = []

    def demote(by, other):
        start.wait()
        try:
            roster.change_role(team, place(other, team).pk, "member", by=by, at=NOON)
            outcomes.append("done")
        except roster.RosterError as exc:
            outcomes.append(type(exc).__name__)
        finally:
            connection.close()

    threads = [threading.Thread(target=demote, args=pair) for pair in (both, reversed(both))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["RoleNotAllowed", "done"]
    assert team.memberships.owners().count() == 1


@pytest.mark.parametrize("who", ["mel", "victor"])
def test_members_and_viewers_change_nothing(client, request, acme, alice, who):
    user = request.getfixturevalue(who)
    client.force_login(user)

    assert give(client, acme, user, "owner").status_code == 403
    assert client.post("/teams/acme/members/invite/", {}).status_code == 403
    pk = place(alice, acme).pk
    assert client.post(f"/teams/acme/members/{pk}/remove/").status_code == 403
    assert acme.memberships.count() == 2


def test_t5_who_was_removed_finds_nothing_at_once(client, acme, alice, mel):
    theirs = type(client)()
    theirs.force_login(mel)
    theirs.get("/teams/acme/members/")
    token, secret = AccessToken.objects.issue(place(mel, acme), label="x", at=NOON, days=None)
    client.force_login(alice)

    client.post(f"/teams/acme/members/{place(mel, acme).pk}/remove/")

    page = theirs.get("/teams/acme/members/")
    part = theirs.get("/teams/acme/members/", headers={"HX-Request": "true"})
    assert page.status_code == part.status_code == 404
    assert part["HX-Redirect"] == "/teams/"
    assert AccessToken.objects.for_secret(secret, at=NOON) is None
    assert not AccessToken.objects.filter(pk=token.pk).exists()


def test_t5_what_a_removed_admin_left_open_ends_with_him(client, acme, alice, adam):
    client.force_login(adam)
    client.post("/teams/acme/members/invite/", {"email": "x@example.com", "role": "admin"})
    client.force_login(alice)
    client.post("/teams/acme/members/invite/", {"email": "adam@example.com", "role": "admin"})

    client.post(f"/teams/acme/members/{place(adam, acme).pk}/remove/")

    assert not Invitation.objects.filter(revoked_at=None).exists()


def test_a_member_leaves(client, acme, alice, mel):
    client.force_login(mel)

    answer = client.post("/teams/acme/members/leave/")

    assert answer["Location"] == "/teams/"
    assert not acme.memberships.filter(user=mel).exists()
    assert acme.audit_entries.get(action="member.left").actor == "Mel"


def test_t1_a_member_of_another_team_cannot_be_reached_by_number(
    client, acme, alice, mallory, evil
):
    client.force_login(alice)
    pk = place(mallory, evil).pk

    assert client.post(f"/teams/acme/members/{pk}/remove/").status_code == 404
    assert client.post(f"/teams/acme/members/{pk}/role/", {"role": "viewer"}).status_code == 404
    assert place(mallory, evil).role == Role.OWNER


def test_t3_fields_that_are_not_asked_for_are_ignored(client, acme, evil, alice, mel):
    client.force_login(alice)

    client.post(
        f"/teams/acme/members/{place(mel, acme).pk}/role/",
        {"role": "admin", "team": evil.pk, "user": alice.pk, "is_staff": "1"},
    )
    client.post(
        "/teams/acme/settings/",
        {"name": "New", "time_zone": "UTC", "retention_days": 5, "slug": "evil2", "id": "99"},
    )

    mel.refresh_from_db()
    acme.refresh_from_db()
    assert place(mel, acme).role == Role.ADMIN
    assert not mel.is_staff
    assert (acme.slug, acme.name) == ("acme", "New")


POST_ONLY = [
    "/teams/acme/members/1/role/",
    "/teams/acme/members/1/remove/",
    "/teams/acme/members/leave/",
    "/teams/acme/members/invite/",
    "/teams/acme/members/invitations/1/revoke/",
    "/teams/acme/settings/tokens/",
    "/teams/acme/settings/tokens/1/revoke/",
]


@pytest.mark.parametrize("path", POST_ONLY)
@pytest.mark.parametrize("method", ["get", "head", "put", "delete"])
def test_t22_no_change_by_anything_but_post(client, alice, path, method):
    client.force_login(alice)

    assert getattr(client, method)(path).status_code == 405


@pytest.mark.parametrize("origin", [None, "https://evil.test", "null"])
def test_t15_a_post_without_our_token_changes_nothing(alice, adam, acme, client, origin):
    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(adam)
    headers = {"Origin": origin} if origin else {}

    answer = strict.post("/teams/acme/members/leave/", headers=headers)

    assert answer.status_code == 403
    assert acme.memberships.filter(user=adam).exists()


def test_t15_with_our_token_it_does(alice, adam, acme, client):
    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(adam)
    strict.get("/teams/acme/members/")
    ours = {"Origin": "http://testserver", "X-CSRFToken": strict.cookies["csrf"].value}

    answer = strict.post("/teams/acme/members/leave/", headers=ours)

    assert answer.status_code == 302
    assert not acme.memberships.filter(user=adam).exists()


@pytest.mark.parametrize(
    ("page", "back"),
    [
        ("http://testserver/teams/acme/keys/", "%2Fteams%2Facme%2Fkeys%2F"),
        ("https://evil.test/teams/acme/keys/", "%2F"),
        ("nonsense", "%2F"),
    ],
)
def test_a_fragment_asked_for_signed_out_leads_the_page_to_sign_in(client, alice, page, back):
    headers = {"HX-Request": "true", "HX-Current-URL": page}

    answer = client.get("/teams/acme/members/", headers=headers)

    assert answer.status_code == 401
    assert answer["HX-Redirect"] == f"/accounts/login/?next={back}"
    assert answer.content == b""


def test_the_page_needs_no_query_a_person(client, acme, alice, django_assert_max_num_queries):
    for number in range(20):
        join(person(f"p{number}"), acme, Role.MEMBER)
    client.force_login(alice)

    with django_assert_max_num_queries(10):
        client.get("/teams/acme/members/")
