"""Is every key well? The page, its deeds, the roles (A3, K5, K12, K21, F15, F16)."""

import json
import re
from datetime import timedelta

import pytest

from dashboard.keys.models import ApiKey
from dashboard.rembg import errors
from tests.conftest import NOON, add_key
from tests.keys.canary import CANARY, leaks

HTMX = {"HX-Request": "true"}


def page(client, path="/teams/acme/keys/"):
    return client.get(path).content.decode()


def press_test(client, key, **extra):
    return client.post(f"/teams/acme/keys/{key.pk}/test/", **extra)


@pytest.mark.parametrize("who", ["alice", "adam", "mel", "victor"])
def test_a3_no_page_shows_a_key_to_any_role(client, request, account, alice, sandbox, who):
    key = add_key(account, CANARY)
    client.force_login(request.getfixturevalue(who))
    paths = [
        "/teams/",
        "/teams/acme/keys/",
        f"/teams/acme/keys/{key.pk}/rename/",
        "/teams/acme/members/",
        "/teams/acme/settings/",
        "/teams/acme/audit/",
    ]

    answers = [client.get(path, headers=headers) for path in paths for headers in ({}, HTMX)]
    answers += [press_test(client, key), press_test(client, key, headers=HTMX)]
    answers += [client.get(path) for path in paths]

    assert all(leaks(answer.content + str(answer.headers).encode()) == [] for answer in answers)
    assert leaks(json.dumps(list(client.session.items()), default=str)) == []


@pytest.mark.parametrize(
    ("who", "sees"), [("alice", True), ("adam", True), ("mel", False), ("victor", False)]
)
def test_the_last_four_are_for_those_who_run_it(client, request, key, alice, who, sees):
    client.force_login(request.getfixturevalue(who))

    shown = page(client)

    assert "Shop" in shown
    assert ("••••mium" in shown) is sees
    assert ("Test now" in shown) is sees


@pytest.mark.parametrize("who", ["mel", "victor"])
@pytest.mark.parametrize("deed", ["test", "rename", "archive"])
def test_members_and_viewers_do_nothing_to_a_key(client, request, key, alice, who, deed):
    client.force_login(request.getfixturevalue(who))

    answer = client.post(f"/teams/acme/keys/{key.pk}/{deed}/", {"label": "X"})

    key.refresh_from_db()
    assert answer.status_code == 403
    assert (key.label, key.archived_at, key.tested_at) == ("Shop", None, None)


@pytest.mark.parametrize("deed", ["test", "archive"])
def test_t22_no_deed_by_a_link(client, key, alice, deed):
    client.force_login(alice)

    assert client.get(f"/teams/acme/keys/{key.pk}/{deed}/").status_code == 405


def test_t1_a_key_of_another_team_is_not_there(client, key, evil, mallory):
    client.force_login(mallory)

    answers = [
        client.post(f"/teams/evil/keys/{key.pk}/test/"),
        client.post(f"/teams/evil/keys/{key.pk}/archive/"),
        client.get(f"/teams/evil/keys/{key.pk}/rename/"),
        client.post(f"/teams/acme/keys/{key.pk}/test/"),
    ]

    assert {answer.status_code for answer in answers} == {404}


@pytest.mark.parametrize("path", ["reveal", "show", "secret", "copy", "download"])
def test_k21_there_is_no_way_to_reveal_a_key(client, key, alice, path):
    client.force_login(alice)

    assert client.get(f"/teams/acme/keys/{key.pk}/{path}/").status_code == 404
    assert client.post(f"/teams/acme/keys/{key.pk}/{path}/").status_code == 404


def test_a_good_key_is_fine_after_a_test(client, sandbox, key, alice, acme):
    client.force_login(alice)
    assert "Not tested yet" in page(client)

    answer = press_test(client, key)

    key.refresh_from_db()
    assert answer["Location"] == "/teams/acme/keys/"
    assert key.accepted_at == key.tested_at is not None
    assert "Fine" in page(client)
    entry = acme.audit_entries.get(action="key.tested")
    assert entry.details == {"outcome": "RemBG accepted the key."}


def test_a_test_by_htmx_answers_the_table_alone(client, sandbox, key, alice):
    client.force_login(alice)

    answer = press_test(client, key, headers=HTMX)
    part = answer.content.decode()

    assert "<html" not in part
    assert re.search(r'<div id="keys"', part)
    assert 'class="fresh"' in part
    toast = {"text": "RemBG accepted the key.", "bad": False}
    assert json.loads(answer["HX-Trigger"]) == {"toast": toast}


