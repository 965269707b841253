"""Invitations by link: once, expiring, for one address (T8, T9)."""

import re
import threading
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from dashboard.lib import tokens
from dashboard.teams import inviting
from dashboard.teams.models import Invitation, Membership, Role, User
from tests.conftest import NOON, PASSWORD, person

DEAD = "This invitation is no longer valid."


@pytest.fixture
def invited(acme, alice):
    """An open invitation of Nina to Acme, and its path."""
    at = timezone.now()
    invitation, secret = inviting.invite(acme, "nina@example.com", "member", by=alice, at=at)
    return invitation, f"/invitations/{secret}/"


@pytest.fixture
def nina(db):
    return person("nina")


def roles_of(user):
    return list(user.memberships.values_list("team__slug", "role"))


def test_inviting_shows_the_link_once_and_mails_it(client, acme, alice):
    client.force_login(alice)

    page = client.post(
        "/teams/acme/members/invite/", {"email": "Nina@Example.com", "role": "viewer"}
    )

    link = re.search(r"http://127\.0\.0\.1:8000/invitations/rbi_\w+/", page.content.decode())[0]
    secret = link.split("/")[-2]
    assert link in mail.outbox[0].body
    assert mail.outbox[0].to == ["nina@example.com"]
    assert page["Cache-Control"] == "private, no-store"
    assert 'hx-history="false"' in page.content.decode()
    assert secret not in client.get("/teams/acme/members/").content.decode()
    assert acme.invitations.get().digest == tokens.digest(secret)
    assert secret not in str(acme.audit_entries.values())


def test_the_link_is_shown_even_where_the_letter_cannot_be_sent(client, acme, alice, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    client.force_login(alice)

    page = client.post("/teams/acme/members/invite/", {"email": "n@example.com", "role": "viewer"})

    assert "The letter could not be sent." in page.content.decode()
    assert "/invitations/rbi_" in page.content.decode()


def test_an_admin_invites_no_owner(client, acme, alice, adam):
    client.force_login(adam)

    answer = client.post("/teams/acme/members/invite/", {"email": "n@example.com", "role": "owner"})

    assert answer.status_code == 422
    assert not acme.invitations.exists()


def test_t9_inviting_somebody_known_or_unknown_looks_the_same(client, acme, alice, mallory):
    client.force_login(alice)

    def invite(email):
        page = client.post("/teams/acme/members/invite/", {"email": email, "role": "viewer"})
        text = page.content.decode().replace(email, "X")
        client.post(f"/teams/acme/members/invitations/{acme.invitations.last().pk}/revoke/")
        client.get("/teams/acme/members/")
        return page.status_code, re.sub(r"rbi_\w+|\w{64}|invitations/\d+", "", text)

    assert invite("mallory@example.com") == invite("nobodyx@example.com")


def test_t8_it_lets_the_person_in_once(client, invited, nina, acme):
    _invitation, path = invited
    client.force_login(nina)

    shown = client.get(path)
    first = client.post(path)
    second = client.post(path)

    assert shown.status_code == 200
    assert "Acme" in shown.content.decode()
    assert first["Location"] == "/teams/acme/"
    assert second.status_code == 410
    assert DEAD in second.content.decode()
    assert roles_of(nina) == [("acme", "member")]
    assert acme.audit_entries.get(action="member.joined").actor == "Nina"


def test_t22_opening_the_link_accepts_nothing(client, invited, nina):
    client.force_login(nina)

    client.get(invited[1])
    client.head(invited[1])

    assert roles_of(nina) == []


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param({"accepted_at": NOON}, id="T8-used"),
        pytest.param({"revoked_at": NOON}, id="T8-revoked"),
        pytest.param(
            {"created_at": NOON - timedelta(days=30), "expires_at": NOON - timedelta(days=23)},
            id="T8-expired",
        ),
    ],
)
def test_a_dead_invitation_is_gone(client, invited, nina, spoil):
    Invitation.objects.filter(pk=invited[0].pk).update(**spoil)
    client.force_login(nina)

    for answer in (client.get(invited[1]), client.post(invited[1]), type(client)().get(invited[1])):
        assert answer.status_code == 410
        assert DEAD in answer.content.decode()
    assert roles_of(nina) == []


def test_t8_another_address_sees_the_same_page_as_a_guess(client, invited, mallory):
    client.force_login(mallory)

    assert client.get(invited[1]).status_code == 410
    other = client.post(invited[1])
    guessed = client.post(f"/invitations/{tokens.mint('rbi')}/")
    nonsense = client.get("/invitations/x/")

    pages = {
        re.sub(r'"[^"]{64}"', "", page.content.decode()) for page in (other, guessed, nonsense)
    }
    assert {other.status_code, guessed.status_code, nonsense.status_code} == {410}
    assert len(pages) <= 2
    assert all("Acme" not in page for page in pages)
    assert roles_of(mallory) == [("evil", "owner")]


