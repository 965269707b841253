"""Where cycles end: as RemBG told it, or inferred from the rhythm of the subscription (D15-D17)."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.teams.models import User
from dashboard.usage.models import Cycle
from dashboard.usage.polling.ask import poll, read_window
from dashboard.usage.polling.cycle_ends import settle_ends
from tests.conftest import add_key
from tests.usage.conftest import Answer, listed, usage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)


def utc(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)


def renewal(anchor: datetime, number: int, *, months: int = 1) -> datetime:
    """Return when a subscription renews for the so-manieth time, reckoned from its anchor."""
    year, index = divmod(anchor.year * 12 + anchor.month - 1 + number * months, 12)
    day = min(anchor.day, monthrange(year, index + 1)[1])
    return anchor.replace(year=year, month=index + 1, day=day)


def told(start: datetime, end: datetime, kind: str = "stripe") -> Cycle:
    return Cycle(kind=kind, kind_guessed=False, start_at=start, end_at=end, told_end_at=end)


def only_listed(start: datetime) -> Cycle:
    return Cycle(kind="stripe", kind_guessed=True, start_at=start, end_at=start + 99 * DAY)


ANCHORS = st.datetimes(
    min_value=datetime(2020, 1, 1),  # noqa: DTZ001
    max_value=datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda one: one.replace(microsecond=0, hour=one.hour or 7))


@given(
    anchor=ANCHORS,
    used=st.lists(st.booleans(), min_size=1, max_size=30),
    months=st.sampled_from([1, 12]),
)
def test_d15_whatever_was_unused_a_listed_cycle_ends_where_it_did(anchor, used, months):
    now = len(used)
    # Of the cycles only the used ones are listed; the running one is told.
    mine = [n for n, was_used in enumerate(used) if was_used]
    starts = {n: renewal(anchor, n, months=months) for n in range(now + 2)}
    cycles = [only_listed(starts[n]) for n in mine] + [told(starts[now], starts[now + 1])]

    settle_ends(cycles)

    # A day after the 28th shows only in a cycle that begins or ends on it.
    shown = {starts[n].day for n in [*mine, now, now + 1]}
    if anchor.day <= 28 or anchor.day in shown:
        assert [one.end_at for one in cycles] == [starts[n + 1] for n in [*mine, now]]
    assert {one.end_source for one in cycles[:-1]} <= {"rhythm", "next"}
    assert cycles[-1].end_source == "told"


@pytest.mark.parametrize(
    ("cycles", "ends"),
    [
        pytest.param(
            [only_listed(utc(2026, 1, 31, 8)), told(utc(2026, 3, 31, 8), utc(2026, 4, 30, 8))],
            [(utc(2026, 2, 28, 8), "rhythm"), (utc(2026, 4, 30, 8), "told")],
            id="the-31st",
        ),
        pytest.param(
            [only_listed(utc(2024, 2, 29, 8)), told(utc(2027, 2, 28, 8), utc(2028, 2, 29, 8))],
            [(utc(2025, 2, 28, 8), "rhythm"), (utc(2028, 2, 29, 8), "told")],
            id="a-year-from-a-leap-day",
        ),
        pytest.param(
            [only_listed(utc(2026, 3, 5, 8)), only_listed(utc(2026, 3, 20, 9))],
            [(utc(2026, 3, 20, 9), "next"), (utc(2026, 4, 20, 9), "rhythm")],
            id="the-next-of-its-kind",
        ),
        pytest.param(
            [
                told(utc(2026, 2, 26, 8), utc(2026, 3, 26, 8)),
                told(utc(2026, 3, 1), utc(2026, 4, 1), "calendar"),
            ],
            [(utc(2026, 3, 26, 8), "told"), (utc(2026, 4, 1), "told")],
            id="D8-kinds-do-not-cut-each-other",
        ),
        pytest.param(
            [
                told(utc(2026, 3, 5, 8), utc(2026, 4, 5, 8)),
                told(utc(2026, 3, 20, 9), utc(2026, 4, 20, 9)),
            ],
            [(utc(2026, 3, 20, 9), "shortened"), (utc(2026, 4, 20, 9), "told")],
            id="an-upgrade",
        ),
        pytest.param(
            [told(utc(2026, 3, 5, 8), utc(2026, 4, 5, 8)), only_listed(utc(2026, 3, 20, 9))],
            [(utc(2026, 4, 5, 8), "told"), (utc(2026, 4, 20, 9), "rhythm")],
            id="a-list-shortens-nothing",
        ),
        pytest.param(
            [told(utc(2026, 3, 5, 8), utc(2026, 4, 5, 8, 0, 1)), only_listed(utc(2026, 4, 5, 8))],
            [(utc(2026, 4, 5, 8, 0, 1), "told"), (utc(2026, 5, 5, 8), "rhythm")],
            id="a-second-is-no-overlap",
        ),
    ],
)
def test_d15_each_cycle_ends_where_it_can_be_known(cycles, ends):
    settle_ends(cycles)

    assert [(one.end_at, one.end_source) for one in cycles] == ends


def test_a_subscription_that_renews_at_midnight_on_the_1st_has_billing_cycles():
    cycles = [only_listed(utc(2026, month, 1)) for month in (1, 2, 3)]
    cycles.append(told(utc(2026, 4, 1), utc(2026, 5, 1)))

    settle_ends(cycles)

    assert [one.kind for one in cycles] == ["stripe"] * 4


def test_an_account_that_fell_back_has_calendar_months_on_the_1st():
    cycles = [only_listed(utc(2026, 1, 1)), told(utc(2026, 4, 7, 3), utc(2026, 5, 7, 3))]

    settle_ends(cycles)

    assert [one.kind for one in cycles] == ["calendar", "stripe"]


# --- at the door ---------------------------------------------------------------------------------

STARTS = [utc(2026, month, 12, 15, 4, 5) for month in range(1, 8)]
NOTHING = {"usedIncludedCredits": 0, "remainingIncludedCredits": 18500}


@pytest.fixture
def shop(account, alice) -> Account:
    add_key(account, "canary-of-the-shop")
    return account


def running(number: int, *, app: int = 0) -> dict:
    window = {"start": STARTS[number], "end": STARTS[number + 1]}
    left = {"usedIncludedCredits": app, "remainingIncludedCredits": 18500 - app}
    return usage(app=app, api=0, **window, **left)


def read(shop: Account, wire, current: dict, cycles: dict, *, at: datetime) -> None:
    """Let RemBG answer so, with a list of cycles, and read both."""
    wire.by_mode(current=current, cycles=cycles)
    Account.objects.filter(pk=shop.pk).update(cycles_due_at=at)
    shop.refresh_from_db()
    assert poll(shop, at=at).is_good


@contextmanager
def opened(client, *, at: datetime) -> Iterator[None]:
    """Let Alice sign in at a moment, and the clock stand."""
    with time_machine.travel(at, tick=False):
        client.force_login(User.objects.get(email="alice@example.com"))
        yield


def months(client, *, at: datetime) -> dict[str, tuple[int, bool]]:
    """Return what each month's statement counts, and whether it is final."""
    root = "/api/v1/teams/acme/statements"
    with opened(client, at=at):
        names = client.get(root).json()["months"]
        found = {name: client.get(f"{root}/{name}").json() for name in names}
    return {name: (one["total"]["credits"], one["is_final"]) for name, one in found.items()}


