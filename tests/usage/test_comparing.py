"""This cycle against the last ones: the day of the cycle is the ruler, unknown stays unknown."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.usage.charts import compare
from dashboard.usage.charts.chart import Frame
from dashboard.usage.charts.compare import Lane, Stop
from dashboard.usage.cycle_runs import (
    CycleDifference,
    Dot,
    Run,
    day_at,
    difference,
    same_kind_before,
)
from dashboard.usage.history.values import DAY
from dashboard.usage.models import Snapshot
from dashboard.usage.polling.ask import poll
from dashboard.usage.windows import Window
from tests.conftest import add_key
from tests.examples import QUICK, examples
from tests.usage.conftest import END, START, listed, usage

AT = START + timedelta(days=20, hours=3)
ZONE = ZoneInfo("UTC")
BEFORE = START - timedelta(days=31)
OLDEST = BEFORE - timedelta(days=30)
SEVERAL = examples(80, phases=QUICK)
HOURS = st.integers(0, 30 * 24)
COUNTS = st.integers(0, 100_000)


def window(start: datetime = START, days: int = 30, kind: str = "stripe", **more) -> Window:
    return Window(kind, start, start + timedelta(days=days), **more)


def run(*dots: tuple[float, int], final: int | None = None, days: int = 30) -> Run:
    """A run from (hours after the renewal, credits)."""
    known = tuple(Dot(timedelta(hours=hours), used) for hours, used in dots)
    return Run(window(days=days), known, final)


@SEVERAL
@given(st.lists(st.tuples(HOURS, COUNTS), max_size=40), st.none() | COUNTS)
def test_a_day_shows_a_reading_of_that_day_or_nothing(dots, final):
    made = run(*sorted(dots), final=final)

    for number in range(1, made.days + 1):
        of_day = {used for hours, used in dots if day_at(timedelta(hours=hours)) == number}
        allowed = of_day | ({final} if number == made.days else set())
        shown = made.on_day(number)
        assert shown in allowed if shown is not None else not of_day


@SEVERAL
@given(st.lists(st.tuples(HOURS, COUNTS), max_size=20), HOURS)
def test_a_moment_far_from_every_reading_is_unknown(dots, hours):
    found = run(*sorted(dots)).by(timedelta(hours=hours))

    near = {used for at, used in dots if abs(at - hours) <= 1}
    before = [used for at, used in sorted(dots) if at <= hours][-1:]
    stood_still = before == [used for at, used in sorted(dots) if at > hours][:1]
    assert found in (near or (set(before) if stood_still else {None}) or {None})


@SEVERAL
@given(COUNTS, COUNTS)
def test_a_difference_and_its_base_give_the_number_back(now, base):
    found = difference(now, base)

    assert found.base + found.credits == now
    if base:
        assert abs(found.percent * base - found.credits * 100) * 2 <= base
    else:
        assert found.percent is None


@pytest.mark.parametrize(("now", "base"), [(None, 5), (5, None), (None, None)])
def test_what_is_unknown_has_no_difference(now, base):
    assert difference(now, base) is None


@pytest.mark.parametrize(
    ("credits", "base", "said"),
    [
        (1200, 8100, "+15 %"),
        (-1200, 8100, "\N{MINUS SIGN}15 %"),
        (0, 8100, "0 %"),
        (1, 8100, "+less than 1 %"),
        (5, 0, ""),
    ],
)
def test_per_cent_is_said_beside_a_base_only(credits, base, said):
    assert compare.percent(CycleDifference(credits, base)) == said


def test_the_newest_day_is_compared_up_to_the_same_moment_and_not_with_a_whole_day():
    this = run((20 * 24 + 3, 9300))
    last = run((20 * 24 + 3, 8100), (20 * 24 + 23, 8900))

    assert compare.told(this, [last]) == (
        "9,300 credits used on day 21; 1,200 more than on day 21 of the last cycle (+15 %)."
    )
    assert compare.same_moment(this, last) == CycleDifference(1200, 8100)


def test_d8_the_two_kinds_of_windows_are_never_compared():
    calendar = window(datetime(2026, 10, 1, tzinfo=UTC), 31, "calendar", app_usage=7, api_usage=7)
    billing = window(BEFORE, 31)

    assert same_kind_before([calendar, billing], window(), most=12) == [billing]


def test_a_shorter_cycle_had_ended_by_day_31():
    this = run((30 * 24 + 5, 9300), days=31)
    last = run((29 * 24, 7000), final=7100, days=30)

    assert "the last cycle had ended by then, with 7,100." in compare.told(this, [last])
    assert last.by(timedelta(days=30, hours=5)) is None


def test_a_base_of_zero_has_credits_and_no_per_cent():
    this, last = run((20, 40)), run((20, 0))

    assert compare.told(this, [last]) == (
        "40 credits used on day 1; 40 more than on day 1 of the last cycle."
    )


def test_the_day_of_the_end_is_the_last_one_and_no_extra():
    made = run((0, 0), (30 * 24, 55))

    assert (made.days, made.on_day(1), made.on_day(30)) == (30, 0, 55)
    assert day_at(DAY) == 1 and day_at(DAY + timedelta(minutes=1)) == 2


@SEVERAL
@given(st.integers(0, 31 * 86_400_000_000))
def test_the_number_of_a_day_and_the_place_on_the_ruler_are_one_fact(microseconds):
    stop = Stop(timedelta(microseconds=microseconds), "so far")

    assert stop.number - 1 < stop.place <= stop.number or (stop.number, stop.place) == (1, 0)
    assert stop.name == f"Day {stop.number}, so far"


@pytest.mark.parametrize("hours", [23, 24])
def test_a_cycle_that_ended_earlier_on_this_day_has_its_end_there_and_not_unknown(hours):
    this = Lane("This", "this", run((29 * 24 + hours, 9300)), word="so far")
    last = Run(Window("stripe", BEFORE, BEFORE + timedelta(days=29, hours=21)), final=7100)
    lanes = [this, Lane("Last", "last-1", last)]

    chart = compare.by_day("", lanes, frame=Frame(AT, ZONE), summary="", base=last)

    rows = {row[0]: row[1:] for row in chart["table"]["rows"]}
    assert rows["Day 30, so far"] == [9300, 7100, "+2,200"]


@pytest.fixture
def url(account) -> str:
    return f"/teams/acme/accounts/{account.pk}/compare"


@pytest.fixture
def read(wire, key, account) -> Account:
    """The account: the last cycle read on three days, this one now, an older one from the list."""
    for hours, app, api in ((3, 10, 20), (20 * 24 + 3, 3000, 5100), (21 * 24, 3300, 5600)):
        at = BEFORE + timedelta(hours=hours)
        wire.by_mode(current=usage(app=app, api=api, start=BEFORE, end=START))
        with time_machine.travel(at, tick=False):
            poll(account, at=at)
            account.refresh_from_db()
    cycles = ((OLDEST, BEFORE, 120, 880), (BEFORE, START, 4000, 7000), (START, END, 4200, 5100))
    wire.by_mode(current=usage(), cycles=listed(*cycles))
    account.cycles_due_at = AT
    account.save()
    with time_machine.travel(AT, tick=False):
        poll(account, at=AT)
    return account


@pytest.fixture
def as_victor(client, victor):
    with time_machine.travel(AT + timedelta(minutes=3), tick=False):
        client.force_login(victor)
        yield client


def text(answer) -> str:
    """Return what a page says, without the marks that open a number's source."""
    page = re.sub(r'<details class="source".*?</details>', " ", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_page_says_the_same_day_difference(as_victor, read, url):
    page = text(as_victor.get(f"{url}/"))

    assert (
        "9,300 credits used on day 21; 1,200 more than on day 21 of the last cycle (+15 %)." in page
    )
    assert "8,100 +1,200 (+15 %) 11,000" in page
    assert "A day is 24 hours counted from the renewal" in page


def test_a_cycle_that_was_only_listed_shows_its_end_and_no_invented_line(as_victor, read, url):
    page = text(as_victor.get(f"{url}/"))
    chart = as_victor.get(f"{url}.json").json()

    this, last, oldest = drawn(chart)
    assert oldest == {"Day 30": 1000}
    assert "Nobody read it while it ran: only its end is known. 30 unknown unknown 1,000" in page
    assert last == {"Day 1": 30, "Day 21, so far": 8100, "Day 21": 8900, "Day 31": 11000}
    assert this == {"Day 21, so far": 9300}


def drawn(chart: dict) -> list[dict[str, int]]:
    """Return what is known of each line, by the name of the place."""
    names = chart["x"]["labels"]
    return [
        {name: dot for name, dot in zip(names, one["data"], strict=True) if dot is not None}
        for one in chart["series"]
    ]


def test_the_running_day_is_drawn_up_to_now_for_all_and_not_as_a_whole_one():
    """The wrong drawing: 9,300 at the end of day 21, below the last cycle's 9,900 there."""
    this = run((20 * 24, 9000), (20 * 24 + 3, 9300))
    last = run((20 * 24 + 3, 8100), (20 * 24 + 23, 9900), final=11_000, days=31)
    lanes = [Lane("This", "this", this, word="so far"), Lane("Last", "last-1", last)]

    chart = compare.by_day("", lanes, frame=Frame(AT, ZONE), summary="", base=last)

    assert drawn(chart) == [
        {"Day 20": 9000, "Day 21, so far": 9300},
        {"Day 21, so far": 8100, "Day 21": 9900, "Day 31": 11_000},
    ]
    assert [one["x"] for one in chart["marks"]] == ["Day 21, so far"]
    at = chart["x"]["labels"].index("Day 21, so far")
    assert chart["x"]["places"][at - 1 : at + 2] == [20, 20.125, 21]
    rows = {row[0]: row[1:] for row in chart["table"]["rows"]}
    assert rows["Day 21, so far"] == [9300, 8100, "+1,200"]
    assert rows["21"] == ["to come", 9900, "to come"]
    assert rows["31"] == ["ended", 11_000, "ended"]


def test_of_a_closed_cycle_every_day_is_drawn_to_its_end():
    this = run((20 * 24 + 3, 9300), final=9900)
    last = Lane("Last", "last-1", run(final=11_000))
    lanes = [Lane("This", "this", this, word="so far"), last]

    chart = compare.by_day("", lanes, frame=Frame(END, ZONE), summary="", base=last.run)

    assert drawn(chart)[0] == {"Day 21": 9300, f"Day {this.days}": 9900}
    assert chart["marks"] == []


def test_a_cycle_that_had_ended_by_now_is_not_unknown(client, victor, wire, read, url):
    at, end = START + timedelta(days=30, hours=12), START + timedelta(days=31)
    wire.by_mode(current=usage(end=end))
    with time_machine.travel(at, tick=False):
        client.force_login(victor)
        poll(read, at=at)
        page = text(client.get(f"{url}/"))

    assert "only its end is known. 30 ended ended 1,000" in page


@pytest.mark.parametrize(
    ("seconds", "day", "place"), [(-3, 15, 15), (0, 15, 15), (3, 15, 15), (300, 16, 15.0035)]
)
def test_the_day_that_the_page_says_is_the_one_on_which_the_line_ends(
    client, victor, wire, key, account, url, seconds, day, place
):
    """The wrong reading: "Day 16, so far" where the line ends at 15."""
    at = START + timedelta(days=15, seconds=seconds)
    then = BEFORE + timedelta(days=15), START + timedelta(days=14, hours=23), at
    for moment, app, start in zip(then, (3000, 4000, 4200), (BEFORE, START, START), strict=True):
        end = START if start == BEFORE else END
        wire.by_mode(current=usage(app=app, api=5000, start=start, end=end))
        with time_machine.travel(moment, tick=False):
            poll(account, at=moment)
            account.refresh_from_db()

    with time_machine.travel(at + timedelta(minutes=3), tick=False):
        client.force_login(victor)
        page, chart = text(client.get(f"{url}/")), client.get(f"{url}.json").json()

    places = dict(zip(chart["x"]["labels"], chart["x"]["places"], strict=True))
    assert f"9,200 credits used on day {day}; 1,200 more than on day {day} of the last" in page
    assert f"At this moment of day {day}" in page
    assert list(drawn(chart)[0].items())[-1] == (f"Day {day}, so far", 9200)
    assert places[f"Day {day}, so far"] == place == chart["x"]["places"][day - 1]
    assert len(set(places.values())) == len(places)


def test_month_counters_are_not_in_the_comparison(as_victor, read, url):
    """The wrong reading: 8,500 + 10,000 of the calendar month as this cycle's use."""
    said = as_victor.get(f"{url}.json").text + as_victor.get(f"{url}/").text

    assert "18500" not in said and "18,500" not in said


def test_prepaid_credits_are_not_in_the_comparison(as_victor, read, url):
    """The wrong reading: 9,300 used and 2,000 prepaid as one number."""
    assert "11300" not in as_victor.get(f"{url}.json").text.replace(",", "")


def test_how_many_cycles_is_picked_in_the_address(as_victor, read, url):
    one = as_victor.get(f"{url}.json", {"last": 1}).json()

    assert len(one["series"]) == 2
    assert [row[-1] for row in one["table"]["rows"]][20] == "+1,200"
    assert as_victor.get(f"{url}/", {"last": 2}).status_code == 404


def test_an_account_that_was_never_read_has_nothing_to_compare(as_victor, account, url):
    assert "Nothing read yet" in text(as_victor.get(f"{url}/"))
    assert as_victor.get(f"{url}.json").status_code == 404


def test_the_account_page_links_to_its_comparison(as_victor, read, url):
    assert f'href="{url}/"' in as_victor.get(f"/teams/acme/accounts/{read.pk}/").text


@pytest.fixture
def two(read, wire) -> list[Account]:
    """The account of before, on day 21, and one that renewed five days ago."""
    shop = Account.objects.create(
        team=read.team, label="Shop", known_apart_at=AT, next_poll_at=AT, cycles_due_at=AT
    )
    add_key(shop, "sandbox-shop", "Other")
    start = AT - timedelta(days=5)
    with time_machine.travel(AT, tick=False):
        wire.by_mode(current=usage(app=300, api=40, start=start, end=start + timedelta(days=31)))
        poll(shop, at=AT)
    for after, app in ((5, 1000), (10, 2000)):
        at = START + timedelta(days=after)
        wire.by_mode(current=usage(app=app, api=11))
        with time_machine.travel(at, tick=False):
            poll(read, at=at)
    return [read, shop]


def test_accounts_with_different_windows_stand_on_the_same_day(as_victor, two):
    page = text(as_victor.get("/teams/acme/compare/"))
    chart = as_victor.get("/teams/acme/compare.json").json()

    assert "Credits used by day 5, the last that all have reached: Main 1,011, Shop 340." in page
    assert "1,011 21 of 30 9,300" in page and "340 5 of 31 340" in page
    main, shop = drawn(chart)
    assert main == {"Day 5, Shop now": 1011, "Day 10": 2011, "Day 21, Main now": 9300}
    assert shop == {"Day 5, Shop now": 340}
    places = dict(zip(chart["x"]["labels"], chart["x"]["places"], strict=True))
    assert (places["Day 5, Shop now"], places["Day 21, Main now"], places["Day 31"]) == (
        5,
        20.125,
        31,
    )


def test_overlapping_windows_of_accounts_are_never_added(as_victor, two):
    """The wrong reading: 9,300 and 340, or 1,011 and 340, as one number."""
    said = (
        as_victor.get("/teams/acme/compare/").text + as_victor.get("/teams/acme/compare.json").text
    )

    assert "9640" not in said.replace(",", "") and "1351" not in said.replace(",", "")


def test_two_keys_of_one_account_are_one_line(as_victor, two):
    add_key(two[0], "sandbox-main-2", "Second")

    chart = as_victor.get("/teams/acme/compare.json").json()

    assert [one["label"] for one in chart["series"]] == ["Main", "Shop"]


def test_a_twin_is_left_out_until_somebody_decided(as_victor, two):
    Account.objects.filter(pk=two[1].pk).update(same_as=two[0], known_apart_at=None)

    chart = as_victor.get("/teams/acme/compare.json").json()

    assert [one["label"] for one in chart["series"]] == ["Main"]


def test_accounts_are_chosen_in_the_address_and_only_those_of_the_team(as_victor, two, evil):
    other = Account.objects.create(team=evil, label="Other")

    one = as_victor.get("/teams/acme/compare.json", {"account": str(two[1].pk)}).json()

    assert [line["label"] for line in one["series"]] == ["Shop"]
    for wrong in (str(other.pk), "x"):
        assert as_victor.get("/teams/acme/compare/", {"account": wrong}).status_code == 404


def test_a_team_without_a_running_cycle_has_nothing_beside_each_other(as_victor, account):
    assert "Nothing to compare yet" in text(as_victor.get("/teams/acme/compare/"))
    assert as_victor.get("/teams/acme/compare.json").status_code == 404


def test_the_same_day_of_accounts_is_explained(as_victor, two):
    page = text(as_victor.get("/teams/acme/explain/by-day/"))

    assert "Used by day 5 of each account" in page
    assert "Main 1,011 2 weeks, 1 day" in page.replace("\xa0", " ")
    assert "Shop 340" in page and "Nothing is added up." in page


def test_the_difference_is_explained_with_the_reading_of_that_moment(as_victor, read):
    answer = as_victor.get(f"/teams/acme/explain/same-day/{read.pk}/")

    then = Snapshot.objects.get(asked_at=BEFORE + timedelta(days=20, hours=3))
    assert "up to the same moment 8,100" in text(answer) and f"/readings/{then.pk}/" in answer.text
    assert "1,200 +15 %" in text(answer)
