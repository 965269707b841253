"""Signing up, in and out; passwords; sessions (T10-T14, T17, T18)."""

import contextlib
import re
import sqlite3

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection

from dashboard.teams.models import Role, User
from tests.conftest import PASSWORD, person

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


THERE = {"REMOTE_ADDR": "203.0.113.99"}


def is_signed_in(client):
    return "_auth_user_id" in client.session


def guess(client, times, **extra):
    for number in range(times):
        sign_in(client, "alice@example.com", f"wrong-{number}", **extra)


def is_refused(client, email="alice@example.com", password=PASSWORD, **extra):
    """Whether the right password is refused for too many wrong ones."""
    answer = sign_in(client, email, password, **extra)
    refused = "Too many failed" in answer.text
    assert refused is not is_signed_in(client)
    return refused


@pytest.mark.parametrize(
    "disguise",
    [
        lambda n: {"headers": {"X-Forwarded-For": f"203.0.113.{n}"}},
        lambda n: {"headers": {"Host": f"host-{n}.test"}},
        lambda n: {"headers": {"Host": f"127.0.0.1:{8000 + n}"}},
        lambda n: {"headers": {"X-Forwarded-Host": f"host-{n}.test"}},
    ],
    ids=["forwarded-for", "host", "port", "forwarded-host"],
)
def test_t25_wrong_passwords_are_one_count_whatever_the_headers_say(
    client, alice, settings, disguise, time_machine
):
    settings.ALLOWED_HOSTS = ["*"]
    time_machine.move_to("2026-11-18 12:00+00:00", tick=False)

    for number in range(12):
        time_machine.shift(10)  # Slower than what an address may try in a minute.
        guess(client, 1, **disguise(number))

    assert is_refused(client, **disguise(99))
    assert is_refused(client)


@pytest.mark.parametrize("email", ["ALICE@example.com", "alice@EXAMPLE.com", " alice@example.com"])
def test_t25_another_spelling_of_the_address_is_the_same_account(client, alice, email):
    guess(client, 5)

    assert is_refused(client, email)


def test_t25_the_limit_of_an_address_is_for_all_accounts_together(client, alice, mel):
    for number in range(12):
        sign_in(client, f"nobody-{number}@example.com", "wrong")

    assert is_refused(client)
    assert not is_refused(client, **THERE)


def test_t25_a_new_password_frees_every_address(client, alice):
    guess(client, 12)
    guess(client, 5, **THERE)
    new = "a-new-long-phrase"

    use(client, reset_link(client), new)

    assert not is_refused(client, password=new)
    assert not is_refused(type(client)(), password=new, **THERE)


def test_t11_a_stranger_elsewhere_does_not_lock_the_owner_out(client, alice):
    guess(client, 20, **THERE)

    assert is_refused(client, **THERE)
    assert not is_refused(client)


def guess_from_everywhere(client, settings):
    """More often than an account may be tried: 50 in 15 minutes, here 6."""
    limits = {**settings.ACCOUNT_RATE_LIMITS, "wrong_passwords_from_anywhere": "6/15m/key"}
    settings.ACCOUNT_RATE_LIMITS = limits
    for number in range(8):
        guess(client, 1, REMOTE_ADDR=f"198.51.100.{number}")


def test_t11_guesses_from_many_addresses_are_slowed_and_for_15_minutes_at_most(
    client, alice, settings, time_machine
):
    time_machine.move_to("2026-11-18 12:00+00:00")
    guess_from_everywhere(client, settings)

    assert is_refused(client)
    time_machine.move_to("2026-11-18 12:15:01+00:00")
    assert not is_refused(client)


def test_t11_they_do_not_lock_out_where_the_owner_has_been_before(client, alice, settings):
    home = type(client)()
    assert not is_refused(home)
    home.post("/accounts/logout/")

    guess_from_everywhere(client, settings)

    assert is_refused(client, **THERE)
    assert not is_refused(home)


def test_t11_an_ipv6_network_is_one_address(client, alice):
    for number in range(5):
        guess(client, 1, REMOTE_ADDR=f"2001:db8:1:1::{number + 1}")

    assert is_refused(client, REMOTE_ADDR="2001:db8:1:1::99")
    assert not is_refused(client, REMOTE_ADDR="2001:db8:1:2::1")


def test_a_right_password_forgets_the_wrong_ones_before_it(client, alice):
    for _ in range(3):
        guess(client, 3)
        assert not is_refused(client)
        client.post("/accounts/logout/")


@pytest.mark.skipif(not settings.SQLITE, reason="PostgreSQL locks rows, not the database")
def test_r4_a_locked_database_is_503_and_not_too_many_tries(transactional_db, client):
    person("alice")
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 100")
    with contextlib.closing(sqlite3.connect(connection.settings_dict["NAME"])) as other:
        other.execute("BEGIN EXCLUSIVE")
        answer = sign_in(client, "alice@example.com")
        other.rollback()
    connection.close()

    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "The database is busy." in answer.text
    assert not is_refused(client)


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