def test_d15_credits_of_a_closed_cycle_stay_in_its_month_whatever_is_unused_after_it(
    shop, wire, client
):
    read(shop, wire, running(0, app=1295), listed((*STARTS[:2], 1295, 0)), at=STARTS[1] - HOUR)
    february = []
    for number in (1, 2, 3):
        # Nothing is used: the list has the used cycle and the running one, and infers its end.
        late = listed((STARTS[0], STARTS[number], 1295, 0), (*STARTS[number : number + 2], 0, 0))
        at = STARTS[number] + DAY
        read(shop, wire, running(number), late, at=at)
        february.append(months(client, at=at)["2026-02"])

    assert february == [(1295, True)] * 3
    assert sum(credits for credits, _ in months(client, at=at).values()) == 1295


def test_d15_a_cycle_that_is_only_listed_says_that_its_end_is_inferred_and_is_not_final(
    shop, wire, client
):
    late = listed((STARTS[0], STARTS[3], 70, 5), (*STARTS[3:5], 0, 0))
    at = STARTS[3] + DAY
    read(shop, wire, running(3), late, at=at)
    key = f"{int(STARTS[0].timestamp())}-stripe"

    with opened(client, at=at):
        page = client.get(f"/teams/acme/accounts/{shop.pk}/?cycle={key}").text
        statement = client.get(f"/teams/acme/statements/{shop.pk}/{key}/").text
        [cycle] = [
            one
            for one in client.get(f"/api/v1/teams/acme/accounts/{shop.pk}/cycles").json()["cycles"]
            if one["period_start_unix"] == int(STARTS[0].timestamp())
        ]
    assert cycle["period_end_unix"] == int(STARTS[1].timestamp()) - 1
    assert cycle["period_end_source"] == "rhythm"
    inferred = "This one is inferred: a month after its start, as the subscription renews."
    assert inferred in " ".join(page.split()) and inferred in " ".join(statement.split())
    assert months(client, at=at)["2026-02"] == (75, False)


