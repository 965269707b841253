"""Use by the day and by the hour: the days of the team's zone, gaps as gaps, unknown as unknown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db.models import F

from dashboard.keys.models import Account
from dashboard.usage.models import Cycle, Snapshot
from tests.usage.conftest import END, START

HOUR, DAY, QUARTER = timedelta(hours=1), timedelta(days=1), timedelta(minutes=15)
AT = START.replace(day=13, hour=15, minute=20, second=0)
HTMX = {"HX-Request": "true"}


def row(account: Account, at: datetime, app: int | None, api: int | None = 0, **more) -> Snapshot:
    facts = {
        "mode": "current",
        "outcome": "ok",
        "query": "expand=billing_cycle",
        "included_credits": 18500,
        "prepaid_credits": 2000,
        "period_start_at": START,
        "period_end_at": END,
        "synced": True,
        "kind": "stripe",
        **more,
    }
    return Snapshot(account=account, asked_at=at, app_usage=app, api_usage=api, **facts)


def listed(account: Account) -> None:
    Cycle.objects.create(
        account=account,
        kind="stripe",
        start_at=START,
        end_at=END,
        asked_at=START + HOUR,
        first_seen_at=START,
    )


def read_until(account: Account, end: datetime, *, without=lambda at: False) -> int:
    """Read every quarter of an hour; 4 credits an hour in the app, 8 by API. Return the app's."""
    rows, at, n = [], START + QUARTER, 1
    while at <= end:
        if not without(at):
            rows.append(row(account, at, n, n * 2))
        at, n = at + QUARTER, n + 1
    Snapshot.objects.bulk_create(rows)
    listed(account)
    return n - 1


@pytest.fixture
def url(account) -> str:
    return f"/teams/acme/accounts/{account.pk}/"


@pytest.fixture
def get(client, victor, url):
    def ask(path: str = "days.json", *, at: datetime = AT, headers=None, **query):
        with time_machine.travel(at, tick=False):
            client.force_login(victor)
            return client.get(f"{url}{path}", query, headers=headers or {})

    return ask


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def columns(chart) -> dict[str, tuple]:
    app, api = chart["series"]
    return dict(zip(chart["x"]["labels"], zip(app["data"], api["data"], strict=True), strict=True))


def test_the_days_of_a_cycle_add_up_to_its_counters(account, get):
    app = read_until(account, AT)

    chart = get().json()
    days = columns(chart)

    assert list(days)[0] == "Tue 3 Nov" and list(days)[-1] == "Fri 13 Nov"
    assert days["Thu 5 Nov"] == (96, 192)
    assert sum(a for a, _b in days.values()) == app
    assert chart["hatched"] == [10] and chart["notes"][-1] == "still running"
    assert chart["as_of"] and chart["title"] == "Credits used by the day, 3 Nov – 3 Dec"
    assert chart["summary"].startswith(f"{app * 3:,} credits used; most, 288, on ")


def test_days_are_the_teams_own_and_a_day_opens_its_hours(account, acme, get, url):
    read_until(account, AT)
    acme.time_zone = "Europe/Istanbul"
    acme.save()

    days = get().json()
    hours = get(day="2026-11-05").json()

    assert days["links"][2] == f"{url}days/?span=cycle&day=2026-11-05"
    assert days["time_zone"] == "Europe/Istanbul"
    assert hours["x"]["labels"][0] == "5 Nov, 00:00" and len(hours["x"]["labels"]) == 24
    assert set(columns(hours).values()) == {(4, 8)}
    assert sum(a for a, _b in columns(hours).values()) == columns(days)["Thu 5 Nov"][0]


def test_below_the_hours_the_first_one_and_each_midnight_say_their_day(account, get):
    read_until(account, AT)

    short = get(span="48").json()["x"]["short"]

    assert [one for one in short if "\n" in one] == [
        short[0],
        "00:00\n12 Nov",
        "00:00\n13 Nov",
    ]
    assert short[0] == "16:00\n11 Nov"


def test_an_hour_that_the_clock_shows_twice_stands_there_twice(account, acme, get):
    acme.time_zone = "America/New_York"
    acme.save()
    start = datetime(2026, 10, 20, tzinfo=UTC)
    window = {"period_start_at": start, "period_end_at": START}
    readings = [row(account, start + n * QUARTER, n, n, **window) for n in range(1, 14 * 96)]
    Snapshot.objects.bulk_create(readings)

    labels = get(day="2026-11-01").json()["x"]["labels"]

    assert len(labels) == len(set(labels)) == 25
    assert {"1 Nov, 01:00 (-0400)", "1 Nov, 01:00 (-0500)"} <= set(labels)


def test_a_gap_has_no_column_and_is_marked_with_its_sum(account, get):
    read_until(account, AT, without=lambda at: START + 2 * DAY < at < START + 4 * DAY)

    chart = get().json()
    days = columns(chart)

    assert days["Fri 6 Nov"] == (None, None)
    assert [one["label"] for one in chart["marks"] if one["role"] == "gap"] == [
        "Not read: 576 in 2 days"
    ]
    assert "576 more were used between readings too far apart" in chart["summary"]
    assert "1 day is unknown." in chart["summary"]
    assert chart["notes"][3] == "unknown: not read"
    assert chart["notes"][2] == "at least: not read all the time" and 2 in chart["pale"]


