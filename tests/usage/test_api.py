"""The JSON API says what the sandbox says, in the fields that the issue names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F
from django.utils import timezone
from ninja import NinjaAPI
from ninja.testing import TestClient

from dashboard.keys.models import Account
from dashboard.teams.api import answer_errors
from dashboard.usage.api import router
from dashboard.usage.api_history import router as history
from dashboard.usage.models import Snapshot
from dashboard.usage.outlook import look_ahead
from dashboard.usage.polling.ask import poll
from tests.conftest import NOON, add_key
from tests.usage.conftest import END, MADE, START, listed, usage

FIELDS = [
    "id",
    "label",
    "plan",
    "included_credits",
    "used_included_credits",
    "remaining_included_credits",
    "prepaid_credits",
    "spendable_credits",
    "cycle",
    "as_of",
    "stale",
    "since_credits",
    "degraded_at",
]


@pytest.fixture
def get(alice):
    """Ask the API as Alice."""
    api = NinjaAPI(urls_namespace="usage-tests", auth=lambda request: alice)
    answer_errors(api)
    router.api = history.api = None
    api.add_router("/", router)
    api.add_router("/", history)
    client = TestClient(api)
    yield lambda path, **query: client.get(path, query_params=query)
    router.api = history.api = None


def test_accounts_have_exactly_the_named_fields(get, wire, key, account):
    wire.by_mode(current=usage())
    poll(account, at=NOON)

    (found,) = get("/teams/acme/accounts").json()["accounts"]

    assert list(found) == FIELDS
    assert found["cycle"] == {
        "period_start_unix": int(START.timestamp()),
        "period_end_unix": int(END.timestamp()) - 1,
        "kind": "stripe",
    }
    numbers = ("included", "used_included", "remaining_included", "prepaid", "spendable")
    assert [found[f"{name}_credits"] for name in numbers] == [18500, 9300, 9200, 2000, 11200]
    assert found["since_credits"] == 0
    assert datetime.fromisoformat(found["as_of"]) == NOON


def test_an_account_not_read_yet_is_all_unknown(get, account):
    (found,) = get("/teams/acme/accounts").json()["accounts"]

    assert (found["spendable_credits"], found["cycle"], found["as_of"]) == (None, None, None)
    assert found["stale"] is False


@pytest.mark.parametrize(
    "secret",
    [
        "sandbox-premium",
        "sandbox-calendar",
        "sandbox-switch",
        "sandbox-idle",
        "sandbox-late",
    ],
)
def test_d15_each_cycle_that_the_sandbox_lists_stands_here_with_its_counters(
    get, sandbox, account, secret
):
    add_key(account, secret)
    now = timezone.now()
    sandbox.set_clock(secret, now)  # Its counters rise with each hour.
    poll(account, at=now)

    there = sandbox.get("/api/membership-usage", secret, listBillingCycles=1)["billingCycles"]
    here = get(f"/teams/acme/accounts/{account.pk}/cycles").json()["cycles"]

    by_start = {(one["period_start_unix"]): one for one in here}
    for cycle in there:
        start = cycle["periodStartUnix"]
        told = {"periodStartUnix": start, "expand": "billing_cycle"}
        block = sandbox.get("/api/membership-usage", secret, **told)["billingCycle"]
        mine = by_start[start]
        # The list's own end may be months late, or cut short by a window of the other kind.
        assert mine["period_end_unix"] == block["periodEndUnix"]
        assert mine["kind"] == ("stripe" if block["stripeBillingSynced"] else "calendar")
        assert (mine["app_usage"], mine["api_usage"]) == (cycle["appUsage"], cycle["apiUsage"])
    assert list(here[0]) == [
        "period_start_unix",
        "period_end_unix",
        "app_usage",
        "api_usage",
        "kind",
        "period_end_source",
    ]
    starts = [one["period_start_unix"] for one in here]
    assert starts == sorted(starts, reverse=True)


def test_d8_the_switching_account_has_both_kinds(get, sandbox, account):
    add_key(account, "sandbox-switch")
    poll(account, at=timezone.now())

    kinds = {
        one["kind"] for one in get(f"/teams/acme/accounts/{account.pk}/cycles").json()["cycles"]
    }

    assert kinds == {"stripe", "calendar"}


def test_d14_a_twin_is_left_out(get, wire, key, account, acme):
    wire.by_mode(current=usage(), cycles=listed((START, END, 4200, 5100)))
    twin = Account.objects.create(team=acme, label="Twin", created_at=NOON, cycles_due_at=MADE)
    add_key(twin, "another-key", "Second")
    for one in (account, twin):
        poll(one, at=NOON)

    labels = [one["label"] for one in get("/teams/acme/accounts").json()["accounts"]]

    assert labels == ["Main"]


def test_snapshots_are_newest_first_bounded_and_without_raw(get, account):
    Snapshot.objects.bulk_create(
        Snapshot(
            account=account,
            mode="current",
            outcome="ok",
            asked_at=NOON + timedelta(minutes=n),
            raw="secret raw",
        )
        for n in range(5)
    )

    url = f"/teams/acme/accounts/{account.pk}/snapshots"
    found = get(url, limit=2).json()["snapshots"]

    assert [one["asked_at"] for one in found] == [
        (NOON + timedelta(minutes=n)).isoformat().replace("+00:00", "Z") for n in (4, 3)
    ]
    assert "raw" not in found[0] and "secret raw" not in get(url).content.decode()
    assert get(url, limit=0).status_code == 400


def test_t1_other_teams_are_not_found(get, account, evil):
    theirs = Account.objects.create(team=evil, label="Theirs")

    assert get("/teams/evil/accounts").status_code == 404
    assert get(f"/teams/acme/accounts/{theirs.pk}/cycles").status_code == 404
    assert get(f"/teams/acme/accounts/{account.pk}/cycles").status_code == 200


def test_the_api_takes_the_same_queries_for_any_number_of_accounts(
    get, acme, account, django_assert_max_num_queries
):
    for number in range(20):
        other = Account.objects.create(team=acme, label=f"A{number}")
        Snapshot.objects.create(
            account=other, mode="current", outcome="ok", asked_at=datetime(2026, 1, 1, tzinfo=UTC)
        )

    with django_assert_max_num_queries(3):
        assert len(get("/teams/acme/accounts").json()["accounts"]) == 21


def read_for_days(account: Account, at: datetime, *, days: int) -> None:
    """Read every quarter of an hour: 4 credits an hour in the app, 8 by API."""
    step = timedelta(minutes=15)
    Snapshot.objects.bulk_create(
        Snapshot(
            account=account,
            mode="current",
            outcome="ok",
            asked_at=at - days * timedelta(days=1) + n * step,
            kind="stripe",
            synced=True,
            included_credits=18500,
            prepaid_credits=2000,
            app_usage=n,
            api_usage=2 * n,
            period_start_at=at - days * timedelta(days=1),
            period_end_at=at + timedelta(days=10),
        )
        for n in range(1, days * 96 + 1)
    )


def test_the_forecast_has_its_verdicts_range_rates_and_course(get, wire, key, account):
    now = timezone.now().replace(microsecond=0)
    read_for_days(account, now, days=12)
    look_ahead(account, Snapshot.objects.latest("asked_at"))

    found = get(f"/teams/acme/accounts/{account.pk}/forecast").json()

    assert found["included"]["verdict"] == "yes" and found["included"]["early"] is None
    assert found["everything"]["lasts"] >= 0.9
    assert found["rate_cycle"] == pytest.approx(288, rel=0.01)
    assert found["course"][0]["left"]["median"] == 18500 - 12 * 288
    assert found["used_at_renewal"]["low"] <= 22 * 288 <= found["used_at_renewal"]["high"]


def test_without_a_reading_the_forecast_is_unknown_and_not_a_date(get, account):
    found = get(f"/teams/acme/accounts/{account.pk}/forecast").json()

    assert found.pop("course") == [] and set(found.values()) == {None}


def test_days_and_hours_add_up_to_the_same(get, account):
    now = timezone.now().replace(microsecond=0)
    read_for_days(account, now, days=4)
    day = (now - timedelta(days=2)).date().isoformat()

    days = get(f"/teams/acme/accounts/{account.pk}/days", since=day, until=day).json()
    hours = get(f"/teams/acme/accounts/{account.pk}/hours", day=day).json()

    (whole,) = days["use"]
    assert (whole["app_usage"], whole["api_usage"], whole["complete"]) == (96, 192, True)
    assert len(hours["use"]) == 24 and sum(one["app_usage"] for one in hours["use"]) == 96
    assert days["time_zone"] == "UTC" and days["gaps"] == []


def test_use_and_gaps_less_what_was_corrected_are_the_counter(get, account):
    """The wrong reading: 30 and 280 credits more than RemBG counts, and no field that says why."""
    start = NOON - 5 * timedelta(days=1)
    read_for_days(account, NOON, days=5)
    later = Snapshot.objects.filter(asked_at__gt=start + timedelta(hours=50))
    later.update(app_usage=F("app_usage") - 30)
    # Fifteen hours that nobody reads, over a midnight; after them the API's counter stands lower.
    gap = start + timedelta(hours=58), start + timedelta(hours=73)
    Snapshot.objects.filter(asked_at__gt=gap[0], asked_at__lt=gap[1]).delete()
    Snapshot.objects.filter(asked_at__gte=gap[1]).update(api_usage=F("api_usage") - 400)
    newest = Snapshot.objects.latest("asked_at")
    first, last = (moment.date().isoformat() for moment in (start, NOON))

    days = get(f"/teams/acme/accounts/{account.pk}/days", since=first, until=last).json()
    hours = get(f"/teams/acme/accounts/{account.pk}/hours", day=first, count=6).json()

    assert (newest.app_usage, newest.api_usage) == (450, 560)
    for found in (days, hours):
        for name, counter in (("app", 450), ("api", 560)):
            use = sum(one[f"{name}_usage"] or 0 for one in found["use"])
            gaps = sum(one[f"{name}_usage"] or 0 for one in found["gaps"])
            corrected = sum(one[f"{name}_corrected"] for one in found["use"])
            assert use + gaps - corrected == counter
    by_day = {one["start_at"][:10]: one for one in days["use"]}
    fell = (start + timedelta(hours=50)).date().isoformat()
    assert (by_day[fell]["app_corrected"], by_day[fell]["api_corrected"]) == (29, 0)
    assert by_day[gap[1].date().isoformat()]["api_corrected"] == 280


@pytest.mark.parametrize(
    "path",
    [
        "days?since=2026-01-02&until=2026-01-01",
        "days?since=2024-01-01&until=2026-01-01",
        "days?since=0001-01-01&until=0001-01-02",
        "hours?day=9999-12-31",
        "hours?count=32",
    ],
)
def test_a_stretch_that_makes_no_sense_is_refused(get, account, path):
    where, _, query = path.partition("?")
    said = dict(part.split("=") for part in query.split("&"))

    assert get(f"/teams/acme/accounts/{account.pk}/{where}", **said).status_code == 400