def test_t8_whatever_page_asks_another_address_is_not_let_in(invited, mallory):
    with pytest.raises(inviting.Dead):
        inviting.accept(invited[0], mallory, at=timezone.now())

    invited[0].refresh_from_db()
    assert invited[0].accepted_at is None


def test_t8_the_role_cannot_be_changed_on_the_way(client, invited, nina):
    client.force_login(nina)

    client.post(invited[1], {"role": "owner", "team": "evil"})

    assert roles_of(nina) == [("acme", "member")]


def test_t8_it_ends_with_the_team(client, invited, nina, acme):
    acme.delete()
    client.force_login(nina)

    assert client.post(invited[1]).status_code == 410


def test_t8_one_that_was_revoked_on_the_page_is_dead(client, invited, alice, nina, acme):
    client.force_login(alice)
    client.post(f"/teams/acme/members/invitations/{invited[0].pk}/revoke/")
    client.force_login(nina)

    assert client.post(invited[1]).status_code == 410
    assert acme.audit_entries.filter(action="invitation.revoked").count() == 1


def test_inviting_again_ends_the_older_link(client, invited, alice, nina, acme):
    inviting.invite(acme, "NINA@example.com", "admin", by=alice, at=timezone.now())
    client.force_login(nina)

    assert client.post(invited[1]).status_code == 410


@pytest.mark.django_db(transaction=True)
def test_t8_accepted_twice_at_once_it_counts_once(invited):
    nina = person("nina")
    start, outcomes = threading.Barrier(4), []

    def accept():
        start.wait()
        try:
            invitation = Invitation.objects.get(pk=invited[0].pk)
            inviting.accept(invitation, nina, at=timezone.now())
            outcomes.append("in")
        except inviting.Dead:
            outcomes.append("dead")
        finally:
            connection.close()

    threads = [threading.Thread(target=accept) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["dead", "dead", "dead", "in"]
    assert Membership.objects.filter(user=nina).count() == 1


def test_one_already_in_the_team_keeps_the_role(client, acme, alice):
    _invitation, secret = inviting.invite(
        acme, "alice@example.com", "viewer", by=alice, at=timezone.now()
    )
    client.force_login(alice)

    client.post(f"/invitations/{secret}/")

    assert roles_of(alice) == [("acme", "owner")]


def test_a_visitor_signs_up_and_comes_back(client, invited, settings):
    settings.SIGN_UP_OPEN = False
    shown = client.get(invited[1]).content.decode()
    form = client.get("/accounts/signup/?next=/invitations/")

    client.post(
        "/accounts/signup/",
        {"email": "nina@example.com", "password1": "a-long-enough-phrase", "next": "/invitations/"},
    )
    waiting = client.get("/invitations/")
    client.post("/invitations/")

    nina = User.objects.get(email="nina@example.com")
    assert "/accounts/signup/?next=/invitations/" in shown
    assert "nina@example.com" in form.content.decode()
    assert "Acme" in waiting.content.decode()
    assert roles_of(nina) == [("acme", Role.MEMBER)]
    assert client.get("/invitations/").status_code == 410


def test_a_visitor_signs_in_and_comes_back(client, invited, nina):
    assert client.post(invited[1])["Location"] == "/accounts/login/?next=/invitations/"

    answer = client.post(
        "/accounts/login/",
        {"login": "nina@example.com", "password": PASSWORD, "next": "/invitations/"},
    )
    client.post("/invitations/")

    assert answer["Location"] == "/invitations/"
    assert roles_of(nina) == [("acme", "member")]


def test_an_invitation_opens_sign_up_for_its_own_address_only(client, invited, settings):
    settings.SIGN_UP_OPEN = False
    client.get(invited[1])

    answer = client.post(
        "/accounts/signup/", {"email": "evil@example.com", "password1": "a-long-enough-phrase"}
    )

    assert "Use the address that the invitation was sent to." in answer.content.decode()
    assert not User.objects.filter(email="evil@example.com").exists()


def test_the_secret_is_nowhere_in_the_database(client, invited, nina):
    client.get(invited[1])
    secret = invited[1].split("/")[-2]

    assert secret not in str(dict(client.session))
    tables = connection.introspection.table_names()
    with connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')
            assert secret not in str(cursor.fetchall())
