"""The traps of the contract's section 2, each by its name: the wrong reading stands nowhere.

The contract's own sample is read, and every place that tells credits is asked for its numbers.
"""

from __future__ import annotations

import csv
import io
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from dashboard.keys.models import Account
from dashboard.overview.models import issue
from dashboard.removals.models import Charged, Removal, State
from dashboard.usage.duplicates import join
from dashboard.usage.polling.ask import poll
from tests.conftest import add_key
from tests.usage.conftest import Answer, Wire

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SAMPLE = {
    "membership": "Premium-20000", "credits": 18500, "prepaidCredits": 2000,
    "app_usage": 8500, "api_usage": 10000,
    "billingCycle": {
        "periodStartUnix": 1740441600, "periodEndUnix": 1743033599,
        "appUsage": 4200, "apiUsage": 5100, "includedCredits": 18500, "prepaidCredits": 2000,
        "usedIncludedCredits": 9300, "remainingIncludedCredits": 9200,
        "stripeBillingSynced": True,
    },
}  # fmt: skip
START, END = (datetime.fromtimestamp(unix, UTC) for unix in (1740441600, 1743033600))
MARCH = datetime(2025, 3, 1, tzinfo=UTC)
AT = datetime(2025, 3, 17, 12, 0, tzinfo=UTC)
PAST = {"periodStartUnix": 1740441600 - 31 * 86_400, "periodEndUnix": 1740441599}
PAST |= {"appUsage": 120, "apiUsage": 880}
KEY = "1740441600-stripe"
ONE = r"(?<![\w.,:-])(?:\d{1,3}(?:,\d{3})+|\d+)(?![\w:-])"
PLACES = {
    "account-page": ["{account}#", "accounts/"],
    "charts-json": [
        "{account}this-cycle.json",
        "{account}cycles.json?kind=stripe",
        "{account}days.json",
        "{account}days.json?span=30",
        "{account}days.json?span=48",
    ],
    "comparison": ["{account}compare/", "{account}compare.json", "compare/", "compare.json"],
    "overview": ["", "explain/spendable/", "explain/remaining/", "explain/prepaid/"],
    "statements": [
        "statements/",
        "statements/{pk}/{key}/",
        "statements/{pk}/{key}.csv",
        "statements/{pk}/cycles/stripe.json",
    ],
    "api": [
        "/api/v1/teams/acme/accounts",
        "{api}cycles",
        "{api}days",
        "{api}hours",
        "{api}forecast",
        "{api}snapshots",
        "{api}statements",
        "{api}statements/{key}",
    ],
    "metrics": ["/metrics"],
    "badge": ["/shared/{badge}/badge.svg", "/shared/{own-badge}/badge.svg"],
    "shared-page": [
        "/shared/{overview}/",
        "/shared/{overview}/?kiosk",
        "/shared/{this_cycle}/",
        "/shared/{this_cycle}/chart.json",
        "/shared/{cycles}/chart.json",
    ],
}
EVERY = pytest.mark.parametrize("place", PLACES)


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(AT + HOUR / 20, tick=False):
        yield


@pytest.fixture
def account(acme) -> Account:
    """The account of Acme, not read yet, of which everything is due."""
    return Account.objects.create(
        team=acme, label="Main", created_at=START, next_poll_at=START, cycles_due_at=START
    )


