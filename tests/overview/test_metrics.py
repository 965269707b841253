"""The figures for Prometheus: what they are called, what they say, and what they never say."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from dashboard.keys.models import Account
from dashboard.overview.models import Worker
from dashboard.removals.budgets import put
from dashboard.removals.models import Spending, Subject
from dashboard.teams.models import Team
from dashboard.usage.models import Snapshot
from tests.conftest import NOON, ROOT, add_key
from tests.keys.canary import CANARY, leaks

END = datetime(2026, 12, 3, 9, 30, tzinfo=UTC)


def read(account: Account, **numbers: object) -> Snapshot:
    """Write a reading down as the poller would."""
    facts = {
        "mode": Snapshot.Mode.CURRENT,
        "outcome": Snapshot.Outcome.OK,
        "asked_at": timezone.now() - timedelta(minutes=5),
        "kind": "stripe",
        "included_credits": 1000,
        "remaining_included_credits": 600,
        "prepaid_credits": 50,
        "app_usage": 100,
        "api_usage": 300,
        "period_start_at": END - timedelta(days=30),
        "period_end_at": END,
    }
    return Snapshot.objects.create(account=account, **(facts | numbers))


def figures(client) -> dict[str, dict[frozenset, float]]:
    """Return what `/metrics` says: by name and by the values of the labels."""
    found: dict[str, dict[frozenset, float]] = {}
    for family in text_string_to_metric_families(client.get("/metrics").text):
        mine = found.setdefault(family.name, {})
        mine.update({frozenset(one.labels.values()): one.value for one in family.samples})
    return found


@pytest.fixture(autouse=True)
def _noon():
    with time_machine.travel(NOON, tick=False):
        yield


def test_an_account_is_told_in_credits_and_unix_seconds(client, account):
    read(account)
    whose = frozenset({"acme", str(account.pk)})

    found = figures(client)

    assert found["dashboard_included_credits_remaining"] == {whose: 600}
    assert found["dashboard_included_credits"] == {whose: 1000}
    assert found["dashboard_prepaid_credits"] == {whose: 50}
    assert found["dashboard_spendable_credits"] == {frozenset({"acme"}): 650}
    assert found["dashboard_cycle_end_timestamp_seconds"] == {whose: END.timestamp()}
    assert found["dashboard_last_success_timestamp_seconds"] == {whose: NOON.timestamp() - 300}
    assert found["dashboard_account_stale"] == {whose: 0}
    assert found["dashboard_poll_failures"] == {whose: 0}


def test_what_is_unknown_has_no_series(client, account):
    found = figures(client)

    for name in ("included_credits_remaining", "prepaid_credits", "cycle_end_timestamp_seconds"):
        assert found[f"dashboard_{name}"] == {}
    assert found["dashboard_last_success_timestamp_seconds"] == {}
    assert found["dashboard_account_stale"] == {}


def test_an_unknown_counter_is_left_out_and_the_team_s_sum_with_it(client, acme, account):
    read(account, prepaid_credits=None)
    read(Account.objects.create(team=acme, label="Other"))

    found = figures(client)

    assert len(found["dashboard_prepaid_credits"]) == 1
    assert len(found["dashboard_included_credits_remaining"]) == 2
    assert found["dashboard_spendable_credits"] == {}


def test_d14_an_account_that_may_be_another_s_twin_is_not_added_twice(client, acme, account):
    read(account)
    read(Account.objects.create(team=acme, label="Twin", same_as=account))

    assert figures(client)["dashboard_spendable_credits"] == {frozenset({"acme"}): 650}


def test_after_failed_polls_the_last_good_numbers_stay_with_their_age(client, account):
    read(account, asked_at=NOON - timedelta(hours=2))
    read(account, outcome="failed", remaining_included_credits=None, included_credits=None)
    Account.objects.update(failed_polls=3)
    whose = frozenset({"acme", str(account.pk)})

    found = figures(client)

    assert found["dashboard_included_credits_remaining"] == {whose: 600}
    assert found["dashboard_last_success_timestamp_seconds"] == {whose: NOON.timestamp() - 7200}
    assert found["dashboard_account_stale"] == {whose: 1}
    assert found["dashboard_poll_failures"] == {whose: 3}


def test_budgets_say_what_is_taken_and_where_they_warn_and_stop(client, acme, alice, account):
    budget = put(
        acme, Subject.TAG, "spring", name="spring", soft=8, hard=10, account=account, at=NOON
    )
    Spending.objects.filter(budget=budget).update(taken=7)
    whose = frozenset({"acme", "tag", str(budget.pk)})

    found = figures(client)

    assert found["dashboard_budget_used_credits"] == {whose: 7}
    assert found["dashboard_budget_limit_credits"] == {whose | {"soft"}: 8, whose | {"hard"}: 10}


def test_a_budget_of_a_cycle_that_is_over_is_not_told_as_the_running_one_s(client, acme, account):
    budget = put(acme, Subject.TAG, "x", name="x", soft=None, hard=9, account=account, at=NOON)
    Spending.objects.update(start_at=NOON - timedelta(days=60), end_at=NOON - timedelta(days=30))

    found = figures(client)

    assert found["dashboard_budget_used_credits"] == {}
    limit = frozenset({"acme", "tag", str(budget.pk), "hard"})
    assert found["dashboard_budget_limit_credits"] == {limit: 9}


def test_d8_of_two_cycles_that_share_today_only_the_running_one_is_told(client, acme, account):
    budget = put(acme, Subject.TAG, "x", name="x", soft=None, hard=9, account=account, at=NOON)
    Spending.objects.update(taken=3)
    before = {"start_at": NOON - timedelta(days=20), "end_at": NOON + timedelta(days=1)}
    budget.spendings.create(**before, taken=8)

    found = figures(client)["dashboard_budget_used_credits"]

    assert found == {frozenset({"acme", "tag", str(budget.pk)}): 3}


def crowded(acme, alice, account) -> None:
    add_key(account, CANARY)
    read(account, raw=CANARY)
    for number in range(4):
        team = Team.objects.create(name=f"Team {number}", slug=f"team-{number}")
        other = Account.objects.create(team=team, label=f"boss-{number}@example.com")
        read(other)
        put(
            team,
            Subject.MEMBER,
            str(alice.pk),
            name=str(alice),
            soft=None,
            hard=5,
            account=None,
            at=NOON,
        )


def test_o8_no_key_no_address_and_no_name_of_a_person(client, acme, alice, account):
    crowded(acme, alice, account)

    text = client.get("/metrics").text

    assert leaks(text) == []
    assert "@" not in text
    assert alice.name not in text
    assert 'label="Main"' in text


def test_o8_labels_are_few_and_known(client, acme, alice, account):
    crowded(acme, alice, account)
    known = {"team", "account", "label", "source", "state", "charged", "kind", "budget", "limit"}

    families = text_string_to_metric_families(client.get("/metrics").text)
    names = {name for family in families for one in family.samples for name in one.labels}

    assert names <= known


def test_more_teams_cost_no_more_queries(client, acme, alice, account):
    read(account)
    put(acme, Subject.TAG, "x", name="x", soft=None, hard=9, account=account, at=NOON)
    with CaptureQueriesContext(
        connection,
    ) as few:
        client.get("/metrics")
    crowded(acme, alice, account)

    with CaptureQueriesContext(connection) as many:
        client.get("/metrics")

    assert len(many) == len(few) <= 12


def test_every_figure_says_what_it_is(client, account):
    Worker.here(at=NOON).beat(at=NOON)
    families = list(text_string_to_metric_families(client.get("/metrics").text))

    assert families
    for family in families:
        assert family.documentation and family.type == "gauge", family.name
        unit = {"credits": "credits", "seconds": "seconds"}.get(family.name.rsplit("_", 1)[-1])
        assert unit is None or unit in family.documentation.lower(), family.name


def test_the_grafana_file_uses_exactly_these_names(client, db):
    dashboard = json.loads((ROOT / "docs" / "grafana.json").read_text())
    asked = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    asked += [one.get("definition", "") for one in dashboard["templating"]["list"]]
    used = {name for one in asked for name in re.findall(r"\bdashboard_\w+", one)}

    families = text_string_to_metric_families(client.get("/metrics").text)

    assert used == {family.name for family in families}
