"""An hour of answers that are wrong in themselves, row by row (promises 2.7).

The raw answer stays, the page says what is odd, no gap is a zero, nobody is warned of what may not
be so, and history stands.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.reading_notes import PROBLEMS
from tests.conftest import add_key
from tests.rembg.hostile import Line
from tests.usage.answers import END, START, listed, usage
from tests.usage.hours import ELEVEN, Hour, Query, Script, json_answer, nothing_was_sent
from tests.usage.test_faults import all_is_well_again, says, the_numbers_stand

HUGE = b'{"billingCycles": [' + b'{"periodStartUnix": 1}, ' * 100_000 + b"{}]}"
INVALID = [
    pytest.param(b"[" * 200_000, "", id="D3-deep"),
    pytest.param(b'"hello"', "", id="D3-text"),
    pytest.param({"membership": "Free"}, "", id="D2-no-block"),
    pytest.param({**usage(), "billingCycle": None}, "", id="D2-null-block"),
    pytest.param(
        b'{"billingCycle": {"appUsage": NaN, "apiUsage": 1e999, "includedCredits": -Infinity}}',
        "",
        id="D2-nan",
    ),
    pytest.param(
        usage(app=..., api=..., usedIncludedCredits=None, remainingIncludedCredits="x"),
        "",
        id="D2-no-counters",
    ),
    pytest.param(
        b'{"billingCycle": {"appUsage": ' + b"9" * 5000 + b', "apiUsage": -1}}', "", id="D2-digits"
    ),
    pytest.param(HUGE, "answer_too_large", id="D11-huge"),
]


@pytest.mark.parametrize(("document", "error"), INVALID)
def test_an_hour_of_answers_without_meaning_changes_nothing_but_the_age(hour, document, error):
    before, kept = hour.figures(), hour.kept()

    hour.weather.fault = says(json_answer(document))
    hour.pass_by(60)

    assert {one.error for one in hour.failed()} == {error}
    assert all(len(one.raw.encode()) <= 16 * 1024 for one in hour.failed())
    the_numbers_stand(hour, before)
    assert hour.kept() == kept
    assert hour.weather.most_in_a_minute() <= 2
    hour.weather.fault = None
    all_is_well_again(hour, within=5)


# What is odd, what the page says of it, and what stands on the page then.
ODD = [
    pytest.param(
        {"includedCredits": 1500, "remainingIncludedCredits": 1700, "appUsage": 100, "apiUsage": 9},
        "used_negative",
        ["1,700", "109"],
        id="D1-D10-more-left-than-included",
    ),
    pytest.param({"remainingIncludedCredits": 0}, "less_left", ["9,300"], id="D1-none-left"),
    pytest.param({"remainingIncludedCredits": 900}, "less_left", ["900"], id="D1-less-left"),
    pytest.param({"remainingIncludedCredits": 15000}, "more_left", ["15,000"], id="D1-more-left"),
    pytest.param({"includedCredits": 10**11}, "less_left", ["9,300"], id="D1-huge-allowance"),
    pytest.param({"appUsage": -5}, "negative", ["9,200", "5,100", "unknown"], id="D2-negative"),
    pytest.param({"appUsage": 1.5}, "not_a_number", ["9,200", "unknown"], id="D2-fraction"),
    pytest.param({"apiUsage": True}, "not_a_number", ["9,200", "unknown"], id="D2-true"),
    pytest.param({"apiUsage": 10**12}, "too_big", ["9,200", "unknown"], id="D2-too-big"),
    pytest.param({"apiUsage": None}, "null", ["9,200", "unknown"], id="D2-null"),
    pytest.param({"appUsage": ...}, "missing", ["9,200", "unknown"], id="D2-missing"),
    pytest.param({"prepaidCredits": -2000}, "negative", ["9,200", "2,000"], id="D10-prepaid"),
    pytest.param({"periodStartUnix": 5}, "far_year", ["9,200"], id="D5-1970"),
    pytest.param({"periodEndUnix": 5}, "ends_before_start", ["9,200"], id="D5-ends-first"),
]
ALARMS = ("running low", "used its included credits up", "Running low", "used up")


@pytest.mark.parametrize(("fields", "problem", "shown"), ODD)
def test_an_odd_answer_is_shown_with_a_note_and_warns_nobody(hour, fields, problem, shown):
    past = list(Cycle.objects.filter(start_at__lt=START).values())
    counters = Cycle.objects.get(start_at=START)

    hour.weather.fault = says(json_answer(usage(**fields)))
    # Counters that fall are believed with the fourth reading (D18).
    hour.pass_by(80 if fields.get("appUsage") == 100 else 30)

    assert problem in {one["code"] for one in hour.last_good.problems}
    assert hour.last_good.outcome == "partial" and '"membership"' in hour.last_good.raw
    overview, account = hour.page("/teams/acme/"), hour.page(hour.url)
    assert not any(alarm in overview for alarm in ALARMS)
    assert "RemBG&#x27;s answer was odd." in account
    assert str(PROBLEMS[problem]).split(".")[0].replace("'", "&#x27;") in account
    assert all(number in account for number in shown)
    assert nothing_was_sent()
    assert list(Cycle.objects.filter(start_at=past[0]["start_at"]).values()) == past
    running = Cycle.objects.get(start_at=START)
    if "appUsage" in fields or "apiUsage" in fields:
        known = fields.get("appUsage") == 100
        assert known or (running.app_usage, running.api_usage) == (
            counters.app_usage,
            counters.api_usage,
        )
    hour.weather.fault = None
    hour.weather.numbers = {"app": 4210, "api": 5110, "left": 9180}
    hour.pass_by(25)
    assert "11,180 credits can be spent now" in hour.page("/teams/acme/")
    assert "was odd" not in hour.page(hour.url)


def test_d1_less_left_than_counted_is_said_and_concludes_nothing(hour):
    outlook = hour.figures()["forecast"]
    hour.weather.fault = says(json_answer(usage(remainingIncludedCredits=0, prepaidCredits=0)))

    hour.pass_by(30)

    overview = hour.page("/teams/acme/")
    assert "RemBG contradicts itself about “Main”" in overview
    assert "0 left, though 9,300 of 18,500 are used." in overview
    assert hour.figures()["forecast"] == outlook
    hour.account.refresh_from_db()
    assert hour.account.spendable_credits == 11200


def test_a_prepaid_balance_given_as_text_is_read_and_needs_no_note(hour):
    hour.weather.fault = says(json_answer(usage(prepaidCredits="2000")))

    hour.pass_by(30)

    assert {one["code"] for one in hour.last_good.problems} == {"text_number"}
    assert hour.last_good.prepaid_credits == 2000
    assert "was odd" not in hour.page(hour.url)
    assert "11,200 credits can be spent now" in hour.page("/teams/acme/")


def test_d4_a_field_that_comes_twice_is_said(hour):
    twice = json.dumps(usage())[:-1] + ', "credits": 18500}'
    hour.weather.fault = says(json_answer(twice.encode()))

    hour.pass_by(30)

    assert "A field came twice; the last one counts." in hour.page(hour.url)
    assert "11,200 credits can be spent now" in hour.page("/teams/acme/")


def lists(document: Any) -> Script:
    """Answer well about the running cycle, and this when asked for the list."""

    def script(line: Line, query: Query) -> None:
        line.send(json_answer(document if "listBillingCycles" in query else usage()))

    return script


MONTH = timedelta(days=30)
LISTS = [
    pytest.param(listed((START, END, 1, 2)), id="list-against-block"),
    pytest.param(
        listed((START - MONTH, START + timedelta(days=9), 120, 880), (START, END, 4200, 5100)),
        id="D5-overlap",
    ),
    pytest.param(listed((START, START - MONTH, 4200, 5100)), id="D5-ends-first"),
    pytest.param({"billingCycles": "none"}, id="D3-list-is-text"),
    pytest.param({"billingCycles": [None, 7, {}]}, id="D3-list-of-nothing"),
    pytest.param(listed((START - MONTH, START, None, -1)), id="D2-unknown-counters"),
]


@pytest.mark.parametrize("document", LISTS)
def test_a_list_that_disagrees_never_replaces_the_newer_block(hour, document):
    past = Cycle.objects.get(start_at=START - MONTH)
    Account.objects.update(cycles_due_at=timezone.now())
    hour.weather.fault = lists(document)

    hour.pass_by(40)

    running = Cycle.objects.get(start_at=START)
    past.refresh_from_db()
    assert (running.app_usage, running.api_usage) == (4200, 5100)
    assert (past.app_usage, past.api_usage) == (120, 880)
    assert Snapshot.objects.filter(mode="cycles").latest("asked_at").raw
    overview = hour.page("/teams/acme/")
    assert "11,200 credits can be spent now" in overview
    assert not any(alarm in overview for alarm in ALARMS)
    assert nothing_was_sent()


def now(app: int) -> Script:
    left = 18500 - app - 5100
    return says(json_answer(usage(app=app, remainingIncludedCredits=left)))


def corrections(hour: Hour) -> list[str]:
    """Return what the charts of days and hours and the burn-down say of corrections."""
    charts = [hour.get(f"{hour.url}{name}").json() for name in CHARTS]
    marks = [mark["role"] for chart in charts for mark in chart["marks"]]
    return [role for role in marks if role == "correction"]


CHARTS = ("days.json", "days.json?span=48", "this-cycle.json")


def test_d7_a_counter_that_stays_down_is_a_correction_and_no_refund(hour):
    hour.weather.fault = now(4300)
    hour.pass_by(20)
    hour.weather.fault = now(4000)
    hour.pass_by(80)

    overview = hour.page("/teams/acme/")
    assert Cycle.objects.get(start_at=START).app_usage == 4000
    assert len(corrections(hour)) == len(CHARTS)
    assert hour.listed()["used_included_credits"] == 9100
    assert not any(alarm in overview for alarm in ALARMS)
    assert nothing_was_sent()


@pytest.mark.parametrize("readings", [1, 2])
def test_d18_a_counter_that_falls_and_is_back_was_a_stale_answer(hour, readings):
    hour.weather.fault = now(4300)
    hour.pass_by(20)
    used = [hour.listed()["used_included_credits"]]
    hour.weather.fault = now(4218)
    hour.pass_by(20 * readings)
    used.append(hour.listed()["used_included_credits"])
    assert "An answer waits to be confirmed." in hour.page(hour.url)
    hour.weather.fault = now(4330)
    hour.pass_by(20)
    used.append(hour.listed()["used_included_credits"])

    days = hour.get(f"{hour.url}days.json?span=48").json()
    assert used == [9400, 9400, 9430]
    assert corrections(hour) == []
    assert sum(row[1] or 0 for row in days["table"]["rows"]) == 4330 - 4200
    assert "waits to be confirmed" not in hour.page(hour.url)
    assert Cycle.objects.get(start_at=START).app_usage == 4330


def test_d20_one_answer_about_another_accounts_window_leaves_nothing(hour):
    other = usage(start=START + timedelta(days=6), end=END + timedelta(days=6), app=3, api=4)
    cycles, before = list(Cycle.objects.values_list("start_at", "end_at")), hour.listed()
    asked = []

    def once(line: Line, query: Query) -> None:
        hour.weather.fault = None
        asked.append(query)
        line.send(json_answer(other))

    hour.weather.fault = once
    while not asked:
        hour.pass_by(5)
    during = hour.listed()
    hour.pass_by(20)

    assert during == before
    assert hour.account.snapshots.filter(outcome="doubted").count() == 1
    assert list(Cycle.objects.values_list("start_at", "end_at")) == cycles
    assert hour.listed()["used_included_credits"] == before["used_included_credits"]


def test_d20_a_renewal_that_moved_is_believed_when_a_second_reading_confirms_it(hour):
    moved = ELEVEN + timedelta(minutes=50)
    upgraded = usage(start=moved, end=moved + timedelta(days=30), app=3, api=4)
    hour.weather.fault = says(json_answer(upgraded))
    hour.pass_by(50)

    found = Cycle.objects.filter(start_at__gte=START).values_list("end_at", "end_source")
    statements = hour.get("/api/v1/teams/acme/statements/2026-12").json()["statements"]
    assert hour.listed()["used_included_credits"] == 7
    assert list(found.order_by("start_at")) == [
        (moved, "shortened"),
        (moved + timedelta(days=30), "told"),
    ]
    assert [one["left_out"] for one in statements] == [""]


def test_d8_falling_out_of_step_and_back_starts_no_alarm_and_merges_nothing(hour):
    november = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    document = usage(
        start=november[0],
        end=november[1],
        app=10,
        api=20,
        remainingIncludedCredits=18470,
        stripeBillingSynced=False,
    )
    hour.weather.fault = says(json_answer(document))

    hour.pass_by(30)

    assert Cycle.objects.get(start_at=START).app_usage == 4200
    assert Cycle.objects.get(start_at=november[0]).kind == "calendar"
    overview = hour.page("/teams/acme/")
    assert not any(alarm in overview for alarm in ALARMS)
    hour.weather.fault = None
    hour.pass_by(25)
    assert "9,200" in hour.page(hour.url)


def test_d6_an_older_answer_that_comes_late_replaces_nothing(hour):
    kept = hour.figures()["account"]
    late = Snapshot.objects.good().latest("asked_at")

    late.pk, late.asked_at, late.remaining_included_credits = None, late.asked_at - MONTH / 60, 1
    Snapshot.objects.bulk_create([late])

    assert hour.figures()["account"] == kept


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_d14_two_keys_of_one_account_that_differ_are_never_added(hour, order):
    """Each reading is shown as it came; the newest counts, and never the sum of two."""
    add_key(hour.account, "second-4f2a-secret", "Second")
    numbers = {"one": 9200, "two": 9100}
    turns = iter(order * 20)

    def script(line: Line, query: Query) -> None:
        left = numbers[next(turns)]
        line.send(json_answer(usage(remainingIncludedCredits=left)))

    hour.weather.fault = script
    hour.pass_by(30)

    said = hour.last_good.left + 2000
    assert said in (11200, 11100)
    assert f"{said:,} credits can be spent now" in hour.page("/teams/acme/")
    assert hour.metrics()["spendable_credits"] == said


def test_d11_d13_many_cycles_and_unknown_fields_stay_in_the_raw_answer_only(hour: Hour):
    hour.weather.fault = says(json_answer({**usage(), "moon": "full"}))

    hour.pass_by(20)

    assert '"moon"' in hour.last_good.raw and hour.last_good.outcome == "ok"
    assert "was odd" not in hour.page(hour.url)
