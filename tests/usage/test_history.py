"""What readings in a row say of hours and days: sums that close, gaps that are no zeros."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.usage.history import buckets
from dashboard.usage.history.buckets import HoursAndGaps, day_edges, hours_and_gaps
from dashboard.usage.history.differences import telling
from dashboard.usage.history.tallies import split
from dashboard.usage.history.values import (
    Bucket,
    Closing,
    Course,
    Place,
    Reading,
    floor_day,
    floor_hour,
)
from dashboard.usage.windows import Window
from tests.examples import QUICK, examples

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 11, 3, 9, 30, 12, tzinfo=UTC)
END = datetime(2026, 12, 3, 9, 30, 12, tzinfo=UTC)
ZONES = ["UTC", "Europe/Istanbul", "Asia/Kolkata", "Australia/Lord_Howe", "America/New_York"]
# Moments beside which clocks change, months end, and a leap day lies (D12).
TURNS = [
    datetime(2026, 3, 8, 1, tzinfo=UTC),
    datetime(2026, 4, 4, 10, tzinfo=UTC),
    datetime(2026, 10, 3, 9, tzinfo=UTC),
    datetime(2026, 11, 1, 0, tzinfo=UTC),
    datetime(2026, 12, 31, 20, tzinfo=UTC),
    datetime(2028, 2, 28, 23, 59, 59, tzinfo=UTC),
]


def reading(at: datetime, app: int | None, api: int | None = 0, **more) -> Reading:
    """A reading of November's billing cycle."""
    facts = {
        "kind": "stripe",
        "start_at": START,
        "end_at": END,
        "included": 18500,
        "prepaid": 2000,
        "plan": "Premium-20000",
        "synced": True,
        **more,
    }
    return Reading(at=at, app=app, api=api, **facts)


def after(**length: float) -> datetime:
    return START + timedelta(**length)


def hourly(
    spans: HoursAndGaps, start: datetime, end: datetime, window: Window | None = None
) -> Course:
    edges = [floor_hour(start)]
    while edges[-1] < end:
        edges.append(edges[-1] + HOUR)
    return buckets.course(spans, edges, window=window, longest=timedelta())


def daily(spans: HoursAndGaps, zone: str = "UTC", start=START, end=END, window=None) -> Course:
    edges = day_edges(start, end, ZoneInfo(zone))
    return buckets.course(spans, edges, window=window)


def known(course: Course, kind: str = "stripe", what: str = "app") -> list[int]:
    uses = [getattr(bucket, what).credits for bucket in course.series[kind]]
    return [credits for credits in uses if credits is not None]


def bucket_at(course: Course, at: datetime, kind: str = "stripe") -> Bucket:
    return next(one for one in course.series[kind] if one.start_at <= at < one.end_at)


# --- ordinary use -----------------------------------------------------------------------------


def test_use_in_an_hour_is_what_the_counters_grew():
    spans = hours_and_gaps([reading(after(minutes=m), m, 2 * m) for m in range(0, 121, 15)])

    full = bucket_at(hourly(spans, START, after(hours=3)), after(hours=1))

    assert (full.app.credits, full.api.credits, full.is_complete) == (60, 120, True)
    assert full.levels.app == 75


def test_a_difference_over_the_edge_of_an_hour_is_shared_in_whole_credits_and_says_so():
    ten = datetime(2026, 11, 5, 10, tzinfo=UTC)
    spans = hours_and_gaps(
        [
            reading(ten - timedelta(minutes=10), 100),
            reading(ten + timedelta(minutes=5), 107),
        ]
    )

    course = hourly(spans, ten - HOUR, ten + HOUR)

    assert [bucket.app.credits for bucket in course.series["stripe"]] == [5, 2]
    assert all(bucket.is_estimated for bucket in course.series["stripe"])


def test_nothing_used_over_the_edge_of_an_hour_is_no_estimate():
    spans = hours_and_gaps([reading(after(minutes=m), 0) for m in (0, 20, 40)])

    assert not any(b.is_estimated for b in hourly(spans, START, after(hours=1)).series["stripe"])


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=6))
def test_shares_are_whole_near_their_weight_and_add_up(amount, weights):
    weights = [*weights, 1]

    shares = split(amount, weights)

    assert sum(shares) == amount
    whole = sum(weights)
    assert all(abs(s * whole - amount * w) < whole for s, w in zip(shares, weights, strict=True))


