"""What the charts draw: the rows' own numbers, gaps as gaps, and one sentence."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.usage.burn_rate import Rates
from dashboard.usage.charts.burn_down import burn_down
from dashboard.usage.charts.chart import Frame
from dashboard.usage.charts.cycles import cycle_columns, month_columns
from dashboard.usage.forecast import Forecast, RunOut, Spread, Verdict
from dashboard.usage.formatting import span
from dashboard.usage.history import window_readings
from dashboard.usage.history.window_readings import Point, WindowReadings, thinned
from dashboard.usage.models import CalendarMonth, Snapshot
from dashboard.usage.standing import standing_of
from dashboard.usage.windows import Window, overlapping
from tests.usage.conftest import END, START

AT = datetime(2026, 11, 24, 9, 30, 12, tzinfo=UTC)
ISTANBUL = ZoneInfo("Europe/Istanbul")
FRAME = Frame(AT, ISTANBUL, AT)
CYCLE = Window("stripe", START, END, 4200, 5100, 18500, AT)


def reading(hours: float, left: int, *, included: int = 18500, prepaid: int = 2000) -> Point:
    used = included - left
    return Point(START + timedelta(hours=hours), included, left, used, used, 0, prepaid)


def read(points: list[Point]) -> WindowReadings:
    return WindowReadings(tuple(points), tuple(window_readings.marks(points)))


def standing(at=AT, **changes):
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
        **changes,
    }
    row = Snapshot(**facts)
    return standing_of(Account(label="Main"), [row], at=at)


def series(chart, role):
    return [one for one in chart["series"] if one["role"] == role]


def test_the_burn_down_falls_from_the_allowance_to_what_is_left():
    points = [reading(hours, 18500 - 10 * hours) for hours in range(0, 480, 4)]

    chart = burn_down(CYCLE, read(points), frame=FRAME, standing=standing())

    left = series(chart, "left")[0]["data"]
    assert left[0] == {"x": START.isoformat(), "y": 18500}
    assert left[-1]["y"] == 18500 - 10 * 476
    assert [dot["y"] for dot in series(chart, "pace")[0]["data"]] == [18500, 0]
    assert {dot["y"] for dot in series(chart, "allowance")[0]["data"]} == {18500}
    assert chart["x"] == {"type": "time", "min": START.isoformat(), "max": END.isoformat()}
    assert [mark["role"] for mark in chart["marks"]] == ["renewal", "now"]
    assert "Renews 3 Dec" in chart["marks"][0]["label"]


def ran_out(early, median, late, verdict, **more) -> Forecast:
    one = RunOut(early, median, late, 0.5, verdict)
    return Forecast(AT, AT, Rates(), 20.0, verdict, one, one, **more)


def test_the_sentence_says_used_of_allowance_days_to_go_and_what_is_to_be_left():
    lasts = ran_out(None, None, None, Verdict.YES, used_at_end=Spread(13000, 13286, 14000))

    chart = burn_down(
        CYCLE, WindowReadings(), frame=FRAME, standing=replace(standing(), outlook=lasts)
    )

    assert chart["summary"] == (
        "9,300 of 18,500 credits used with 9 days to go. Lasts until renewal: yes. "
        "It is to end with 4,500 to 5,500 left, most likely 5,214."
    )


def test_the_sentence_names_the_days_between_which_the_credits_run_out():
    days = [AT + timedelta(days=n) for n in (2, 3, 5)]
    now = replace(standing(), outlook=ran_out(*days, Verdict.NO))

    chart = burn_down(CYCLE, WindowReadings(), frame=FRAME, standing=now)

    assert chart["summary"].endswith(
        "Lasts until renewal: no; the included credits run out between 26 and 29 Nov, "
        "most likely 27 Nov."
    )


def test_without_a_forecast_it_is_too_early_to_say():
    chart = burn_down(CYCLE, WindowReadings(), frame=FRAME, standing=standing())

    assert chart["summary"].endswith(
        "with 9 days to go. Lasts until renewal: too early to say; no forecast has been made yet."
    )


def test_where_the_renewal_lies_within_the_range_it_is_too_close_and_not_too_early():
    days = AT + timedelta(days=6), None, None
    ends = Spread(18_200, 18_450, 19_000)
    now = replace(standing(), outlook=ran_out(*days, Verdict.TOO_EARLY, used_at_end=ends))

    chart = burn_down(CYCLE, WindowReadings(), frame=FRAME, standing=now)

    assert chart["summary"].endswith(
        "Lasts until renewal: too close to say; the cycle is to end between 300 left and 500 "
        "short; the included credits run out perhaps from 30 Nov on, more likely only after the "
        "renewal."
    )


def test_a_gap_of_more_than_six_hours_breaks_the_line_and_is_marked():
    points = [reading(0, 18500), reading(6, 18000), reading(13, 17000), reading(14, 16900)]

    chart = burn_down(CYCLE, read(points), frame=FRAME)

    assert [dot["y"] for dot in series(chart, "left")[0]["data"]] == [
        18500,
        18000,
        None,
        17000,
        16900,
    ]
    assert [mark["role"] for mark in chart["marks"]][0] == "gap"


def test_days_before_the_first_reading_are_only_joined_by_a_dashed_line():
    chart = burn_down(CYCLE, read([reading(200, 12000)]), frame=FRAME)

    solid, dashed = series(chart, "left")
    assert not solid["dashed"] and [dot["y"] for dot in solid["data"]] == [12000]
    assert dashed["dashed"] and [dot["y"] for dot in dashed["data"]] == [18500, 12000]


def test_d7_usage_that_falls_is_marked_as_a_correction():
    chart = burn_down(CYCLE, read([reading(1, 18000), reading(2, 18200)]), frame=FRAME)

    assert chart["marks"][0]["role"] == "correction"
    assert chart["marks"][0]["label"] == "RemBG corrected usage: 500 → 300"


def test_d9_a_change_of_plan_is_a_step_of_the_allowance_and_a_top_up_is_marked():
    points = [
        reading(1, 400, included=500),
        reading(2, 1900, included=2000),
        reading(3, 1900, included=2000, prepaid=2500),
    ]

    chart = burn_down(CYCLE, read(points), frame=FRAME)

    assert [dot["y"] for dot in series(chart, "allowance")[0]["data"]] == [500, 2000, 2000]
    assert [(mark["role"], mark["label"]) for mark in chart["marks"]][:2] == [
        ("plan", "Allowance: 500 → 2,000"),
        ("topup", "Top-up: +500 prepaid"),
    ]
    assert [dot["y"] for dot in series(chart, "pace")[0]["data"]] == [2000, 0]


def test_a_past_cycle_without_readings_says_so_and_shows_its_totals():
    past = Window("stripe", START, END, 8200, 3100, None, END + timedelta(days=1))

    chart = burn_down(past, WindowReadings(), frame=Frame(END + timedelta(days=3), ISTANBUL, END))

    assert chart["summary"] == (
        "Nobody read this cycle while it ran, so its course is not known. "
        "This cycle used 11,300 credits: 8,200 in the app and 3,100 by API."
    )
    assert chart["table"]["rows"] == [["3 Nov – 3 Dec", None, 11300, 8200, 3100, None]]
    assert series(chart, "left")[0]["data"] == []


def test_a_closed_cycle_ends_at_its_final_counters():
    closed = Window("stripe", START, END, 9000, 5000, 18500, END + timedelta(minutes=1))
    points = [reading(hours, 18500 - 10 * hours) for hours in range(0, 718, 4)]

    chart = burn_down(closed, read(points), frame=Frame(END + timedelta(days=1), ISTANBUL, END))

    assert series(chart, "left")[0]["data"][-1] == {"x": END.isoformat(), "y": 4500}
    assert "used 14,000 of 18,500 credits" in chart["summary"]


def test_d12_the_table_has_the_last_reading_of_each_utc_day_in_the_teams_words():
    late = datetime(2026, 11, 4, 23, 59, 59, tzinfo=UTC)
    points = [Point(late - timedelta(hours=1), 10, 9, 1, 1, 0, 0), Point(late, 10, 8, 2, 2, 0, 0)]

    rows = burn_down(CYCLE, read(points), frame=FRAME)["table"]["rows"]

    assert rows == [["5 Nov, 02:59", 8, 2, 2, 0, 0]]


credits = st.one_of(st.none(), st.integers(0, 10**6))


@st.composite
def windows(draw):
    """Cycles of both kinds, apart, touching or overlapping, with counters known or not."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    found = []
    for _ in range(draw(st.integers(0, 12))):
        start += timedelta(seconds=draw(st.integers(1, 40 * 86400)))
        end = start + timedelta(seconds=draw(st.integers(-86400, 40 * 86400)))
        kind = draw(st.sampled_from(["stripe", "calendar"]))
        found.append(Window(kind, start, end, draw(credits), draw(credits), draw(credits)))
    return found