def test_the_rows_below_the_columns_add_up_to_rembgs_counters(account, get):
    app = read_until(account, AT, without=lambda at: START + 2 * DAY < at < START + 4 * DAY)
    later = AT - 2 * HOUR
    Snapshot.objects.filter(asked_at=later).update(app_usage=F("app_usage") - 30)
    Snapshot.objects.filter(asked_at__gt=later).update(app_usage=F("app_usage") - 30)

    rows = get().json()["table"]["rows"]

    assert [row for row in rows if row[1] == 192] == [
        ["5 Nov, 09:30 – 7 Nov, 09:30", 192, 384, 576, "between readings too far apart to say when"]
    ]
    assert ["Fri 13 Nov", -29, 0, -29, "RemBG corrected its counters"] in rows
    assert sum(row[1] or 0 for row in rows) == app - 30
    assert sum(row[2] or 0 for row in rows) == app * 2


def test_a_cycle_that_was_only_listed_says_what_it_used(account, get):
    read_until(account, AT)
    window = {"start_at": START - 30 * DAY, "end_at": START, "asked_at": AT, "first_seen_at": AT}
    Cycle.objects.create(account=account, kind="stripe", app_usage=120, api_usage=880, **window)

    chart = get(cycle=f"{int((START - 30 * DAY).timestamp())}-stripe").json()

    words = "1,000 credits were used between readings too far apart to say when."
    assert chart["summary"] == words and chart["empty"]
    assert [row[1:4] for row in chart["table"]["rows"] if row[3]] == [[120, 880, 1000]]


def test_what_is_shared_out_over_midnight_is_said_to_be_an_estimate(account, get):
    night = START.replace(day=6, hour=0, minute=0, second=0)
    read_until(account, AT, without=lambda at: night - 2 * HOUR < at < night + 2 * HOUR)

    chart = get().json()

    assert chart["notes"][2].startswith("in part an estimate") and chart["pale"] == [2, 3]
    assert chart["notes"][2] == chart["notes"][3] and not any(chart["notes"][4:-1])
    assert "Pale columns" in chart["summary"]


def test_a_gap_of_the_prepaid_balance_alone_is_no_gap_of_use(account, get):
    before = {"period_start_at": START - 30 * DAY, "period_end_at": START, "prepaid_credits": 2100}
    row(account, START - 30 * HOUR, 500, 500, **before).save()
    row(account, START + 30 * HOUR, 5, 7).save()
    listed(account)

    labels = [one["label"] for one in get().json()["marks"] if one["role"] == "gap"]

    assert "Not read" not in labels


def test_a_counter_that_upstream_does_not_give_is_unknown_and_not_0(account, get):
    rows = [row(account, START + n * QUARTER, n, None) for n in range(1, 979)]
    Snapshot.objects.bulk_create(rows)
    listed(account)

    chart = get().json()

    assert columns(chart)["Thu 5 Nov"] == (96, None)
    assert chart["table"]["rows"][-3] == [
        "Thu 5 Nov",
        96,
        None,
        None,
        "unknown in part: RemBG did not say",
    ]


def test_kinds_are_never_added_d8(account, get):
    month = START.replace(day=1, hour=0, minute=0, second=0)
    read_until(account, START + 4 * DAY)
    calendar = {"period_start_at": month, "period_end_at": month + 30 * DAY}
    Snapshot.objects.bulk_create(
        row(account, START + 5 * DAY + n * QUARTER, n, n, kind="calendar", synced=False, **calendar)
        for n in range(300)
    )

    stripe = columns(get(span="30", kind="stripe").json())
    other = columns(get(span="30", kind="calendar").json())

    assert stripe["Thu 5 Nov"] == (96, 192) and other["Thu 5 Nov"] == (None, None)
    assert stripe["Mon 9 Nov"] == (None, None) and other["Mon 9 Nov"] == (96, 96)
    page = get("days/", span="30")
    assert "Billing cycle" in text(page) and "Calendar month (UTC)" in text(page)


@pytest.mark.parametrize(("span", "count"), [("cycle", 11), ("30", 30), ("90", 90), ("48", 48)])
def test_each_stretch_has_a_page_a_fragment_and_its_json(account, get, span, count):
    read_until(account, AT)

    page, part = get("days/", span=span), get("days/", span=span, headers=HTMX)
    chart = get(span=span).json()

    assert len(chart["x"]["labels"]) == count
    assert "<html" in page.text and chart["summary"] in text(page).replace("&#x27;", "'")
    assert "<html" not in part.text and 'id="use"' in part.text
    assert f"days.json?span={span}" in part.text and "HX-Request" in part["Vary"]
    assert part.text.count('aria-current="true"') == 1
    assert len(re.findall("<tr>", part.text)) == count + 1


@pytest.mark.parametrize(
    "query",
    [{"span": "7"}, {"day": "yesterday"}, {"day": "0001-01-01"}, {"kind": "x"}, {"cycle": "1-x"}],
)
def test_what_cannot_be_asked_is_not_there(account, get, query):
    assert get("days/", **query).status_code == get(**query).status_code == 404


def test_an_account_that_was_never_read_says_so(account, get):
    chart = get().json()

    assert chart["empty"] and "nobody read the account" in chart["summary"]
    assert chart["title"] == "Credits used by the day"
    assert get("days/").status_code == 200


def test_a_stranger_sees_nothing(account, client, mallory, url):
    client.force_login(mallory)

    assert client.get(f"{url}days/").status_code == 404
    assert client.get(f"{url}days.json").status_code == 404


def test_it_takes_at_most_11_queries(account, get, client, url, django_assert_max_num_queries):
    read_until(account, AT)
    get("days/")
    with time_machine.travel(AT, tick=False), django_assert_max_num_queries(11):
        assert client.get(f"{url}days/?span=30").status_code == 200


def test_the_account_page_leads_there_with_and_without_javascript(account, get, url):
    read_until(account, AT)

    page = get("")

    assert f'hx-get="{url}days/" hx-trigger="load"' in page.text
    assert f'href="{url}days/"' in page.text