@dataclass(frozen=True)
class House:
    """Alice's way into every place that tells credits."""

    client: Client
    account: Account
    wire: Wire
    words: dict[str, str]

    def text(self, path: str) -> str:
        """Return what a place says, without its tags; `#` asks for the cycle's part of a page."""
        path, part, _none = path.format(**self.words).partition("#")
        headers = {"HX-Request": "true"} if part else {}
        where = path if path.startswith("/") else f"/teams/acme/{path}"
        answer = self.client.get(where, headers=headers)
        assert answer.status_code == 200, where
        if answer["Content-Type"].startswith("application/json"):
            return json.dumps(answer.json(), ensure_ascii=False)
        return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())

    def numbers(self, place: str) -> set[int]:
        """Return every number that a place says."""
        found = (re.findall(ONE, self.text(path)) for path in PLACES[place])
        return {int(one.replace(",", "")) for part in found for one in part}

    def json(self, path: str) -> dict:
        return json.loads(self.text(path))

    def metric(self, name: str) -> list[float]:
        lines = self.client.get("/metrics").text.splitlines()
        return [float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{")]

    def read(self, answer: object, *, at: datetime = AT, cycles: object = None) -> None:
        """Let RemBG answer so, and read it."""
        self.wire.by_mode(current=answer, cycles=cycles or {"billingCycles": [PAST]})
        poll(self.account, at=at)


def sample(block: dict | None = None, **top: object) -> dict:
    """The contract's sample with some fields replaced; `...` leaves one out."""
    cycle = {**SAMPLE["billingCycle"], **(block or {})}
    cycle = {name: value for name, value in cycle.items() if value is not ...}
    found = {**SAMPLE, "billingCycle": cycle, **top}
    return {name: value for name, value in found.items() if value is not ...}


@pytest.fixture
def house(client, alice, account, wire, acme) -> House:
    """Acme's house, with links to all that is shared; nothing is read yet."""
    add_key(account, "sandbox-premium")
    client.force_login(alice)
    kinds = {"badge": None, "overview": None, "this_cycle": account, "cycles": account}
    facts = {"label": "Wall", "days": 30, "by": alice, "at": AT}
    links = {
        kind: issue(acme, shows=kind, account=mine, **facts)[1] for kind, mine in kinds.items()
    }
    links["own-badge"] = issue(acme, shows="badge", account=account, **facts)[1]
    words = {
        "pk": str(account.pk),
        "key": KEY,
        "account": f"accounts/{account.pk}/",
        "api": f"/api/v1/teams/acme/accounts/{account.pk}/",
        **links,
    }
    return House(client, account, wire, words)


@pytest.fixture
def told(house) -> House:
    """The house after three readings, of which the last is the contract's sample to the letter."""
    for hours in (2, 1):
        grown = {"appUsage": 4200 - 10 * hours, "apiUsage": 5100 - 20 * hours}
        month = {"app_usage": 8500 - 700 * hours, "api_usage": 10000 - 900 * hours}
        used = {"usedIncludedCredits": 9300 - 30 * hours}
        left = {"remainingIncludedCredits": 9200 + 30 * hours}
        house.read(sample(grown | used | left, **month), at=AT - hours * HOUR)
    house.read(SAMPLE)
    return house


SAID: dict[str, set[int]] = {}


@pytest.fixture
def said(request):
    """Return a function that tells what a place says of the sample; each is asked once."""

    def numbers(place: str) -> set[int]:
        if place not in SAID:
            SAID[place] = request.getfixturevalue("told").numbers(place)
        return SAID[place]

    return numbers


RIGHT = {
    "account-page": {4200, 5100, 9300, 9200, 18500, 2000, 11200},
    "charts-json": {4200, 5100, 9300, 9200, 18500, 120, 880},
    "comparison": {9300, 1000},
    "overview": {11200, 9200, 2000},
    "statements": {4200, 5100, 9300},
    "api": {4200, 5100, 9300, 9200, 18500, 2000, 11200},
    "metrics": {9200, 18500, 2000, 11200},
    "badge": {11200},
    "shared-page": {9200, 2000, 11200, 4200, 5100},
}


@EVERY
def test_the_contracts_sample_stands_in_every_place(said, place):
    assert RIGHT[place] - said(place) == set()


# --- month counters -------------------------------------------------------------------------------


@EVERY
def test_trap_month_counters_8500_and_10000_never_stand_for_a_cycle(said, place):
    # The month grew by 700 and 900 an hour, the cycle by 10 and 20.
    wrong = {8500, 10000, 700, 900, 1600, 7800, 9100}

    assert said(place) & wrong == set(), "month counters in a cycle's place"


def test_trap_month_counters_are_a_chart_of_their_own_and_the_cycles_are_not_in_it(told):
    found = told.json("{account}months.json")

    assert [one["data"][-1] for one in found["series"]] == [8500, 10000]
    assert "never added" in found["summary"]


def test_trap_month_counters_move_no_forecast(told):
    course = told.json("{api}forecast")["course"]

    assert min(one["used"]["low"] for one in course) >= 9300
    assert course[0]["used"]["median"] < 9600, "1600 an hour, the month's, in place of 30"


# --- prepaid credits ------------------------------------------------------------------------------


@EVERY
def test_trap_prepaid_2000_is_never_added_to_used_9300_nor_to_included_18500(said, place):
    assert said(place) & {11300, 20500} == set(), "prepaid added into used, or included"


@pytest.mark.parametrize("place", ["charts-json", "comparison", "statements"])
def test_trap_included_left_9200_is_never_11200_with_prepaid(said, place):
    assert 11200 not in said(place), "prepaid added into included"


def test_trap_prepaid_use_of_100_is_no_use_of_the_cycle(told):
    told.read(sample({"prepaidCredits": 1900}, prepaidCredits=1900), at=AT + HOUR / 20)

    hours = told.json("{account}days.json?span=48")["table"]["rows"]
    assert [row[1:4] for row in hours if row[3]] == [[10, 20, 30], [10, 20, 30]]
    assert told.json("{api}statements/{key}")["total"]["credits"] == 9300, "9400 with prepaid"
    assert told.json("/api/v1/teams/acme/accounts")["accounts"][0]["spendable_credits"] == 11100


@pytest.mark.parametrize("place", ["account-page", "overview", "api", "metrics", "badge"])
def test_trap_beyond_the_allowance_0_are_left_and_1300_spendable_never_600(house, place):
    over = {"apiUsage": 15000, "usedIncludedCredits": 19200, "remainingIncludedCredits": 0}
    house.read(sample(over | {"prepaidCredits": 1300}, prepaidCredits=1300))

    found = house.numbers(place)
    assert 1300 in found and 600 not in found, "1300 less the 700 beyond the allowance"


# --- what is an allowance, and what is a balance --------------------------------------------------


@pytest.mark.parametrize("place", ["overview", "badge", "metrics", "shared-page", "account-page"])
def test_trap_credits_18500_is_an_allowance_and_20500_never_spendable(said, place):
    assert 20500 not in said(place), "`credits` + `prepaidCredits` as a balance"


def test_trap_credits_18500_is_never_what_is_left(told):
    [one] = told.json("/api/v1/teams/acme/accounts")["accounts"]

    assert (one["remaining_included_credits"], one["spendable_credits"]) == (9200, 11200)
    assert told.metric("dashboard_included_credits_remaining") == [9200]
    assert "9,200 of 18,500 included credits are left" in told.text("{account}")
    left = next(s for s in told.json("{account}this-cycle.json")["series"] if s["role"] == "left")
    assert 18500 not in [dot["y"] for dot in left["data"]], "the allowance as the credits left"


@EVERY
def test_trap_the_plans_label_20000_is_no_number_of_credits(said, place):
    # 10700 would be left of 20000, and 12700 spendable.
    assert said(place) & {20000, 10700, 12700} == set(), "Premium-20000 as an allowance"


# --- the end of a period --------------------------------------------------------------------------


def test_trap_period_end_is_the_second_before_the_renewal_and_no_cancellation(told):
    page = told.text("{account}")

    assert "The cycle renews on 27 Mar, in 10 days." in page, "26 Mar, a second early"
    assert re.findall(r"(?i)[^.]*\bcancell[^.]*\.", page) == [" Not a cancellation date."]
    assert told.metric("dashboard_cycle_end_timestamp_seconds") == [1743033600]
    assert told.json("{api}cycles")["cycles"][0]["period_end_unix"] == 1743033599
    assert "2025-03-27T00:00:00+00:00" in told.text("statements/{pk}/{key}.csv")


@pytest.mark.parametrize(
    ("seconds", "runs"), [pytest.param(-1, True, id="last"), pytest.param(0, False, id="next")]
)
def test_trap_the_last_second_is_in_the_cycle_and_the_next_one_is_not(told, seconds, runs):
    with time_machine.travel(END + timedelta(seconds=seconds), tick=False):
        told.client.force_login(told.account.team.memberships.get().user)
        assert told.json("{api}statements/{key}")["is_running"] is runs


def test_trap_windows_that_touch_neither_overlap_nor_leave_a_gap(told):
    following = {"periodStartUnix": 1743033600, "periodEndUnix": 1743033600 + 31 * 86_400 - 1}
    counters = {"appUsage": 1, "apiUsage": 2}
    now = {**SAMPLE["billingCycle"], "appUsage": 4300}
    closed = {name: now[name] for name in ("periodStartUnix", "periodEndUnix", *counters)}
    at = END + HOUR
    Account.objects.update(cycles_due_at=at)
    told.account.refresh_from_db()
    with time_machine.travel(at, tick=False):
        told.client.force_login(told.account.team.memberships.get().user)
        block = sample(following | counters | {"usedIncludedCredits": 3})
        told.read(block, at=at, cycles={"billingCycles": [following | counters, closed, PAST]})
        chart = told.json("{account}cycles.json?kind=stripe")
        days = told.json("{account}days.json?cycle={key}")

    assert [one["data"] for one in chart["series"][:2]] == [[120, 4300, 1], [880, 5100, 2]]
    assert "not listed" not in str(chart["x"]["labels"]), "a gap of one second"
    assert "shares days" not in chart["summary"], "an overlap of one second"
    assert sum(row[1] or 0 for row in days["table"]["rows"]) == 4300


def test_trap_a_removal_in_the_last_second_is_paid_by_the_cycle_and_the_next_is_not(told):
    for seconds in (-1, 0):
        sent(told.account, END + timedelta(seconds=seconds))
    told.account.cycles.update(asked_at=END + HOUR)

    assert told.json("{api}statements/{key}")["through"]["credits"] == 1


def sent(account: Account, at: datetime) -> None:
    """Write down a removal that cost a credit."""
    Removal.objects.create(
        team=account.team, account=account, member="Mel", nonce=uuid.uuid4().hex,
        filename="mug.png", picture_type="image/png", picture_bytes=10, width=4, height=3,
        state=State.FAILED, charged=Charged.YES, queued_at=at, not_before_at=at, sending_at=at,
        keep_until=at,
    )  # fmt: skip


# --- windows that overlap -------------------------------------------------------------------------


@pytest.fixture
def fallen_back(told) -> House:
    """After the sample RemBG falls back to the calendar month, and counts that."""
    month = {"periodStartUnix": int(MARCH.timestamp()), "periodEndUnix": 1743465599}
    month |= {"remainingIncludedCredits": 0, "stripeBillingSynced": False}
    for minutes, app, api in ((1, 8480, 9990), (3, 8500, 10000)):
        counters = {"appUsage": app, "apiUsage": api, "usedIncludedCredits": app + api}
        told.read(sample(month | counters), at=AT + minutes * HOUR / 60)
    return told


@EVERY
def test_trap_a_month_18500_that_overlaps_a_cycle_9300_is_never_added(fallen_back, place):
    # App, API, and both, of the cycle and of the calendar month that RemBG fell back to.
    wrong = {4200 + 8500, 5100 + 10000, 9300 + 18500}

    assert fallen_back.numbers(place) & wrong == set(), "overlapping windows added"


def test_trap_each_of_two_kinds_of_windows_keeps_its_own_chart_and_books(fallen_back):
    for kind, app, api in (("stripe", 4200, 5100), ("calendar", 8500, 10000)):
        chart = fallen_back.json(f"{{account}}cycles.json?kind={kind}")
        cut = fallen_back.json(f"statements/{{pk}}/cycles/{kind}.json")
        days = fallen_back.json(f"{{account}}days.json?span=30&kind={kind}")

        assert [one["data"][-1] for one in chart["series"][:2]] == [app, api]
        assert [one["data"][-1] for one in cut["series"]] == [0, app, api]
        assert sum(row[1] or 0 for row in days["table"]["rows"]) == app


def test_trap_two_stripe_windows_that_overlap_are_not_added_over_90_days(house):
    # Listed within the window that RemBG tells of: believed when a second list says so (D20).
    other = {"periodStartUnix": 1740441600 + 6 * 86_400, "appUsage": 50, "apiUsage": 700}
    other |= {"periodEndUnix": 1743033599 + 6 * 86_400}
    for _ in range(2):
        house.account.cycles_due_at = START
        house.read(SAMPLE, cycles={"billingCycles": [other, PAST]})

    chart = house.json("{account}days.json?span=90")
    gaps = house.json("{api}days?since=2025-01-01")["gaps"]

    assert "10,050" not in str(chart) and "10,300" not in str(chart), "overlapping windows added"
    assert [row[3] for row in chart["table"]["rows"] if row[3]] == [1000]
    assert "1,000 credits were used between readings" in chart["summary"]
    assert "overlap is not added" in chart["summary"]
    assert [one["overlaps"] for one in gaps] == [False, True]
    alone = house.json("{account}days.json")
    assert "9,300 credits were used" in alone["summary"], "each is known alone"


# --- what is unknown ------------------------------------------------------------------------------

COUNTERS = ("appUsage", "apiUsage", "usedIncludedCredits", "remainingIncludedCredits")
UNKNOWN = {
    "no-block": sample() | {"billingCycle": None},
    "block-not-asked-for": {name: SAMPLE[name] for name in SAMPLE if name != "billingCycle"},
    "missing": sample(dict.fromkeys(COUNTERS[1:], ...)),
    "null": sample(dict.fromkeys(COUNTERS[1:])),
    "no-number": sample(dict.fromkeys(COUNTERS[1:], "n/a")),
}
AS_UNKNOWN = {
    "account-page": "This account has not been read yet.",
    "overview": "unknown",
    "badge": "unknown",
    "shared-page": "unknown",
    "api": "null",
}


@pytest.mark.parametrize("place", AS_UNKNOWN)
@pytest.mark.parametrize("what", UNKNOWN)
def test_trap_unknown_is_unknown_and_never_0(house, what, place):
    house.read(UNKNOWN[what])

    said = house.text(PLACES[place][0])
    assert AS_UNKNOWN[place] in said
    assert not re.search(r"(?<![\d.,])0 (of|credits)|: 0\b", said), "unknown as 0"
    wrong = {18500 - 4200, 18500 - 4200 + 2000, 20500}
    found = {int(one.replace(",", "")) for one in re.findall(ONE, said)}
    assert found & wrong == set(), "an unknown counter added as 0"


def test_trap_an_unknown_rest_is_never_0_left_and_2000_spendable(house):
    lacking = {"includedCredits": None, "remainingIncludedCredits": None}
    house.read(sample(lacking, credits=None))

    [one] = house.json("/api/v1/teams/acme/accounts")["accounts"]
    assert (one["used_included_credits"], one["prepaid_credits"]) == (9300, 2000)
    assert one["remaining_included_credits"] is one["spendable_credits"] is None, "unknown as 0"
    assert "unknown of unknown included credits are left" in house.text("{account}")
    for place in ("account-page", "overview", "shared-page"):
        assert re.search(r"Spendable(?: now)? unknown", house.text(PLACES[place][0]))
    assert "How many credits are left is unknown: RemBG did not say." in house.text("")
    assert "could be read" not in house.text("") + house.text("/shared/{overview}/")
    for path in PLACES["badge"]:
        assert "RemBG credits: unknown" in house.client.get(path.format(**house.words)).text
    assert house.metric("dashboard_spendable_credits") == []
    assert house.metric("dashboard_included_credits_remaining") == []


@pytest.mark.parametrize("what", UNKNOWN)
def test_trap_unknown_has_no_series_in_metrics(house, what):
    house.read(UNKNOWN[what])

    assert house.metric("dashboard_included_credits_remaining") == [], "unknown as 0"
    assert house.metric("dashboard_spendable_credits") == []


def test_trap_an_unknown_counter_leaves_the_total_unknown_in_charts_and_books(house):
    house.read(sample({"apiUsage": None, "usedIncludedCredits": None}))

    chart = house.json("{account}cycles.json?kind=stripe")
    books = house.json("{api}statements/{key}")
    rows = list(csv.DictReader(io.StringIO(house.client.get(
        f"/teams/acme/statements/{house.account.pk}/{KEY}.csv"
    ).content.decode("utf-8-sig"))))  # fmt: skip

    assert [one["data"][-1] for one in chart["series"][:2]] == [4200, None], "API unknown as 0"
    assert chart["table"]["rows"][0][3] is None, "4200 as the total, with unknown as 0"
    assert (books["total"]["credits"], books["outside_api"]["credits"]) == (None, None)
    assert [row["Credits"] for row in rows if row["Name"] == "Total counted by RemBG"] == [""]
    assert house.json("{account}days.json")["series"][1]["data"][-1] is None
    dots = [one["data"] for one in house.json("{account}compare.json")["series"]]
    assert 4200 not in dots[0] and 0 not in dots[0]
    assert house.json("{api}forecast")["included"] is None


def test_trap_numbers_in_strings_are_numbers(house):
    house.read(sample({name: str(SAMPLE["billingCycle"][name]) for name in COUNTERS}))

    assert "9,200 of 18,500 included credits are left" in house.text("{account}")


@EVERY
def test_trap_a_good_number_stays_when_the_next_answer_lacks_it(told, place):
    told.read({name: SAMPLE[name] for name in SAMPLE if name != "billingCycle"}, at=AT + HOUR / 20)

    found = told.numbers(place)
    assert RIGHT[place] - found == set(), "the last good number is gone"
    assert found & {8500, 10000} == set(), "the month's counters in place of the missing block"


@pytest.mark.parametrize("status", [402, 403, 429, 500])
def test_trap_an_account_answer_on_another_status_is_read_and_not_unknown(house, status):
    house.read(Answer(SAMPLE, status=status))

    assert "9,200 of 18,500 included credits are left" in house.text("{account}")
    assert house.metric("dashboard_spendable_credits") == [11200]


# --- keys and accounts ----------------------------------------------------------------------------

DOUBLED = {22400, 18400, 4000, 18600, 8400, 10200, 37000}


@pytest.fixture(params=["filed-together", "not-decided-yet", "joined"])
def two_keys(request, told, alice) -> House:
    """Two keys of the one account: filed under it, found to be a twin, or joined to it."""
    if request.param == "filed-together":
        add_key(told.account, "sandbox-premium-2", "Batch")
        told.read(SAMPLE, at=AT + HOUR / 20)
        return told
    twin = Account.objects.create(
        team=told.account.team, label="Twin", next_poll_at=AT, cycles_due_at=AT
    )
    add_key(twin, "sandbox-premium-2", "Batch")
    told.wire.by_mode(current=SAMPLE, cycles={"billingCycles": [PAST]})
    poll(twin, at=AT)
    twin.refresh_from_db()
    assert twin.same_as == told.account
    if request.param == "joined":
        join(twin, by=alice, at=AT, address=None)
        told.read(SAMPLE, at=AT + HOUR / 20)
    return told


@EVERY
def test_trap_two_keys_of_one_account_are_11200_and_never_22400(two_keys, place):
    found = two_keys.numbers(place)

    assert found & DOUBLED == set(), "keys added in place of accounts"
    assert RIGHT[place] - found == set()


def test_trap_two_keys_are_one_account_to_programs(two_keys):
    assert len(two_keys.json("/api/v1/teams/acme/accounts")["accounts"]) == 1
    assert two_keys.metric("dashboard_spendable_credits") == [11200], "keys added, not accounts"