@given(windows())
def test_columns_hold_the_counters_of_the_rows_and_never_a_zero_for_an_unknown(found):
    for kind in ("stripe", "calendar"):
        ours = [w for w in found if w.kind == kind and w.start_at < w.end_at]

        chart = cycle_columns(found, kind=kind, frame=FRAME, link=lambda w: w.key)

        app, api = (series(chart, role)[0]["data"] for role in ("app", "api"))
        drawn = [
            (a, b) for a, b, link in zip(app, api, chart["links"], strict=True) if link is not None
        ]
        assert drawn == [(w.app_usage, w.api_usage) for w in ours]
        assert sum(n for n in app if n) == sum(w.app_usage or 0 for w in ours)
        assert len(chart["x"]["labels"]) == len(app) == len(api) == len(chart["links"])
        assert all(n is None for n, link in zip(app, chart["links"], strict=True) if link is None)
        assert len(chart["table"]["rows"]) == len(app)


@given(windows())
def test_overlaps_are_found_whatever_the_order(found):
    sound = [w for w in found if w.start_at < w.end_at]

    shared = overlapping(sound)

    assert shared == overlapping(sound[::-1])
    second = timedelta(seconds=1)
    for one in sound:
        meets = any(
            one != other
            and one.start_at + second < other.end_at
            and other.start_at + second < one.end_at
            for other in sound
        )
        assert (one in shared) >= meets


