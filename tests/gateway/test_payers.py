"""Which account pays (another one only before a byte was sent), and what is kept of a call."""

import io
import threading
from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from dashboard.keys.models import Account, ApiKey
from dashboard.removals import files
from dashboard.removals.models import Removal, Source
from tests.conftest import add_key
from tests.gateway.conftest import ANSWER, PICTURE, issued
from tests.rembg.samples import GPS, exif_of, saved

DAY = timedelta(days=1)


@pytest.fixture
def reserve(acme) -> Account:
    """A second account of Acme, with fewer credits than the first."""
    account = Account.objects.create(team=acme, label="Reserve", spendable_credits=10)
    add_key(account, "sandbox-reserve", "Reserve")
    return account


@pytest.fixture
def main(account, key) -> Account:
    """The first account, with credits."""
    Account.objects.filter(pk=account.pk).update(spendable_credits=500)
    account.refresh_from_db()
    return account


def paid_by():
    return list(Removal.objects.order_by("queued_at").values_list("account__label", flat=True))


def change(row, **values):
    """Write values into a row; a length of time is so far from now."""
    now = timezone.now()
    found = {
        name: now + value if isinstance(value, timedelta) else value
        for name, value in values.items()
    }
    type(row).objects.filter(pk=row.pk).update(**found)


EMPTY = {"spendable_credits": 0}
NOW = timedelta()
PAUSED = {"paused_at": NOW}
RESTING = {"resting_until": DAY, "rest_reason": "rate_monthly"}


def test_the_account_with_most_to_spend_pays(gateway, stage, main, reserve, mine):
    _, secret = issued(mine)

    assert gateway.call(secret).status_code == 200
    change(main, spendable_credits=5)
    assert gateway.call(secret).status_code == 200

    assert paid_by() == ["Main", "Reserve"]


@pytest.mark.parametrize("of_account", [EMPTY, {"archived_at": NOW}, {}])
@pytest.mark.parametrize("of_key", [PAUSED, RESTING, {"archived_at": NOW}, {}])
def test_another_account_pays_where_the_named_one_cannot(
    gateway, stage, main, reserve, key, mine, of_account, of_key
):
    _, secret = issued(mine, account=main, falls_over=True)
    change(main, **of_account)
    change(key, **of_key)

    assert gateway.call(secret).status_code == 200

    assert paid_by() == ["Reserve" if of_account or of_key else "Main"]
    assert len(stage.bodies) == 1


@pytest.mark.parametrize(
    ("of_key", "status", "code"),
    [
        (RESTING, 429, "rate_monthly"),
        ({"resting_until": DAY / 24 / 4, "rest_reason": "rate_short"}, 429, "rate_short"),
        (PAUSED, 502, "keys_refused"),
    ],
    ids=["monthly", "short", "paused"],
)
def test_without_leave_no_other_account_pays(
    gateway, stage, main, reserve, key, mine, of_key, status, code
):
    _, secret = issued(mine, account=main)
    change(key, **of_key)

    answer = gateway.call(secret)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["X-Credits-Charged"] == "0"
    assert ("Retry-After" in answer.headers) == (code == "rate_short")
    assert not stage.bodies
    assert not Removal.objects.exists()


def test_an_account_known_to_be_empty_is_still_asked_where_it_alone_may_pay(
    gateway, stage, sandbox, main, reserve, mine
):
    """What we know of its credits may be old; asking costs nothing."""
    _, secret = issued(mine, account=main)
    change(main, **EMPTY)

    assert gateway.call(secret).status_code == 200
    assert paid_by() == ["Main"]


def test_after_a_byte_was_sent_nobody_else_pays_and_the_next_call_goes_elsewhere(
    gateway, stage, sandbox, account, reserve, mine
):
    change(account, spendable_credits=500)
    add_key(account, "sandbox-fault-rate_monthly")
    _, secret = issued(mine, account=account, falls_over=True)

    first, second = gateway.call(secret), gateway.call(secret)

    assert (first.status_code, first.json()["code"]) == (429, "rate_monthly")
    assert "Retry-After" not in first.headers
    assert second.status_code == 200
    assert paid_by() == ["Main", "Reserve"]
    assert len(stage.bodies) == 2
    assert sandbox.ledger("sandbox-fault-rate_monthly") == []
    assert len(sandbox.ledger("sandbox-reserve")) == 1


def test_f15_a_key_that_was_refused_twice_is_not_sent_a_third_time(
    gateway, stage, account, reserve, mine
):
    change(account, spendable_credits=500)
    bad = add_key(account, "sandbox-fault-bad_key")
    _, secret = issued(mine, account=account, falls_over=True)

    seen = [gateway.call(secret).status_code for _ in range(3)]

    assert seen == [502, 502, 200]
    assert ApiKey.objects.get(pk=bad.pk).paused_at is not None
    assert paid_by() == ["Main", "Main", "Reserve"]