def test_d15_rembg_is_asked_once_for_the_end_of_a_cycle_that_was_only_listed(shop, wire, client):
    late = listed((STARTS[0], STARTS[3], 70, 5), (*STARTS[3:5], 0, 0))
    at = STARTS[3] + DAY
    read(shop, wire, running(3), late, at=at)
    well = wire.say

    def say(query: dict[str, str], key: str) -> Answer:
        if "periodStartUnix" in query:
            return Answer(usage(app=70, api=5, start=STARTS[0], end=STARTS[1]))
        return well(query, key)

    wire.say = say
    for number in range(1, 20):
        poll(shop, at=at + number * HOUR)

    asked = [query["periodStartUnix"] for query, _ in wire.asked if "periodStartUnix" in query]
    assert asked == [str(int(STARTS[0].timestamp()))]
    assert months(client, at=at + DAY)["2026-02"] == (75, True)


def test_an_answer_about_another_window_than_the_one_asked_for_tells_no_end(shop, wire):
    late = listed((STARTS[0], STARTS[3], 70, 5), (*STARTS[3:5], 0, 0))
    read(shop, wire, running(3), late, at=STARTS[3] + DAY)

    read_window(shop, STARTS[0], at=STARTS[3] + 2 * DAY)

    first = shop.cycles.get(start_at=STARTS[0])
    assert (first.end_at, first.end_source) == (STARTS[1], "rhythm")


@pytest.mark.parametrize("late", [3, 26, 48], ids="late-by-{}-h".format)
def test_d16_rows_of_a_cycle_hold_what_was_counted_after_its_renewal(shop, wire, client, late):
    empty = {"billingCycles": []}
    end, url = STARTS[1], f"/teams/acme/accounts/{shop.pk}/days.json"
    old, new = (f"{int(one.timestamp())}-stripe" for one in STARTS[:2])
    for hours in range(-48, late + 1):
        app = 3800 + (hours + 48) * 2
        read(shop, wire, running(0, app=app), empty, at=end + hours * HOUR)
    counted = app
    for hours in range(late + 1, late + 6):
        read(shop, wire, running(1, app=hours - late), empty, at=end + hours * HOUR)

    at = end + (late + 6) * HOUR
    with opened(client, at=at):
        rows = {key: client.get(url, {"cycle": key}).json()["table"]["rows"] for key in (old, new)}
        days = client.get(url, {"span": "90"}).json()["table"]["rows"]
    [after] = [row for row in rows[old] if "counted after its renewal" in row[-1]]
    assert after[3] == late * 2
    assert sum(row[3] or 0 for row in rows[old]) == counted
    assert sum(row[3] or 0 for row in rows[new]) == 5
    assert sum(row[3] or 0 for row in days) == counted + 5


@pytest.mark.parametrize("minutes", [1, 4])
def test_d17_what_is_read_before_a_cycle_begins_by_our_clock_is_of_its_first_hour(
    shop, wire, client, minutes
):
    begin = utc(2026, 3, 12, 9)
    ends = {"start": begin - 28 * DAY, "end": begin}, {"start": begin, "end": begin + 31 * DAY}
    early = begin - timedelta(minutes=minutes)
    empty = {"billingCycles": []}
    read(shop, wire, usage(app=900, api=0, **ends[0]), empty, at=begin - HOUR / 4)
    read(shop, wire, usage(app=7, api=0, **NOTHING | ends[1]), empty, at=early)
    with opened(client, at=early):
        page = client.get(f"/teams/acme/accounts/{shop.pk}/").text
    read(shop, wire, usage(app=9, api=0, **NOTHING | ends[1]), empty, at=begin + HOUR / 5)

    with opened(client, at=begin + HOUR):
        api = f"/api/v1/teams/acme/accounts/{shop.pk}/hours"
        hours = client.get(api, {"day": "2026-03-12"}).json()["use"]
    by_hour = {one["start_at"][11:13]: one["app_usage"] for one in hours if one["app_usage"]}
    assert by_hour == {"09": 9}
    assert "This cycle" in page and "renews on 12 Apr, in 32 days" in page