def test_d8_two_kinds_of_cycles_never_stand_in_one_chart():
    stripe = Window("stripe", START, END, 10, 20, 500)
    calendar = Window(
        "calendar", datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC), 1, 2
    )

    chart = cycle_columns([calendar, stripe], kind="stripe", frame=FRAME)

    assert series(chart, "app")[0]["data"] == [10]
    said = "1 window shares days with another one; it is in no sum and in no mean."
    assert said in chart["summary"]


def test_d5_a_window_that_ends_before_it_starts_makes_no_other_one_share_days():
    unsound = Window("stripe", START + timedelta(days=9), START + timedelta(days=2), 7, 7)

    chart = cycle_columns([CYCLE, unsound], kind="stripe", frame=FRAME)

    assert "shares days" not in chart["summary"]
    assert "A window that ends before it starts is left out." in chart["summary"]


def test_the_running_cycle_is_hatched_and_the_allowance_known_only_where_it_was_read():
    before = Window("stripe", START - timedelta(days=30), START, 7, 8, None, AT)

    chart = cycle_columns([before, CYCLE], kind="stripe", frame=FRAME, link=lambda w: "?" + w.key)

    assert chart["hatched"] == [1]
    known, today = series(chart, "allowance")
    assert known["data"] == [None, 18500] and known["stepped"]
    assert today["data"] == [18500, 18500] and today["dashed"]
    assert chart["links"][1] == f"?{int(START.timestamp())}-stripe"


def test_d5_a_month_that_nobody_listed_is_an_empty_column():
    first = Window("stripe", START - timedelta(days=90), START - timedelta(days=60), 1, 1)

    chart = cycle_columns([first, CYCLE], kind="stripe", frame=FRAME)

    assert series(chart, "app")[0]["data"] == [1, None, 4200]
    assert "not listed" in chart["x"]["labels"][1]
    assert chart["x"]["short"] == ["5 Aug\n2026", "…", "3 Nov"]


def test_d12_a_utc_month_is_called_by_its_name_in_every_zone():
    february = Window(
        "calendar", datetime(2028, 2, 1, tzinfo=UTC), datetime(2028, 3, 1, tzinfo=UTC), 1, 2
    )

    assert span(february, ISTANBUL, at=AT) == "Feb 2028 (UTC)"


def test_months_have_a_chart_of_their_own_with_unread_months_unknown():
    months = [
        CalendarMonth(year=2026, month=9, app_usage=5, api_usage=6, asked_at=AT),
        CalendarMonth(year=2026, month=11, app_usage=1, api_usage=None, asked_at=AT),
    ]

    chart = month_columns(months, frame=FRAME)

    assert chart["x"]["labels"] == ["Sep 2026", "Oct 2026", "Nov 2026"]
    assert chart["x"]["short"] == ["Sep\n2026", "Oct", "Nov"]
    assert series(chart, "app")[0]["data"] == [5, None, 1]
    assert series(chart, "api")[0]["data"] == [6, None, None]
    assert chart["hatched"] == [2]


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=900, unique=True), st.integers(2, 60))
def test_thinning_keeps_order_ends_and_bounds(seconds, most):
    points = [Point(START + timedelta(seconds=n), 9, 8, 1, 1, 0, 0) for n in sorted(seconds)]

    kept = thinned(points, most=most)

    assert len(kept) <= max(most, 1)
    assert kept[0] == points[0] and kept[-1] == points[-1]
    assert all(a.at < b.at for a, b in pairwise(kept))


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(datetime(2026, 3, 28, 23, 59, 59, tzinfo=UTC), id="D12-before-dst"),
        pytest.param(datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC), id="D12-leap-day"),
        pytest.param(datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), id="D12-end-of-year"),
    ],
)
def test_d12_a_day_ends_at_midnight_utc(moment):
    last, first = Point(moment), Point(moment + timedelta(seconds=1))

    assert window_readings.last_of_each_day([last, first]) == [last, first]
    assert window_readings.last_of_each_day([Point(moment - timedelta(hours=5)), last]) == [last]