# --- what is not known is not 0 -----------------------------------------------------------------


def test_a_gap_is_known_as_a_whole_and_in_none_of_its_hours():
    spans = hours_and_gaps([reading(after(hours=1), 10), reading(after(hours=5), 50)])

    course = hourly(spans, START, after(hours=6))

    (gap,) = [one for one in course.gaps if one.start_at == after(hours=1)]
    assert (gap.app.credits, gap.end_at) == (40, after(hours=5))
    assert bucket_at(course, after(hours=3)).app.credits is None, "read as 0, or spread"


def test_a_gap_within_one_day_counts_in_that_day():
    spans = hours_and_gaps([reading(after(hours=1), 10), reading(after(hours=9), 50)])

    first = daily(spans).series["stripe"][0]

    assert first.app.credits == 50 and not first.is_complete and not daily(spans).gaps


def test_a_gap_of_days_counts_in_no_day_but_in_the_sum():
    spans = hours_and_gaps([reading(after(hours=1), 10), reading(after(days=4), 500)])

    course = daily(spans)

    assert bucket_at(course, after(days=2)).app.credits is None, "unknown read as 0"
    assert [gap.app.credits for gap in course.gaps] == [490]
    assert course.total("app", kind="stripe") == 500


def test_a_counter_missing_in_one_reading_is_followed_to_the_next_that_has_it_d2():
    spans = hours_and_gaps(
        [
            reading(after(minutes=0), 0),
            reading(after(minutes=10), None, 5),
            reading(after(minutes=20), 8, 6),
        ]
    )

    first = hourly(spans, START, after(minutes=20)).series["stripe"][0]

    assert (first.app.credits, first.api.credits) == (8, 6)


def test_a_counter_that_was_never_given_is_unknown_and_not_0():
    spans = hours_and_gaps([reading(after(minutes=m), m, None) for m in range(0, 60, 15)])

    bucket = hourly(spans, START, after(hours=1)).series["stripe"][0]

    assert bucket.api.credits is None, "unknown as 0"
    assert bucket.used is None and not bucket.is_complete


def test_what_was_used_before_the_first_reading_is_a_gap_from_the_start_of_the_cycle():
    spans = hours_and_gaps([reading(after(days=10), 4200, 5100)])

    course = daily(spans)

    (gap,) = course.gaps
    assert (gap.start_at, gap.app.credits, gap.api.credits) == (START, 4200, 5100)
    assert known(course) == []


# --- what happens between readings --------------------------------------------------------------


def test_d7_a_correction_is_shown_as_such_never_as_negative_use_and_never_as_0():
    at = datetime(2026, 11, 5, 10, 10, tzinfo=UTC)
    steps = [(0, 500), (10, 450), (20, 453)]
    spans = hours_and_gaps([reading(at + timedelta(minutes=m), app) for m, app in steps])

    course = hourly(spans, at, at + HOUR)
    bucket = course.series["stripe"][0]

    assert (bucket.app.credits, bucket.app.back) == (3, 50), "a fall read as use of -50, or as 0"
    assert not bucket.is_complete
    (mark,) = [one for one in course.marks if one.role == "correction"]
    assert (mark.what, mark.before, mark.after) == ("app", 500, 450)
    assert daily(spans).total("app", kind="stripe") == 453


def test_an_hour_in_which_only_a_correction_happened_has_no_known_use():
    at = datetime(2026, 11, 5, 10, 10, tzinfo=UTC)
    spans = hours_and_gaps([reading(at, 500), reading(at + timedelta(minutes=10), 450)])

    bucket = bucket_at(hourly(spans, at, at + HOUR), at)

    assert bucket.app.credits is None and bucket.app.back == 50


def renewed(final: tuple[int, int] | None) -> HoursAndGaps:
    """Read ten minutes before a renewal and ten minutes after it; final counters if closed."""
    old = Place("stripe", START)
    read = [
        reading(END - timedelta(minutes=20), 80, 10),
        reading(END - timedelta(minutes=10), 90, 10),
        reading(END + timedelta(minutes=10), 4, 0, start_at=END, end_at=END + 30 * DAY),
    ]
    closings = [Closing(old, END, *final, is_final=True)] if final else []
    return hours_and_gaps(read, closings)


