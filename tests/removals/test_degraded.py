"""An account that answers with small pictures has run out (contract 1): it pays for no more."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from dashboard.gateway.issuing import Terms, issue
from dashboard.keys.models import Account
from dashboard.removals.models import Removal
from dashboard.teams.models import AuditEntry, Membership
from dashboard.usage.polling.ask import poll
from tests.conftest import add_key
from tests.rembg.conftest import drawn
from tests.rembg.hostile import hostile, http
from tests.removals.conftest import JSON

PHOTO = drawn(640, 480, "PNG")
WHOLE = http(200, drawn(640, 480, "WEBP"), Content_Type="image/webp")
SMALL = http(200, drawn(400, 300, "WEBP"), Content_Type="image/webp")


@pytest.fixture
def upstream(settings):
    """What answers one key with a small picture, and others with a whole one."""

    def script(line):
        line.request()
        line.send(SMALL if b"canary-out" in line.server.heads[-1] else WHOLE)

    with hostile(script) as server:
        settings.REMBG_API_URL = server.url
        yield server


@pytest.fixture
def empty(acme, key) -> Account:
    """The account that would be chosen first, were it not out of credits."""
    account = acme.accounts.create(label="Another", spendable_credits=9_000)
    add_key(account, "canary-out-of-credits", "Another")
    return account


def reading(account, sandbox, settings, secret):
    """Let RemBG be the sandbox, and read an account of it."""
    settings.REMBG_SITE_URL = sandbox.url
    account.refresh_from_db()
    key = account.api_keys.get()
    key.replace(secret, at=timezone.now())
    return poll(account, at=timezone.now() + timedelta(seconds=1))


def test_a_degraded_answer_takes_its_account_out_of_the_choice(desk, upstream, empty, account):
    removals = [desk.remove(PHOTO, name=f"{number}.png") for number in range(3)]

    assert [(one.account, one.degraded) for one in removals] == [
        (empty, True),
        (account, False),
        (account, False),
    ]
    empty.refresh_from_db()
    assert empty.degraded_at is not None


def test_a_degraded_answer_through_the_gateway_does_so_too(client, acme, mel, upstream, empty):
    _, secret = issue(Membership.objects.get(team=acme, user=mel), Terms("k"), at=timezone.now())
    upload = lambda: client.post(  # noqa: E731
        "/rmbg", {"image": SimpleUploadedFile("a.png", PHOTO)}, headers={"x-api-key": secret}
    )

    first, second = upload(), upload()

    assert "small picture" in first["X-Notice"]
    assert "X-Notice" not in second
    assert Removal.objects.filter(account=empty).count() == 1


def test_where_every_account_is_degraded_nothing_is_spent(desk, upstream, empty, account):
    Account.objects.update(degraded_at=timezone.now())

    removal = desk.remove(PHOTO)

    assert (removal.state, removal.error, removal.charged) == ("failed", "degraded", "no")
    assert upstream.connections == 0


def test_an_account_that_was_asked_for_by_name_is_taken_all_the_same(desk, upstream, empty):
    Account.objects.filter(pk=empty.pk).update(degraded_at=timezone.now())

    removal = desk.remove(PHOTO, account=str(empty.pk))

    assert (removal.state, removal.account, removal.degraded) == ("done", empty, True)


def test_a_later_reading_that_shows_credits_ends_it(desk, upstream, empty, sandbox, settings):
    desk.remove(PHOTO)

    assert reading(empty, sandbox, settings, "sandbox-premium-2").is_good

    empty.refresh_from_db()
    assert empty.degraded_at is None


def test_a_reading_asked_before_it_or_without_credits_does_not_end_it(empty):
    at = timezone.now()
    Account.objects.filter(pk=empty.pk).update(degraded_at=at)
    empty.refresh_from_db()
    window = {"cycle_start_at": None, "cycle_end_at": None}

    empty.note_standing(spendable=500, asked_at=at - timedelta(seconds=1), **window)
    empty.note_standing(spendable=0, asked_at=at + timedelta(seconds=1), **window)
    empty.note_standing(spendable=None, asked_at=at + timedelta(seconds=1), **window)

    empty.refresh_from_db()
    assert empty.degraded_at == at


def test_it_is_said_everywhere(client, acme, alice, empty, settings):
    Account.objects.filter(pk=empty.pk).update(degraded_at=timezone.now())
    client.force_login(alice)
    page = f"/teams/acme/accounts/{empty.pk}/"

    assert "answers with small pictures" in client.get("/teams/acme/").content.decode()
    assert "answers with small pictures" in client.get(page).content.decode()
    assert "Small pictures" in client.get("/teams/acme/keys/").content.decode()
    told = client.get("/api/v1/teams/acme/accounts", headers=JSON).json()["accounts"]
    assert [bool(one["degraded_at"]) for one in told if one["label"] == "Another"] == [True]
    metrics = client.get("/metrics").content.decode()
    assert f'dashboard_account_degraded{{account="{empty.pk}",team="acme"}} 1.0' in metrics


def test_a_person_says_that_it_is_well(client, acme, alice, empty):
    Account.objects.filter(pk=empty.pk).update(degraded_at=timezone.now())
    client.force_login(alice)

    client.post(f"/teams/acme/accounts/{empty.pk}/use-again/")

    empty.refresh_from_db()
    assert empty.degraded_at is None
    assert AuditEntry.objects.get(action="account.used_again").subject == "Another"
