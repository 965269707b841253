"""A 429 rests a key for as long, whoever met it: a removal, a reading, or a person's test."""

from datetime import UTC, timedelta

import pytest
from django.utils import timezone

from dashboard.keys.models import ApiKey
from tests.conftest import add_key
from tests.rembg.hostile import always, hostile, refusal
from tests.removals.conftest import desk_of

DAY = timedelta(days=1)
DAILY = "You've reached your daily limit."
MONTHLY = "You've reached your monthly limit. Consider purchasing more credits."
SHORT = "Too many requests"


def remove(key, mel, adam):
    desk = desk_of(mel)
    desk.work(desk.queue())


def read(key, mel, adam):
    desk_of(mel).browser.post(f"/teams/acme/accounts/{key.account_id}/refresh/")


def test_by_hand(key, mel, adam):
    desk_of(adam).browser.post(f"/teams/acme/keys/{key.pk}/test/")


test_by_hand.__test__ = False
WAYS = pytest.mark.parametrize("way", [remove, read, test_by_hand])


@pytest.fixture
def limited(settings, key):
    """Answer everything about the account of `key` with a 429."""

    def limit(text, way, *people, **headers):
        with hostile(always(refusal(429, text, **headers))) as server:
            settings.REMBG_API_URL = settings.REMBG_SITE_URL = server.url
            way(key, *people)
        return ApiKey.objects.get(pk=key.pk)

    return limit


@WAYS
def test_f18_a_daily_limit_rests_every_key_until_midnight(limited, account, mel, adam, way):
    twin = add_key(account, "the-other-key-of-it", "Twin")

    key = limited(DAILY, way, mel, adam)

    twin.refresh_from_db()
    tomorrow = timezone.now().astimezone(UTC) + DAY
    assert key.resting_until == tomorrow.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (twin.resting_until, twin.rest_reason) == (key.resting_until, "rate_daily")


@WAYS
def test_f19_a_monthly_limit_rests_a_key_until_the_cycle_ends(limited, account, mel, adam, way):
    now = timezone.now()
    account.cycle_start_at, account.cycle_end_at = now - DAY, now + 9 * DAY
    account.save()

    assert limited(MONTHLY, way, mel, adam).resting_until == account.cycle_end_at


@WAYS
def test_f19_where_no_cycle_is_known_a_calendar_month_counts(limited, mel, adam, way):
    until = limited(MONTHLY, way, mel, adam).resting_until.astimezone(UTC)

    assert (until.day, until.hour, until.minute) == (1, 0, 0)
    assert timedelta() < until - timezone.now() <= 31 * DAY


@WAYS
def test_f17_a_short_limit_rests_one_key_for_as_long_as_was_asked(limited, account, mel, adam, way):
    twin = add_key(account, "the-other-key-of-it", "Twin")
    before = timezone.now()

    key = limited(SHORT, way, mel, adam, Retry_After=40)

    # A removal adds up to a quarter, so that not all come back at once.
    assert before + timedelta(seconds=40) <= key.resting_until
    assert key.resting_until <= timezone.now() + timedelta(seconds=50)
    assert twin.resting_until is None