def test_a_renewal_starts_the_counter_anew_and_the_closed_cycle_tells_what_was_missed():
    spans = renewed((95, 10))
    old, new = Window("stripe", START, END), Window("stripe", END, END + 30 * DAY)

    assert daily(spans, window=old).total("app", kind="stripe") == 95
    fresh = daily(spans, start=END, end=END + DAY, window=new)
    assert fresh.total("app", kind="stripe") == 4, "read as a correction of 86"
    both = bucket_at(hourly(spans, END - HOUR, END + HOUR), END)
    assert both.app.credits is not None and both.app.back == 0
    marks = hourly(spans, END - HOUR, END + HOUR).marks
    assert [(mark.role, mark.at) for mark in marks] == [("renewal", END)]


def test_without_the_closed_cycle_the_end_of_the_old_window_is_unknown():
    spans = renewed(None)
    old = Window("stripe", START, END)

    last = bucket_at(hourly(spans, END - HOUR, END, window=old), END - timedelta(minutes=5))

    assert not last.is_complete


def test_a_reading_just_after_the_end_still_belongs_to_the_old_window():
    spans = hours_and_gaps(
        [
            reading(END - timedelta(minutes=10), 90),
            reading(END + timedelta(minutes=5), 97),
            reading(END + timedelta(minutes=20), 1, start_at=END, end_at=END + 30 * DAY),
        ]
    )
    old = Window("stripe", START, END)

    course = hourly(spans, END - HOUR, END + HOUR, window=old)

    assert bucket_at(course, END - timedelta(minutes=1)).app.credits == 7
    assert course.series["stripe"][-1].app.credits is None


def test_a_top_up_and_prepaid_use_stand_apart_from_the_included_credits():
    at = datetime(2026, 11, 5, 10, 5, tzinfo=UTC)
    steps = [(0, 100, 50), (10, 100, 20), (20, 100, 1020), (30, 100, 1015)]
    spans = hours_and_gaps(
        [reading(at + timedelta(minutes=m), app, prepaid=p) for m, app, p in steps]
    )

    course = hourly(spans, at, at + HOUR)

    assert bucket_at(course, at).app.credits == 0, "prepaid added into included"
    assert course.prepaid[0].prepaid.credits == 35 and course.prepaid[0].prepaid.back == 1000
    (mark,) = course.marks
    assert (mark.role, mark.before, mark.after) == ("topup", 20, 1020)


def test_prepaid_is_followed_across_a_renewal():
    end = END.replace(minute=0, second=0)
    spans = hours_and_gaps(
        [
            reading(end - timedelta(minutes=10), 90, prepaid=100, end_at=end),
            reading(end + timedelta(minutes=10), 0, prepaid=90, start_at=end),
        ]
    )

    course = hourly(spans, end - HOUR, end + HOUR)

    assert [bucket.prepaid.credits for bucket in course.prepaid] == [5, 5]


def test_d9_a_change_of_the_plan_is_marked_and_changes_no_use():
    changed = {"included": 20000, "plan": "Premium-25000"}
    spans = hours_and_gaps(
        [reading(after(minutes=10), 5), reading(after(minutes=20), 9, **changed)]
    )

    course = hourly(spans, START, after(hours=1))

    marks = {(mark.role, mark.what): (mark.before, mark.after) for mark in course.marks}
    assert marks == {
        ("plan", "allowance"): (18500, 20000),
        ("plan", "plan"): ("Premium-20000", "Premium-25000"),
    }
    assert course.total("app", kind="stripe") == 9


MONTH = {
    "kind": "calendar",
    "synced": False,
    "start_at": datetime(2026, 11, 1, tzinfo=UTC),
    "end_at": datetime(2026, 12, 1, tzinfo=UTC),
}


def test_d8_the_switch_of_synced_makes_two_series_and_no_merge():
    spans = hours_and_gaps(
        [
            reading(after(days=1), 900),
            reading(after(days=1, minutes=15), 910),
            reading(after(days=1, minutes=30), 40, **MONTH),
            reading(after(days=1, minutes=45), 45, **MONTH),
            reading(after(days=1, minutes=60), 930),
        ]
    )

    course = hourly(spans, START, after(days=2))

    assert set(course.series) == {"stripe", "calendar"}
    assert not any(mark.role == "correction" for mark in course.marks), "a fall of 870"
    assert [mark.role for mark in course.marks] == ["switch", "switch"]
    assert course.total("app", kind="stripe") == 930
    assert course.total("app", kind="calendar") == 5, "month counters in a cycle series"
    assert [gap.app.credits for gap in course.gaps if gap.place.kind == "calendar"] == [40]


