"""Signing up, in and out; passwords; sessions (T10-T14, T17, T18)."""

import re

import pytest
from django.core import mail

from dashboard.teams.models import Role, User
from tests.conftest import PASSWORD

NEW = {"email": "nina@example.com", "password1": "a-long-enough-phrase", "name": "Nina"}


def sign_in(client, email, password=PASSWORD, **extra):
    return client.post("/accounts/login/", {"login": email, "password": password}, **extra)


def shown_errors(response):
    return re.findall(r'role="alert".*?</div>', response.content.decode(), re.S)


def test_who_signs_up_gets_a_team_of_their_own(client, db):
    answer = client.post("/accounts/signup/", NEW)

    user = User.objects.get(email="nina@example.com")
    membership = user.memberships.get()
    assert answer.status_code == 302
    assert user.name == "Nina"
    assert (membership.team.slug, membership.role) == ("nina", Role.OWNER)
    assert client.get("/")["Location"] == "/teams/nina/"


def test_a_name_is_optional_and_a_team_name_need_not_be_free(client, db):
    client.post("/accounts/signup/", NEW)
    client.post("/accounts/logout/")
    client.post("/accounts/signup/", {**NEW, "email": "nina@other.example", "name": ""})

    slug = User.objects.get(email="nina@other.example").memberships.get().team.slug
    assert re.fullmatch(r"nina-\w{4}", slug)


def test_sign_up_can_be_switched_off(client, db, settings):
    settings.SIGN_UP_OPEN = False

    client.get("/accounts/signup/")
    client.post("/accounts/signup/", NEW)

    assert not User.objects.exists()


def test_a_short_password_is_refused(client, db):
    client.post("/accounts/signup/", {**NEW, "password1": "short"})

    assert not User.objects.exists()


def test_signing_in_works_in_any_case_and_leads_to_the_last_team(client, alice, acme):
    answer = sign_in(client, "ALICE@example.com", follow=True)

    assert answer.redirect_chain[-1][0] == "/teams/acme/"


def test_t10_wrong_person_and_wrong_password_read_the_same(client, alice):
    nobody = sign_in(client, "nobody@example.com")
    wrong = sign_in(client, "alice@example.com", "not-her-password")

    assert shown_errors(nobody) == shown_errors(wrong) != []
    assert nobody.status_code == wrong.status_code == 200


def test_t11_password_tries_are_throttled_per_account_whatever_address_they_claim(client, alice):
    for number in range(5):
        forged = {"X-Forwarded-For": f"203.0.113.{number}"}
        sign_in(client, "alice@example.com", f"wrong-{number}", headers=forged)

    right_at_last = sign_in(client, "alice@example.com", REMOTE_ADDR="203.0.113.99")

    assert "Too many failed" in right_at_last.content.decode()
    assert client.get("/").status_code == 302


def test_t12_a_session_from_before_signing_in_is_dead_after_it(client, alice):
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = "yes"
    session.save()
    client.cookies["sid"] = planted = session.session_key

    sign_in(client, "alice@example.com")

    assert client.cookies["sid"].value != planted
    client.cookies["sid"] = planted
    assert client.get("/teams/")["Location"].startswith("/accounts/login/")


def test_t13_after_signing_out_the_old_cookie_opens_nothing(client, alice):
    sign_in(client, "alice@example.com")
    old = client.cookies["sid"].value
    page = client.get("/teams/")

    client.post("/accounts/logout/")

    client.cookies["sid"] = old
    assert page["Cache-Control"] == "private, no-store"
    assert client.get("/teams/")["Location"] == "/accounts/login/?next=/teams/"


def test_t22_signing_out_by_a_link_is_asked_back_and_changes_nothing(client, alice):
    sign_in(client, "alice@example.com")

    client.get("/accounts/logout/")

    assert client.get("/teams/").status_code == 200


def test_t14_a_changed_password_ends_other_sessions(client, alice, acme):
    other = type(client)()
    sign_in(client, "alice@example.com")
    sign_in(other, "alice@example.com")
    new = "another-long-phrase"

    client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )

    assert client.get("/teams/").status_code == 200
    assert other.get("/teams/").status_code == 302


def reset_link(client, email="alice@example.com", **extra):
    client.post("/accounts/password/reset/", {"email": email}, **extra)
    return re.search(r"http\S+/password/reset/key/\S+", mail.outbox[-1].body)[0]


def use(client, link, password):
    form = client.get(link.removeprefix("http://127.0.0.1:8000"), follow=True)
    if not form.redirect_chain:
        return form
    path = form.redirect_chain[-1][0]
    return client.post(path, {"password1": password, "password2": password})


def test_t14_a_reset_link_works_once_and_ends_sessions(client, alice):
    there = type(client)()
    sign_in(there, "alice@example.com")
    link = reset_link(client)

    use(client, link, "a-new-long-phrase")
    use(type(client)(), link, "the-thief-s-own-phrase")

    alice.refresh_from_db()
    assert alice.check_password("a-new-long-phrase")
    assert there.get("/teams/").status_code == 302


def test_t14_a_reset_link_is_dead_after_signing_in(client, alice):
    link = reset_link(client)
    sign_in(type(client)(), "alice@example.com")

    use(client, link, "a-new-long-phrase")

    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_t14_a_reset_link_is_dead_after_an_hour(client, alice, time_machine):
    time_machine.move_to("2026-11-18 12:00+00:00")
    link = reset_link(client)
    time_machine.move_to("2026-11-18 13:01+00:00")

    use(client, link, "a-new-long-phrase")

    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_asking_for_a_reset_says_the_same_for_a_stranger(client, alice):
    known = client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


@pytest.mark.parametrize("host", ["evil.test", "127.0.0.1.evil.test", "127.0.0.1@evil.test"])
def test_t18_a_foreign_host_header_is_refused(client, alice, host):
    answer = client.post(
        "/accounts/password/reset/", {"email": "alice@example.com"}, headers={"Host": host}
    )

    assert answer.status_code == 400
    assert mail.outbox == []


def test_t18_links_in_letters_come_from_site_url(client, alice, settings):
    settings.ALLOWED_HOSTS = ["*"]

    link = reset_link(client, headers={"Host": "evil.test"})
    client.post("/accounts/password/reset/", {"email": "nobody@example.com"}, HTTP_HOST="evil.test")

    assert link.startswith("http://127.0.0.1:8000/accounts/password/reset/key/")
    assert all("evil" not in letter.body + letter.subject for letter in mail.outbox)
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(
    "target",
    [
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "https:///evil.test",
        "http:evil.test",
        "javascript:alert(1)",
        "https://127.0.0.1@evil.test",
        "\x08//evil.test",
        "https://evil.test/\r\nSet-Cookie: a=b",
    ],
)
def test_t17_signing_in_leads_to_no_other_site(client, alice, target):
    answer = client.post(
        "/accounts/login/", {"login": "alice@example.com", "password": PASSWORD, "next": target}
    )

    assert (answer.status_code, answer["Location"]) == (302, "/")


def test_t17_a_line_break_in_next_stays_within_the_address(client, alice):
    answer = client.post(
        "/accounts/login/",
        {"login": "alice@example.com", "password": PASSWORD, "next": "/ok\r\nSet-Cookie: a=b"},
    )

    assert answer.status_code == 302
    assert "\n" not in answer["Location"]
    assert "a" not in answer.cookies


@pytest.mark.parametrize("path", ["/admin/", "/admin/login/"])
def test_t24_there_is_no_admin_site(client, alice, path):
    client.force_login(alice)

    assert client.get(path).status_code == 404