@pytest.mark.parametrize(
    ("fault", "sentence", "next_step"),
    [
        pytest.param(
            "bad_key",
            "RemBG refused this key: it is not valid",
            "Copy the key from the RemBG account and replace it here.",
            id="F15",
        ),
        pytest.param(
            "unverified",
            "RemBG refused this key: its e-mail address is not verified",
            "Check the inbox of the RemBG account, then test again.",
            id="F16",
        ),
    ],
)
def test_a_refused_key_says_why_and_what_to_do(
    client, sandbox, account, alice, fault, sentence, next_step
):
    key = add_key(account, f"sandbox-fault-{fault}")
    client.force_login(alice)

    first = press_test(client, key, headers=HTMX).content.decode()
    once = ApiKey.objects.get()
    press_test(client, key)
    twice = ApiKey.objects.get()

    assert sentence in first
    assert next_step in first
    assert (once.refusals, once.paused_at) == (1, None)
    assert twice.refusals == 2
    assert twice.paused_at == twice.tested_at
    assert twice.accepted_at is None
    assert "Refused, not used any more" in page(client)
    assert "1 of 1 keys needs somebody." in page(client)


def test_f15_a_paused_key_is_not_usable_until_a_test_is_good(sandbox, account, client, alice):
    key = add_key(account, "sandbox-premium")
    for minute in range(2):
        key.note_refused(errors.BadKey(status=401), at=NOON + timedelta(minutes=minute))
    assert not ApiKey.objects.usable(at=NOON).exists()
    client.force_login(alice)

    press_test(client, key)

    assert ApiKey.objects.usable(at=NOON).get() == key
    assert "Fine" in page(client)


@pytest.mark.parametrize("fault", ["rate_short", "html", "reset", "redirect", "garbage"])
def test_what_is_not_about_the_key_is_not_held_against_it(sandbox, account, client, alice, fault):
    key = add_key(account, f"sandbox-fault-{fault}")
    client.force_login(alice)

    answer = press_test(client, key, headers=HTMX)

    key.refresh_from_db()
    assert answer.status_code == 200
    assert 'class="notice bad"' in answer.content.decode()
    assert (key.refusals, key.paused_at, key.accepted_at) == (0, None, None)
    assert (key.resting_until is not None) == (fault == "rate_short")


def test_a_key_at_rest_says_until_when_in_the_teams_zone(client, key, alice, acme):
    acme.time_zone = "Asia/Tokyo"
    acme.save()
    key.rest(until=NOON.replace(year=2036, hour=20), reason="rate_daily")
    client.force_login(alice)

    shown = page(client)

    assert "Until 19 Nov 2036, 05:00" in shown
    assert "RemBG&#x27;s daily limit is reached" in shown
    assert "Times in Asia/Tokyo." in shown


def test_rename(client, key, alice, account, acme):
    add_key(account, CANARY, "Blog")
    client.force_login(alice)

    taken = client.post(f"/teams/acme/keys/{key.pk}/rename/", {"label": "Blog"})
    client.post(
        f"/teams/acme/keys/{key.pk}/rename/", {"label": "<b>Shop</b>", "team": "9", "kid": "x"}
    )

    key.refresh_from_db()
    assert taken.status_code == 422
    assert "The team has a key with this label already." in taken.content.decode()
    assert (key.label, key.kid, key.open()) == ("<b>Shop</b>", "k1", "sandbox-premium")
    assert acme.audit_entries.get(action="key.renamed").details == {"before": "Shop"}
    assert "<b>Shop</b>" not in page(client)


def test_archive_asks_by_name_and_forgets_the_secret(client, key, alice, acme):
    client.force_login(alice)
    assert 'data-confirm="Archive “Shop”?"' in page(client)

    client.post(f"/teams/acme/keys/{key.pk}/archive/")
    client.post(f"/teams/acme/keys/{key.pk}/archive/")

    key.refresh_from_db()
    assert key.archived_at
    assert (key.kid, bytes(key.blob)) == ("", b"")
    assert "No keys yet" in page(client)
    assert acme.audit_entries.filter(action="key.archived").count() == 1
    add_key(key.account, "sandbox-premium", "Shop")


def test_an_empty_page_says_what_to_do_next(client, acme, alice, victor):
    client.force_login(alice)
    assert "/teams/acme/keys/add/" in page(client)

    client.force_login(victor)
    assert "/teams/acme/keys/add/" not in page(client)


def test_the_page_needs_no_query_a_key(client, account, alice, django_assert_max_num_queries):
    for number in range(12):
        add_key(account, f"sandbox-key-{number}", f"Key {number}")
    client.force_login(alice)
    page(client)

    with django_assert_max_num_queries(12):
        page(client)