def test_a_team_without_a_key_is_told(gateway, stage, mine):
    _, secret = issued(mine)

    answer = gateway.call(secret)

    sentence = "This team has no RemBG key yet. An admin can add one on the keys page."
    assert (answer.status_code, answer.json()["error"]) == (503, sentence)
    assert not stage.bodies


# ── What is kept ─────────────────────────────────────────────────────────────
@pytest.fixture
def call(client, sandbox, mine, key, files_here):
    """Call in this process, whose storage can be looked into."""
    virtual, secret = issued(mine, "Robot", tag="spring")

    def send(image=PICTURE, **headers):
        answer = client.post(
            "/rmbg",
            {"image": named(image), "format": "png"},
            headers={"x-api-key": secret, **headers},
        )
        assert answer.status_code == 200, answer.content
        return b"".join(answer.streaming_content)

    return send


def named(content):
    file = io.BytesIO(content)
    file.name = "cat.jpg"
    return file


def stored(name):
    with files.opened(name) as file:
        return file.read()


def test_by_default_no_picture_of_a_call_is_kept(call, files_here):
    call()

    assert [path for path in files_here.rglob("*") if path.is_file()] == []
    removal = Removal.objects.get()
    assert (removal.picture, removal.result, removal.thumbnail) == ("", "", "")
    assert not removal.has_files
    assert list(django_settings.FILE_UPLOAD_TEMP_DIR.iterdir()) == []


def test_where_the_team_wants_it_both_pictures_are_kept_and_shown(call, acme, mel, files_here):
    acme.keeps_api_pictures = True
    acme.save()
    image = saved("jpeg", size=(60, 45), exif=exif_of(6))
    assert GPS.encode() in image

    result = call(image)

    removal = Removal.objects.get()
    kept = stored(removal.picture)
    assert GPS.encode() not in kept
    assert b"CANARY" not in kept
    assert Image.open(io.BytesIO(kept)).size == (60, 45)
    assert stored(removal.result) == result
    browser = Client()
    browser.force_login(mel)
    page = browser.get("/teams/acme/removals/").content.decode()
    assert "cat.jpg" in page
    shown = browser.get(f"/teams/acme/removals/{removal.pk}/result")
    assert b"".join(shown.streaming_content) == result


def test_the_row_says_who_called_with_what(call, mel):
    call()

    removal = Removal.objects.get()
    assert (removal.source, removal.user, removal.member) == (Source.GATEWAY, mel, str(mel))
    assert (removal.virtual_key_label, removal.tag) == ("Robot", "spring")
    assert (removal.width, removal.height) == (60, 45)
    assert removal.result_type == "image/png"
    assert removal.request_id


def test_a_call_is_seen_on_the_removals_page_without_its_pictures(call, mel):
    call()
    browser = Client()
    browser.force_login(mel)

    page = browser.get("/teams/acme/removals/")

    assert page.status_code == 200
    assert "cat.jpg" in page.content.decode()
    removal = Removal.objects.get()
    assert browser.get(f"/teams/acme/removals/{removal.pk}/").status_code == 200
    assert browser.get(f"/teams/acme/removals/{removal.pk}/result").status_code in (404, 410)


def test_with_an_idempotency_key_the_answer_is_kept_for_a_day_and_then_goes(call, acme):
    call(**{"Idempotency-Key": "once"})

    removal = Removal.objects.get()
    assert removal.picture == ""
    assert files.exists(removal.result)
    assert removal.keep_until - removal.queued_at <= timedelta(hours=24)
    assert Removal.objects.past_keeping(at=timezone.now() + DAY).get() == removal
    assert not Removal.objects.past_keeping(at=timezone.now()).exists()


def test_what_is_paid_is_answered_even_when_budgets_cannot_be_read_any_more(
    gateway, stage, mine, key
):
    """Their table is away while RemBG works and until it has answered; what is left was told."""
    _, secret = issued(mine, hard=3)

    def play(scene):
        scene.take()
        rename("removals_spending", "away")
        scene.give(ANSWER)

    stage.play = play
    try:
        answer = gateway.call(secret)
    finally:
        rename("away", "removals_spending")

    assert (answer.status_code, answer.content) == (200, ANSWER)
    assert answer.headers["X-Credits-Charged"] == "1"
    assert answer.headers["X-Budget-Remaining"] == "2"
    assert Removal.objects.get().charged == "yes"


def rename(table, name):
    """Rename a table, from whichever thread."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")
    if threading.current_thread() is not threading.main_thread():
        connection.close()
