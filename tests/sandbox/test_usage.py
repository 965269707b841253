"""`GET /api/membership-usage`, all its modes, over HTTP."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.sandbox.box import DOT, Box, unix

PREMIUM, CALENDAR, SWITCH = "sandbox-premium", "sandbox-calendar", "sandbox-switch"


@pytest.fixture
def still(box: Box) -> Iterator[datetime]:
    """Stop the clocks of the accounts with a history, whose counters rise with each hour."""
    now = int(time.time())
    for key in (PREMIUM, CALENDAR, SWITCH):
        box.set_clock(key, now)
    yield datetime.fromtimestamp(now, UTC)
    for key in (PREMIUM, CALENDAR, SWITCH):
        box.set_clock(key, None)


def test_without_parameters_it_is_the_calendar_month_and_no_cycle(box: Box, still):
    now = still

    bare = box.usage(PREMIUM).json()

    assert set(bare) == {"membership", "credits", "prepaidCredits", "app_usage", "api_usage"}
    assert (bare["membership"], bare["credits"], bare["prepaidCredits"]) == (
        "Premium-20000",
        18500,
        2000,
    )
    assert box.usage(PREMIUM, year=now.year, month=now.month).json() == bare


@pytest.mark.parametrize(
    "query",
    [
        {"expand": "billing_cycle"},
        {"expand": "other, billing_cycle,more"},
        {"includeBillingCycle": "1"},
        {"includeBillingCycle": "true"},
    ],
)
def test_the_cycle_comes_when_it_is_asked_for(box: Box, query):
    block = box.usage(PREMIUM, **query).json()["billingCycle"]

    assert block["periodStartUnix"] <= time.time() <= block["periodEndUnix"]
    assert block["usedIncludedCredits"] == block["appUsage"] + block["apiUsage"]
    assert block["remainingIncludedCredits"] == 18500 - block["usedIncludedCredits"]
    assert (block["includedCredits"], block["prepaidCredits"]) == (18500, 2000)
    assert block["stripeBillingSynced"] is True


@pytest.mark.parametrize("query", [{"expand": "billing"}, {"includeBillingCycle": "yes"}, {}])
def test_the_cycle_does_not_come_otherwise(box: Box, query):
    assert "billingCycle" not in box.usage(PREMIUM, **query).json()


def test_the_running_cycle_is_about_half_used(box: Box, fresh):
    box.reset(PREMIUM)

    block = box.cycle(PREMIUM)

    assert 0.35 < block["usedIncludedCredits"] / block["includedCredits"] < 0.6


def test_13_closed_cycles_that_were_all_used_are_listed_and_tile_time(box: Box):
    cycles = box.cycles(PREMIUM)

    assert len(cycles) == 14
    assert all(set(each) == set(cycles[0]) for each in cycles)
    for newer, older in pairwise(cycles):
        assert older["periodEndUnix"] + 1 == newer["periodStartUnix"]
        assert older["appUsage"] > 0 < older["apiUsage"]


def test_listing_ignores_every_other_parameter(box: Box):
    answer = box.usage(PREMIUM, listBillingCycles="true", year="x", periodStartUnix="1")

    assert answer.json() == {"billingCycles": box.cycles(PREMIUM)}


def test_a_past_window_answers_its_counters_everywhere(box: Box):
    past = box.cycles(PREMIUM)[3]

    answer = box.usage(
        PREMIUM, periodStartUnix=past["periodStartUnix"], expand="billing_cycle"
    ).json()

    assert {name: answer["billingCycle"][name] for name in past} == past
    assert (answer["app_usage"], answer["api_usage"]) == (past["appUsage"], past["apiUsage"])


def test_an_unknown_window_has_no_usage(box: Box):
    start = box.cycles(PREMIUM)[2]["periodStartUnix"] + 1

    answer = box.usage(PREMIUM, periodStartUnix=start, expand="billing_cycle").json()

    assert (answer["app_usage"], answer["api_usage"]) == (0, 0)
    assert answer["billingCycle"]["periodStartUnix"] == start
    assert answer["billingCycle"]["periodEndUnix"] > start


@pytest.mark.parametrize(
    "query",
    [
        {"periodStartUnix": 1, "year": 2026},
        {"periodStartUnix": 1, "month": 3},
        {"year": "abc"},
        {"year": 0},
        {"year": 10000},
        {"month": 13},
        {"month": 0},
        {"month": "1.5"},
        {"year": ""},
        {"periodStartUnix": "-1"},
        {"periodStartUnix": "9" * 40},
    ],
    ids=str,
)
def test_what_cannot_be_asked_is_a_400(box: Box, query):
    answer = box.usage(PREMIUM, **query)

    assert answer.status_code == 400
    assert answer.json()["status"] == 400
    assert answer.json()["error"]


def test_several_wrong_numbers_are_listed_each(box: Box):
    details = box.usage(PREMIUM, year="x", month=13).json()["details"]

    assert [each["field"] for each in details] == ["year", "month"]


@pytest.mark.parametrize(("year", "month"), [(1, 1), (9999, 12), (1969, 12)])
def test_every_year_of_the_contract_can_be_asked(box: Box, year, month):
    answer = box.usage(PREMIUM, year=year, month=month)

    assert (answer.json()["app_usage"], answer.json()["api_usage"]) == (0, 0)


def test_months_and_cycles_count_the_same_hours(box: Box, still):
    cycles = box.cycles(PREMIUM)
    first = datetime.fromtimestamp(cycles[-1]["periodStartUnix"], UTC)
    numbers = [first.year * 12 + first.month - 1 + i for i in range(15)]

    months = [box.usage(PREMIUM, year=n // 12, month=n % 12 + 1).json() for n in numbers]

    for kind in ("app", "api"):
        by_month = sum(each[f"{kind}_usage"] for each in months)
        assert by_month == sum(each[f"{kind}Usage"] for each in cycles)
    # One counter alone is the same as another's by chance, in one hour of a hundred or so.
    month = months[3]["app_usage"], months[3]["api_usage"]
    assert month not in [(each["appUsage"], each["apiUsage"]) for each in cycles]


def test_two_keys_of_one_account_answer_the_same(box: Box, still):
    box.remove(DOT, key="sandbox-premium-2")

    assert box.cycles("sandbox-premium-2") == box.cycles(PREMIUM)
    assert box.cycle("sandbox-premium-2") == box.cycle(PREMIUM)
    assert box.ledger(PREMIUM)[-1]["key"] == "sandbox-premium-2"


def test_an_account_that_is_not_synced_has_utc_months(box: Box, still):
    now = still

    block = box.cycle(CALENDAR)

    assert block["stripeBillingSynced"] is False
    assert block["periodStartUnix"] == unix(now.year, now.month, 1)
    assert len(box.cycles(CALENDAR)) in (13, 14)
    assert box.usage(CALENDAR).json()["app_usage"] == block["appUsage"]


def test_d8_a_switching_account_overlaps_and_counts_each_credit_once(box: Box, still):
    cycles = box.cycles(SWITCH)
    pairs = list(pairwise((each["periodStartUnix"], box.told_end(SWITCH, each)) for each in cycles))
    overlaps = [end for (start, _), (_, end) in pairs if end >= start]
    first = datetime.fromtimestamp(cycles[-1]["periodStartUnix"], UTC)
    numbers = [first.year * 12 + first.month - 1 + i for i in range(15)]

    months = [box.usage(SWITCH, year=n // 12, month=n % 12 + 1).json() for n in numbers]

    assert len(overlaps) >= 2
    assert box.cycle(SWITCH)["stripeBillingSynced"] is True
    assert sum(each["api_usage"] for each in months) == sum(each["apiUsage"] for each in cycles)


def test_the_free_account_is_small(box: Box):
    block = box.cycle("sandbox-free")

    assert block["includedCredits"] == 50
    assert 1 < len(box.cycles("sandbox-free")) < 5


def test_a_fresh_account_is_anchored_to_its_first_second(box: Box, fresh):
    before = int(time.time())

    block = box.cycle(fresh)

    assert before <= block["periodStartUnix"] <= int(time.time())
    assert block["usedIncludedCredits"] == 0
    assert len(box.cycles(fresh)) == 1


def test_a_clock_moves_the_account_through_its_windows(box: Box, fresh):
    born = unix(2024, 1, 31, 10, 0, 0)
    box.set_clock(fresh, born)
    box.remove(DOT, key=fresh)
    box.set_clock(fresh, unix(2024, 3, 1))

    cycles = box.cycles(fresh)

    assert [each["periodStartUnix"] for each in cycles] == [unix(2024, 2, 29, 10), born]
    assert [each["apiUsage"] for each in cycles] == [0, 1]
    assert box.usage(fresh, year=2024, month=1).json()["api_usage"] == 1
    assert box.usage(fresh).json()["api_usage"] == 0
    assert box.set_clock(fresh, None)["clockUnix"] is None
    assert box.cycle(fresh)["periodStartUnix"] > unix(2025, 1, 1)


def test_counters_never_fall_as_time_goes_on(box: Box):
    start = int(time.time())
    readings = []
    for hours in range(0, 24 * 40, 37):
        now = box.set_clock(PREMIUM, start + hours * 3600)
        readings.append((now["billingCycle"]["periodStartUnix"], now["billingCycle"]["apiUsage"]))
    box.set_clock(PREMIUM, None)

    assert readings == sorted(readings)
    assert len({start for start, _ in readings}) >= 2


def test_values_can_be_set_and_the_rest_stays(box: Box, fresh):
    box.set_account(fresh, included_credits=10, app_usage=3, api_usage=4, membership="Free")
    box.set_account(fresh, api_usage=2, prepaid_credits=7)

    answer = box.usage(fresh, expand="billing_cycle").json()

    assert (answer["membership"], answer["credits"], answer["prepaidCredits"]) == ("Free", 10, 7)
    block = answer["billingCycle"]
    assert (block["appUsage"], block["apiUsage"], block["remainingIncludedCredits"]) == (3, 2, 5)


def test_a_list_is_quick(box: Box):
    before = box.processor_seconds()

    for _ in range(10):
        box.cycles(PREMIUM)

    # Ten times what it takes, of a processor: other work on this machine does not count.
    assert box.processor_seconds() - before < 5