def test_d8_a_reading_that_does_not_say_its_kind_takes_that_of_its_window():
    november = {**MONTH, "kind": "stripe", "synced": True}
    guessed = {**MONTH, "synced": None}
    start = MONTH["start_at"]
    spans = hours_and_gaps(
        [
            reading(start + timedelta(minutes=10), 5, **november),
            reading(start + timedelta(minutes=20), 8, **guessed),
        ]
    )

    assert set(hourly(spans, start, start + HOUR).series) == {"stripe"}


def test_d5_windows_that_overlap_are_not_added_and_each_is_whole_alone():
    middle = START + 5 * DAY
    other = {"start_at": middle, "end_at": middle + 30 * DAY}
    read = [reading(START + n * HOUR / 2, n) for n in range(400)]
    read += [
        reading(middle + timedelta(minutes=7) + n * HOUR / 2, 3 * n, **other) for n in range(9)
    ]
    spans = hours_and_gaps(read)

    both = bucket_at(hourly(spans, middle, middle + 4 * HOUR), middle + 2 * HOUR)
    alone = hourly(spans, START, middle + 5 * DAY, window=Window("stripe", START, END))

    assert both.overlaps and both.app.credits is None, "overlapping windows added"
    assert alone.total("app", kind="stripe") == 399


def test_a_window_cut_short_by_a_new_one_ends_where_that_begins():
    middle = START + DAY
    spans = hours_and_gaps(
        [
            reading(middle - timedelta(minutes=10), 50),
            reading(middle + timedelta(minutes=5), 53),
            reading(middle + timedelta(minutes=10), 2, start_at=middle, end_at=middle + 30 * DAY),
        ],
        [Closing(Place("stripe", START), END, 53, 0, is_final=False)],
    )

    bucket = hourly(spans, middle, middle + timedelta(minutes=10)).series["stripe"][0]

    assert not bucket.overlaps and bucket.app.credits == 3 + 2


def test_a_listed_window_that_nobody_read_is_one_gap_with_its_total():
    place = Place("stripe", START - 30 * DAY)
    spans = hours_and_gaps(
        [reading(after(minutes=5), 1)], [Closing(place, START, 70, 30, is_final=True)]
    )

    window = Window("stripe", place.start_at, START)

    course = daily(spans, start=place.start_at, end=START, window=window)

    assert course.total("app", kind="stripe") == 70 and len(course.gaps) == 1


def test_d6_late_answers_are_put_in_their_place():
    read = [reading(after(minutes=m), m) for m in range(0, 60, 10)]

    assert hours_and_gaps([read[3], read[0], *read[4:], read[2], read[1]]) == hours_and_gaps(read)


# --- days (D12) ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("America/New_York", date(2026, 3, 8), 23, id="D12-spring"),
        pytest.param("America/New_York", date(2026, 11, 1), 25, id="D12-autumn"),
        pytest.param("Australia/Lord_Howe", date(2026, 4, 5), 24.5, id="D12-half-hour"),
        pytest.param("Africa/Cairo", date(2026, 4, 24), 23, id="D12-no-midnight"),
        pytest.param("Pacific/Apia", date(2011, 12, 31), 24, id="D12-day-left-out"),
        pytest.param("Asia/Kolkata", date(2028, 2, 29), 24, id="D12-leap-day"),
    ],
)
def test_a_day_of_a_zone_has_its_own_length(zone, day, hours):
    noon = datetime.combine(day, time(12), tzinfo=ZoneInfo(zone))

    edges = day_edges(noon - 2 * DAY, noon + 2 * DAY, ZoneInfo(zone))

    lengths = {a: b - a for a, b in pairwise(edges)}
    (mine,) = [length for start, length in lengths.items() if start <= noon < start + length]
    assert mine == timedelta(hours=hours)
    assert all(length > timedelta() for length in lengths.values())


def test_a_midnight_in_the_middle_of_an_hour_shares_that_hour_and_says_so():
    midnight = datetime(2026, 11, 5, 18, 30, tzinfo=UTC)
    first = midnight - timedelta(minutes=30)
    spans = hours_and_gaps([reading(first + timedelta(minutes=15 * n), 10 * n) for n in range(5)])

    course = daily(spans, "Asia/Kolkata", first, first + HOUR)

    assert [bucket.app.credits for bucket in course.series["stripe"]] == [20, 20]
    assert all(bucket.is_estimated for bucket in course.series["stripe"])


