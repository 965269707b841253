"""Where an account stands: unknown is None, old is stale, a renewal ends what was known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.keys.models import Account
from dashboard.usage.models import Snapshot
from dashboard.usage.standing import Standing, standing_of, standings, total
from tests.conftest import NOON
from tests.usage.conftest import END, START

POLL = timedelta(seconds=900)


def reading(at=NOON, **changes) -> Snapshot:
    facts = {
        "mode": "current",
        "outcome": "ok",
        "asked_at": at,
        "kind": "stripe",
        "included_credits": 18500,
        "remaining_included_credits": 9200,
        "prepaid_credits": 2000,
        "app_usage": 4200,
        "api_usage": 5100,
        "period_start_at": START,
        "period_end_at": END,
    }
    return Snapshot(**facts | changes)


def stand(good=None, newest=None, *, at=NOON) -> Standing:
    return standing_of(Account(label="Main"), [one for one in (newest, good) if one], at=at)


@pytest.mark.parametrize(
    ("age", "stale"), [(POLL, False), (POLL * 3, False), (POLL * 3 + timedelta(seconds=1), True)]
)
def test_numbers_older_than_three_polls_are_stale(age, stale):
    now = stand(reading(), at=NOON + age)

    assert now.stale is stale
    assert now.stale_since == (NOON if stale else None)


def test_a_failed_newest_reading_makes_the_good_one_stale_and_says_why():
    failed = Snapshot(outcome="failed", asked_at=NOON + POLL, error="unreachable", message="No.")

    now = stand(reading(), failed, at=NOON + POLL)

    assert (now.remaining, now.stale, now.last_error) == (9200, True, "unreachable")
    assert (now.as_of, now.failed_at) == (NOON, NOON + POLL)


def test_the_numbers_of_a_cycle_that_ended_are_stale_at_once():
    read_at = END - timedelta(minutes=1)

    assert not stand(reading(read_at), at=END - timedelta(seconds=1)).stale
    assert stand(reading(read_at), at=END).stale
    assert stand(reading(read_at), at=END).renews_in_days is None


def test_days_to_the_renewal_are_rounded_up():
    assert stand(reading(), at=END - timedelta(days=9)).renews_in_days == 9
    assert stand(reading(), at=END - timedelta(days=9, seconds=1)).renews_in_days == 10
    assert stand(reading(), at=END - timedelta(seconds=1)).renews_in_days == 1


@pytest.mark.parametrize("missing", ["remaining_included_credits", "prepaid_credits"])
def test_what_can_be_spent_is_unknown_unless_both_parts_are_known(missing):
    row = reading(**{missing: None, "included_credits": None})

    assert stand(row).spendable is None


def test_a_total_names_what_is_unknown_and_adds_no_twin():
    known = stand(reading())
    found = [
        known,
        replace(known, label="Twin", twin_of="Main"),
        replace(known, label="Dark", prepaid=None),
    ]

    sums = total(found)

    assert (sums.remaining, sums.prepaid, sums.spendable) == (18400, 2000, 11200)
    assert sums.unknown == ("Dark",)
    assert [one.label for one in sums.undecided] == ["Twin"]
    assert sums.is_lower_bound and not total([known]).is_lower_bound
    assert total([replace(known, remaining=None)]).spendable is None
    assert total([]).spendable is None


@pytest.mark.parametrize("count", [1, 40])
def test_standings_take_two_queries_whatever_the_history(acme, count, django_assert_num_queries):
    for number in range(count):
        account = Account.objects.create(team=acme, label=f"A{number:02}")
        rows = [reading(NOON - POLL * n, account=account) for n in range(5)]
        rows.append(Snapshot(account=account, mode="cycles", outcome="ok", asked_at=NOON + POLL))
        rows.append(
            Snapshot(account=account, mode="current", outcome="failed", asked_at=NOON + POLL)
        )
        Snapshot.objects.bulk_create(rows)

    with django_assert_num_queries(2):
        found = standings(acme, at=NOON + POLL)

    assert [one.as_of for one in found] == [NOON] * count
    assert all(one.stale for one in found)
