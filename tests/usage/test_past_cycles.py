"""A past cycle is drawn the same after its readings were thinned."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine

from dashboard.keys.models import Account
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.polling.thinning import thin
from tests.usage.conftest import END, START

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = END + 60 * DAY
MUCH_LATER = END + 420 * DAY
KEY = f"{int(START.timestamp())}-stripe"


def written(account: Account) -> None:
    """Read a cycle each hour: a hole of a day, a top-up, a change of the plan, a correction."""
    facts = {
        "account": account,
        "mode": "current",
        "outcome": "ok",
        "query": "expand=billing_cycle",
    }
    facts |= {"api_usage": 0, "period_start_at": START, "period_end_at": END}
    facts |= {"synced": True, "kind": "stripe"}
    rows = []
    for n in range(1, int((END - START) / HOUR)):
        day = n // 24
        if day == 9:
            continue
        included = 18500 if day < 20 else 30000
        used = n * 10 - (500 if day >= 15 else 0)
        rows.append(
            Snapshot(
                asked_at=START + n * HOUR,
                included_credits=included,
                remaining_included_credits=included - used,
                prepaid_credits=2000 if day < 12 else 2600,
                app_usage=used,
                **facts,
            )
        )
    Snapshot.objects.bulk_create(rows)
    # One that is never too old: what came after.
    Snapshot.objects.create(
        asked_at=END + DAY,
        included_credits=30000,
        app_usage=5,
        **{**facts, "period_start_at": END, "period_end_at": END + 30 * DAY},
    )
    Cycle.objects.create(
        account=account,
        kind="stripe",
        start_at=START,
        end_at=END,
        app_usage=rows[-1].app_usage + 10,
        api_usage=0,
        asked_at=END + DAY,
        first_seen_at=START,
        included_credits=30000,
        snapshot=Snapshot.objects.latest("asked_at"),
    )


@pytest.fixture
def chart(client, victor, account):
    written(account)

    def get(at):
        with time_machine.travel(at, tick=False):
            client.force_login(victor)
            url = f"/teams/acme/accounts/{account.pk}/this-cycle.json"
            return client.get(url, {"cycle": KEY}).json()

    return get


def marks(chart) -> list[str]:
    return [mark["label"] for mark in chart["marks"]]


def left(chart) -> list[dict]:
    return next(one for one in chart["series"] if one["role"] == "left")["data"]


HAPPENED = ["No readings", "Top-up: +600 prepaid", "RemBG corrected usage: 3,590 → 3,100"]
HAPPENED += ["Allowance: 18,500 → 30,000"]


def test_a_few_readings_a_day_draw_the_same_course_as_all_did(chart, account):
    before = chart(LATER)
    still_there(account)
    thin(account, at=MUCH_LATER)
    after = chart(MUCH_LATER)

    assert 55 < account.snapshots.filter(period_start_at=START).count() < 160
    assert marks(before)[:4] == marks(after)[:4] == HAPPENED
    assert left(after)[-1] == left(before)[-1]
    assert [dot["y"] for dot in left(after)].count(None) == 1, "the day that was not read"
    assert after["table"]["rows"] == before["table"]["rows"]


def still_there(account: Account) -> None:
    """Read it once more, so that nothing before is the newest."""
    newest = Snapshot.objects.latest("asked_at")
    newest.pk, newest.asked_at, newest.app_usage = uuid.uuid4(), MUCH_LATER, 9
    newest.save(force_insert=True)


def test_its_numbers_still_lead_to_their_source(client, victor, chart, account):
    still_there(account)
    thin(account, at=MUCH_LATER)

    client.force_login(victor)
    page = client.get(f"/teams/acme/accounts/{account.pk}/", {"cycle": KEY})
    source = Cycle.objects.get().snapshot_id

    assert f"readings/{source}/" in page.text
    assert client.get(f"/teams/acme/accounts/{account.pk}/readings/{source}/").status_code == 200


def test_d8_a_switch_of_synced_is_marked_on_the_cycle_it_happened_in(chart, account):
    month = START.replace(day=1, hour=0, minute=0, second=0)
    Snapshot.objects.filter(asked_at__gt=START + 20 * DAY, asked_at__lt=START + 21 * DAY).update(
        kind="calendar", synced=False, period_start_at=month, period_end_at=month + 30 * DAY
    )

    roles = [mark["label"] for mark in chart(LATER)["marks"] if mark["role"] == "switch"]

    assert roles == ["RemBG counts by calendar month", "RemBG is in step with Stripe"]


def test_a_switch_out_of_a_window_is_marked_after_thinning_too(chart, account):
    out = START + 20 * DAY
    readings = Snapshot.objects.filter(asked_at__gte=out, period_start_at=START)
    month = START.replace(day=1, hour=0, minute=0, second=0)
    readings.update(kind="calendar", synced=False, period_start_at=month)

    before = chart(LATER)
    still_there(account)
    thin(account, at=MUCH_LATER)
    after = chart(MUCH_LATER)

    switch = "RemBG counts by calendar month"
    assert [switch in marks(one) for one in (before, after)] == [True, True]
