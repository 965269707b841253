"""A key comes in through the form: asked first, then kept with all of its account."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from dashboard.keys.models import Account, ApiKey
from dashboard.teams.models import AuditEntry
from dashboard.usage import add_keys
from dashboard.usage.models import CalendarMonth, Cycle, Snapshot
from dashboard.usage.polling.ask import poll
from tests.conftest import NOON
from tests.conftest import add_key as file_key
from tests.usage.conftest import END, START, Answer, listed, usage

PAST = (START - timedelta(days=30), START, 120, 880)
NOW = (START, END, 4200, 5100)
URL = "/teams/acme/keys/add/"
HOUR = timedelta(hours=1)


def post(client, url=URL, **fields):
    form = {"label": "Shop", "secret": "sandbox-premium", "account": "new", **fields}
    return client.post(url, form)


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


def test_a_key_comes_in_with_its_cycles_and_twelve_months(as_alice, sandbox, acme):
    answer = as_alice.post(
        URL, {"label": "Shop", "secret": " sandbox-premium\n", "account": "new"}, follow=True
    )

    account = Account.objects.get()
    there = sandbox.get("/api/membership-usage", "sandbox-premium", listBillingCycles=1)
    cycles = there["billingCycles"]
    assert answer.redirect_chain[-1][0] == reverse("usage:account", args=["acme", account.pk])
    assert f"Key added. {len(cycles)} cycles read." in answer.text
    assert Cycle.objects.count() == len(cycles)
    assert CalendarMonth.objects.count() == 12
    modes = list(Snapshot.objects.values_list("mode", flat=True))
    assert [modes.count(mode) for mode in ("current", "cycles", "month")] == [1, 1, 12]
    assert account.label == "Shop" and account.spendable_credits is not None
    assert AuditEntry.objects.get(action="key.added").subject == "Shop (…mium)"


def test_k5_the_secret_stands_in_no_row_and_on_no_page(as_alice, sandbox):
    post(as_alice, secret="sandbox-canary-4711")

    account = Account.objects.get()
    pages = [f"/teams/acme/accounts/{account.pk}/", "/teams/acme/keys/", URL]
    assert not any("canary-4711" in as_alice.get(page).text for page in pages)
    rows = [*Snapshot.objects.values(), *ApiKey.objects.values(), *AuditEntry.objects.values()]
    assert "canary-4711" not in repr(rows)


@pytest.mark.parametrize(
    ("secret", "sentence"),
    [
        pytest.param("wrong-key-1", "RemBG refused this key", id="F15-bad_key"),
        pytest.param("sandbox-fault-unverified", "not verified", id="F16-unverified"),
        pytest.param("sandbox-fault-html", "could not be understood", id="F10-html"),
        pytest.param("short", "This does not look like a RemBG key.", id="K1-short"),
        pytest.param("two words here", "This does not look like a RemBG key.", id="K1-space"),
    ],
)
def test_k4_a_refused_key_is_not_saved_and_the_reason_is_told(as_alice, sandbox, secret, sentence):
    answer = post(as_alice, secret=secret)

    assert answer.status_code == 422 and sentence in answer.text
    assert secret not in answer.text
    assert not ApiKey.objects.exists() and not Account.objects.exists()


@pytest.mark.parametrize(
    ("secret", "next_step"),
    [
        pytest.param("sandbox-fault-html", "Try again in a few minutes.", id="F5-html"),
        pytest.param("sandbox-fault-reset", "Try again in a few minutes.", id="F3-reset"),
        pytest.param("sandbox-fault-rate_daily", "Try again after midnight UTC.", id="F22-daily"),
    ],
)
def test_what_to_do_about_a_key_that_was_not_kept_speaks_of_no_picture(
    as_alice, sandbox, secret, next_step
):
    page = post(as_alice, secret=secret)

    assert page.status_code == 422
    assert f"{next_step} Nothing was saved, and no credit was spent." in page.text
    assert "picture" not in page.text and "We go on" not in page.text


def test_k4_a_refused_key_is_saved_as_such_when_the_user_says_so(as_alice, sandbox):
    first = post(as_alice, secret="wrong-key-1")
    assert 'type="checkbox" name="anyway"' in first.text

    post(as_alice, secret="wrong-key-1", anyway="on")

    key = ApiKey.objects.get()
    assert (key.accepted_at, key.refusals, key.refusal) == (None, 1, "bad_key")
    assert Snapshot.objects.get().error == "bad_key"


def test_f18_a_key_kept_while_it_is_limited_rests_and_is_not_called_tested(as_alice, sandbox):
    post(as_alice, secret="sandbox-fault-rate_daily", anyway="on")

    key = ApiKey.objects.get()
    assert (key.rest_reason, key.tested_at, key.accepted_at) == ("rate_daily", None, None)
    assert "Resting" in as_alice.get("/teams/acme/keys/").text


def test_k3_the_same_key_twice_in_a_team_is_named_but_not_across_teams(
    as_alice, client, mallory, evil, wire
):
    post(as_alice, secret="the-very-same-key")
    again = post(as_alice, label="Again", secret="the-very-same-key")
    client.force_login(mallory)

    elsewhere = post(client, "/teams/evil/keys/add/", secret="the-very-same-key")

    assert "This key was already added as “Shop”." in again.text
    assert elsewhere.status_code == 302
    assert ApiKey.objects.count() == 2


def test_months_that_fail_half_way_leave_the_key_and_are_read_later(as_alice, wire):
    broken = threading.Event()

    def say(query, key):
        if "listBillingCycles" in query:
            return Answer(listed(PAST, NOW))
        if "year" in query and len(wire.asked) > 6:
            broken.set()
            return Answer(b"", 500)
        return Answer({"app_usage": 1, "api_usage": 2} if "year" in query else usage())

    wire.say = say

    answer = post(as_alice)

    assert answer.status_code == 302 and broken.is_set()
    assert ApiKey.objects.count() == 1 and Cycle.objects.count() == 2
    assert CalendarMonth.objects.count() == 4
    assert Snapshot.objects.filter(mode="month", outcome="failed").count() == 1


def test_d14_a_second_key_of_an_account_is_proposed_as_the_same(as_alice, sandbox, acme):
    post(as_alice, label="Main")

    answer = as_alice.post(
        URL,
        {"label": "Backup", "secret": "sandbox-premium-2", "account": "new"},
        follow=True,
    )

    main, twin = Account.objects.order_by("created_at")
    assert twin.same_as == main
    assert "This key answers the same numbers as “Main”." in answer.text
    assert list(Account.objects.counted()) == [main]


def test_a_key_is_filed_under_the_account_named_if_the_answers_agree(as_alice, sandbox):
    post(as_alice, label="Main")
    main = Account.objects.get()

    agree = post(as_alice, label="Backup", secret="sandbox-premium-2", account=str(main.pk))
    other = post(as_alice, label="Other", secret="sandbox-calendar", account=str(main.pk))

    assert agree.status_code == 302 and main.api_keys.count() == 2
    assert other.status_code == 422
    assert "This key does not answer for “Main”" in other.text
    assert Account.objects.count() == 1


def test_an_account_of_another_team_cannot_be_named(as_alice, wire, evil):
    foreign = Account.objects.create(team=evil, label="Theirs")

    assert post(as_alice, account=str(foreign.pk)).status_code == 422
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("name", ["mel", "victor"])
def test_t2_only_admins_add_keys(client, request, wire, name):
    client.force_login(request.getfixturevalue(name))

    assert client.get(URL).status_code == 403
    assert post(client).status_code == 403
    assert wire.asked == []


def test_k15_nothing_is_asked_while_keys_are_locked(as_alice, key, wire, settings):
    settings.ENCRYPTION_KEYS = ["k1:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="]

    answer = post(as_alice, label="Other")

    assert answer.status_code == 503 and wire.asked == []


@pytest.mark.django_db(transaction=True)
def test_nothing_is_asked_inside_a_transaction(acme, alice, wire, no_network_in_atomic):
    wire.by_mode(current=usage(), cycles=listed(PAST, NOW))

    added = add_keys.add_key(acme, label="Shop", secret="a-good-key", by=alice, at=NOON)

    assert (added.cycles, added.months) == (2, 12)
    assert no_network_in_atomic and not any(no_network_in_atomic)


def test_a_replaced_key_answers_for_the_same_account(noon, as_alice, account, wire):
    key = file_key(account, "the-old-secret")
    wire.by_mode(current=usage(), cycles=listed(PAST, NOW))
    poll(account, at=noon - HOUR)
    url = f"/teams/acme/keys/{key.pk}/replace/"

    answer = as_alice.post(url, {"secret": "the-new-secret"})

    assert answer.status_code == 302
    key.refresh_from_db()
    assert key.open() == "the-new-secret" and key.replaced_at and key.accepted_at
    assert AuditEntry.objects.get(action="key.replaced").details["likeness"] == "same"


def test_a_key_of_another_account_takes_the_place_only_when_confirmed(
    noon, as_alice, account, wire
):
    key = file_key(account, "the-old-secret")
    wire.by_mode(current=usage(), cycles=listed(PAST, NOW))
    poll(account, at=noon - HOUR)
    wire.by_mode(current=usage(), cycles=listed((PAST[0], PAST[1], 5, 5), NOW))
    url = f"/teams/acme/keys/{key.pk}/replace/"

    refused = as_alice.post(url, {"secret": "the-new-secret"})
    key.refresh_from_db()
    assert refused.status_code == 422 and key.open() == "the-old-secret"
    assert 'type="checkbox" name="confirmed"' in refused.text

    confirmed = as_alice.post(url, {"secret": "the-new-secret", "confirmed": "on"})

    key.refresh_from_db()
    assert confirmed.status_code == 302 and key.open() == "the-new-secret"


def test_d19_a_key_of_which_little_is_known_takes_the_place_only_when_confirmed(
    noon, as_alice, account, wire
):
    key = file_key(account, "the-old-secret")
    month = {"start": datetime(2026, 11, 1, tzinfo=UTC), "end": datetime(2026, 12, 1, tzinfo=UTC)}
    wire.by_mode(current=usage(app=0, api=3, stripeBillingSynced=False, **month))
    poll(account, at=noon - HOUR)
    url = f"/teams/acme/keys/{key.pk}/replace/"

    refused = as_alice.post(url, {"secret": "the-new-secret"})
    confirmed = as_alice.post(url, {"secret": "the-new-secret", "confirmed": "on"})

    assert "do not show which account this key is of" in refused.text
    assert (refused.status_code, confirmed.status_code) == (422, 302)


def test_a_refused_key_takes_nobodys_place(as_alice, account, wire):
    key = file_key(account, "the-old-secret")
    wire.always({"error": "invalid api key"}, status=401)

    answer = as_alice.post(f"/teams/acme/keys/{key.pk}/replace/", {"secret": "the-new-secret"})

    key.refresh_from_db()
    assert answer.status_code == 422 and key.open() == "the-old-secret"


def test_what_was_typed_stays_but_the_secret(as_alice, wire):
    wire.always({"error": "invalid api key"}, status=401)

    answer = post(as_alice, label="My label", account_label="My account", secret="secret-4f2a")

    assert 'value="My label"' in answer.text and 'value="My account"' in answer.text
    assert "secret-4f2a" not in answer.text


def test_when_the_clock_of_the_answers_is_kept(acme, alice, wire):
    began = time.monotonic()

    add_keys.add_key(acme, label="Shop", secret="a-good-key", by=alice, at=NOON)

    first = Snapshot.objects.get(mode="current")
    assert NOON <= first.asked_at <= NOON + timedelta(seconds=time.monotonic() - began)
    assert first.asked_at < datetime.now(UTC)


def test_who_replaces_a_key_that_was_replaced_meanwhile_hears_so(alice, key, sandbox):
    key.seal("sandbox-premium")
    key.save()
    stale = ApiKey.objects.get(pk=key.pk)
    key.replace("sandbox-premium-2", at=NOON)

    with pytest.raises(add_keys.Overtaken):
        add_keys.replace_key(stale, secret="sandbox-late", by=alice, at=NOON, confirmed=True)

    assert ApiKey.objects.get().open() == "sandbox-premium-2"
    assert not Snapshot.objects.exists()
    assert not AuditEntry.objects.filter(action="key.replaced").exists()


def test_a_key_that_was_archived_meanwhile_keeps_no_secret(alice, key, sandbox):
    stale = ApiKey.objects.get(pk=key.pk)
    key.archive(at=NOON)

    with pytest.raises(add_keys.Overtaken):
        add_keys.replace_key(stale, secret="sandbox-premium", by=alice, at=NOON, confirmed=True)

    row = ApiKey.objects.get()
    assert (row.kid, bytes(row.blob), row.fingerprint) == ("", b"", "")


def test_archiving_forgets_whatever_secret_is_in_the_row_by_then(key):
    stale = ApiKey.objects.get(pk=key.pk)
    key.replace("sandbox-premium-2", at=NOON)

    assert stale.archive(at=NOON)

    assert ApiKey.objects.get().kid == ""


@pytest.mark.parametrize("anyway", [False, True])
def test_no_key_is_filed_under_an_account_that_was_archived_meanwhile(
    acme, alice, account, sandbox, anyway
):
    stale = Account.objects.get(pk=account.pk)
    account.archive(at=NOON)
    secret = "wrong-key-1" if anyway else "sandbox-premium"

    with pytest.raises(add_keys.Overtaken):
        add_keys.add_key(
            acme, label="New", secret=secret, account=stale, by=alice, at=NOON, anyway=anyway
        )

    assert not ApiKey.objects.exists()
