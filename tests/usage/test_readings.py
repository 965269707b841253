"""Where a number comes from is a page of its own, and a panel."""

from __future__ import annotations

import pytest

from dashboard.usage.models import Snapshot
from dashboard.usage.polling.ask import poll
from tests.conftest import NOON
from tests.usage.conftest import usage


@pytest.fixture
def reading(wire, key, account) -> Snapshot:
    """A good reading of the account."""
    wire.by_mode(current={**usage(), "moon": "<b>full</b>"})
    return poll(account, at=NOON)


@pytest.fixture
def url(reading, account) -> str:
    return f"/teams/acme/accounts/{account.pk}/readings/{reading.pk}/"


def test_it_tells_call_moment_status_and_key(client, victor, url):
    client.force_login(victor)

    page = client.get(url).text

    assert "GET /api/membership-usage?expand=billing_cycle" in page
    assert "18 Nov 2026, 12:00:00" in page and "200" in page and "••••mium" in page


@pytest.mark.parametrize(("name", "shown"), [("adam", True), ("mel", False), ("victor", False)])
def test_the_raw_answer_is_for_admins_and_is_escaped(client, request, url, name, shown):
    client.force_login(request.getfixturevalue(name))

    page = client.get(url).text

    assert ("&lt;b&gt;full" in page) is shown
    assert "<b>full" not in page


def test_the_panel_is_the_same_without_the_page(client, victor, url):
    client.force_login(victor)

    answer = client.get(url, headers={"HX-Request": "true"})

    assert "<html" not in answer.text and "expand=billing_cycle" in answer.text


def test_a_failed_reading_says_what_happened_and_what_to_do(client, victor, wire, account, key):
    wire.always({"error": "Email address not verified – please check your inbox"}, status=403)
    failed = poll(account, at=NOON)
    client.force_login(victor)

    page = client.get(f"/teams/acme/accounts/{account.pk}/readings/{failed.pk}/").text

    assert "not verified" in page and "403" in page


def test_the_list_is_paginated_newest_first(client, victor, url, account):
    Snapshot.objects.bulk_create(
        Snapshot(account=account, mode="current", outcome="failed", asked_at=NOON.replace(day=day))
        for day in range(1, 18)
        for _ in range(4)
    )
    client.force_login(victor)

    first = client.get(f"/teams/acme/accounts/{account.pk}/readings/").text
    second = client.get(f"/teams/acme/accounts/{account.pk}/readings/?page=2").text

    assert first.index("18 Nov 2026") < first.index("17 Nov 2026")
    assert "1–25 of" in first and "12 Nov 2026" in second


def test_t1_a_reading_is_found_under_its_own_account_only(client, alice, url, acme, reading):
    client.force_login(alice)
    other = acme.accounts.create(label="Other")

    assert client.get(f"/teams/acme/accounts/{other.pk}/readings/{reading.pk}/").status_code == 404