def test_credits_of_the_running_hour_never_stand_in_a_day_that_is_still_to_come():
    midnight = datetime(2026, 11, 5, 18, 30, tzinfo=UTC)
    read = [reading(midnight - timedelta(minutes=m), 40 - m) for m in (30, 20, 10)]

    course = daily(hours_and_gaps(read), "Asia/Kolkata", midnight - DAY, midnight)

    assert [bucket.app.credits for bucket in course.series["stripe"]] == [20], "some are tomorrow's"


# --- sums that close (of a cycle and its days: test_random_sums.py) -----------------------------


@dataclass
class Truth:
    """A history as upstream counted it, and what we read of it."""

    readings: list[Reading]
    closings: list[Closing]
    prepaid: int
    start: datetime
    end: datetime


STEP = st.tuples(
    st.one_of(st.integers(5, 70), st.integers(5, 1200)),  # minutes to the next reading
    st.integers(-20, 60),  # app; below 0 is a correction
    st.integers(-20, 60),
    st.sampled_from([0, 0, -3, -40, 500]),  # prepaid
    st.sampled_from(["", "", "", "", "app", "api", "prepaid"]),  # what the answer leaves out
)


@st.composite
def histories(draw) -> Truth:
    at = draw(st.sampled_from(TURNS)) - timedelta(minutes=draw(st.integers(0, 3000)))
    length = timedelta(minutes=draw(st.integers(300, 6000)))
    window, counts, prepaid = at, {"app": 0, "api": 0}, 5000
    truth = Truth([], [], 0, at, at)
    for minutes, app, api, bought, missing in draw(st.lists(STEP, min_size=1, max_size=40)):
        at += timedelta(minutes=minutes)
        while at >= window + length:
            place = Place("stripe", window)
            used = counts["app"] + max(0, app), counts["api"] + max(0, api)
            truth.closings.append(Closing(place, window + length, *used, is_final=True))
            window, counts = window + length, {"app": 0, "api": 0}
        counts = {"app": max(0, counts["app"] + app), "api": max(0, counts["api"] + api)}
        prepaid += bought
        told = {**counts, "prepaid": prepaid, missing: None}
        told.pop("", None)
        truth.readings.append(Reading(at, "stripe", window, window + length, synced=True, **told))
    seen = [one.prepaid for one in truth.readings if one.prepaid is not None]
    truth.prepaid = seen[0] - seen[-1] if seen else 0
    truth.end = window + length
    return truth


@pytest.mark.parametrize("zone", ZONES)
@examples(25, phases=QUICK)
@given(truth=histories())
def test_the_prepaid_balance_adds_up_over_windows_and_zones(zone, truth):
    course = daily(
        hours_and_gaps(truth.readings, truth.closings), zone, truth.start - DAY, truth.end
    )

    uses = [bucket.prepaid for bucket in course.prepaid] + [gap.prepaid for gap in course.gaps]
    moved = sum(use.credits or 0 for use in uses) - sum(use.back for use in uses)
    assert moved == truth.prepaid


@examples(25, phases=QUICK)
@given(truth=histories())
def test_the_telling_readings_of_days_say_what_all_said(truth):
    start, end = floor_day(truth.start), floor_day(truth.end) + DAY
    edges = [start + number * DAY for number in range((end - start) // DAY + 1)]
    kept = telling(truth.readings, truth.closings, edges)
    before, after = (hours_and_gaps(read, truth.closings) for read in (truth.readings, kept))

    for one, two in zip(
        daily(before, "UTC", start, end).series["stripe"],
        daily(after, "UTC", start, end).series["stripe"],
        strict=True,
    ):
        assert (one.app[:3], one.api[:3], one.levels) == (two.app[:3], two.api[:3], two.levels)
    assert telling(kept, truth.closings, edges) == kept


@examples(25, phases=QUICK)
@given(truth=histories(), seed=st.randoms())
def test_order_of_arrival_changes_nothing_d6(truth, seed):
    shuffled = list(truth.readings)
    seed.shuffle(shuffled)

    assert hours_and_gaps(shuffled, truth.closings) == hours_and_gaps(
        truth.readings, truth.closings
    )
