"""Billing windows tile time, whatever the anchor."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.sandbox.billing import LAST_MOMENT, MONTHS, STRIPE, Schedule, month
from dashboard.sandbox.history import Shape, make
from dashboard.sandbox.profiles import FRESH, PROFILES
from tests.sandbox.box import SEEN, unix

moments = st.integers(0, LAST_MOMENT - 1)


@given(anchor=moments, at=moments)
def test_a_window_holds_its_moment(anchor, at):
    window = Schedule(anchor).window_at(at)

    assert window.start <= at < window.end
    assert 28 <= (window.end - window.start) / 86_400 <= 31


@given(anchor=moments, number=st.integers(-600, 600))
def test_windows_follow_each_other_without_gap_or_overlap(anchor, number):
    anchor = Schedule(min(anchor, unix(2045, 1, 1)) + unix(2025, 1, 1) - unix(1970, 1, 1))

    assert anchor.window(number).end == anchor.window(number + 1).start
    assert anchor.number_at(anchor.start(number)) == number
    assert anchor.number_at(anchor.start(number) - 1) == number - 1


@given(at=moments)
def test_calendar_months_tile_time_too(at):
    window = MONTHS.window_at(at)

    assert window.start <= at < window.end
    assert MONTHS.window_at(window.end).start == window.end


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, (2024, 2, 29)), (2, (2024, 3, 31)), (3, (2024, 4, 30)), (13, (2025, 2, 28))],
)
def test_d12_a_month_without_the_anchors_day_renews_on_its_last(number, expected):
    anchor = Schedule(unix(2024, 1, 31, 23, 59, 59))

    assert anchor.start(number) == unix(*expected, 23, 59, 59)


def test_the_last_month_of_all_has_an_end():
    assert month(9999, 12).end - month(9999, 12).start == 31 * 86_400


@given(
    first=moments,
    length=st.integers(0, 10**8),
    anchor=moments,
    late=st.sampled_from([0, 3600, 86_400]),
)
def test_the_spans_of_a_schedule_follow_each_other(first, length, anchor, late):
    last = min(first + length, LAST_MOMENT - 1)

    spans = list(replace(FRESH, late=late).spans(anchor, first, last))

    windows, seconds = zip(*spans, strict=True)
    assert seconds[0].start == first
    assert seconds[-1].stop > last
    assert all(a.stop == b.start for a, b in pairwise(seconds))
    assert all(a.end == b.start for a, b in pairwise(windows))
    assert all(counted.stop - late <= window.end for window, counted in spans)


@pytest.mark.parametrize("name", PROFILES)
def test_the_spans_of_every_account_tile_time(name):
    first, last = SEEN - 900 * 86_400, SEEN + 900 * 86_400

    seconds = [each for _, each in PROFILES[name].spans(SEEN, first, last)]

    assert seconds[0].start == first
    assert seconds[-1].stop > last
    assert all(a.stop == b.start and a.start < a.stop for a, b in pairwise(seconds))


@pytest.mark.parametrize("name", ["sandbox-switch", "sandbox-upgrade"])
def test_fall_backs_and_upgrades_come_in_mid_cycle_whenever_an_account_was_first_seen(name):
    for day in range(0, 366, 5):
        schedules = PROFILES[name].schedules(SEEN + day * 86_400 + day * 997)
        for (_, schedule), (moment, following) in pairwise(schedules):
            stripe = schedule if schedule.kind == STRIPE else following
            window = stripe.window_at(moment)
            assert window.start + 4 * 86_400 < moment < window.end - 4 * 86_400


SHAPE = Shape(monthly=17_000, months=13, campaign=0.7)


@given(moments=st.lists(st.integers(SEEN - 10**8, SEEN + 10**8), min_size=3, max_size=3))
def test_history_adds_up_and_never_falls(moments):
    history = make("x", SHAPE, SEEN - 34_000_000, SEEN)
    start, middle, end = sorted(moments)

    parts = zip(history.used(start, middle), history.used(middle, end), strict=True)

    assert tuple(a + b for a, b in parts) == history.used(start, end)
    assert min(history.used(start, middle)) >= 0


def test_nothing_arrives_within_an_hour():
    history = make("x", SHAPE, SEEN - 34_000_000, SEEN)
    noon = unix(2026, 10, 7, 12)

    assert history.used(noon, noon + 3599) == (0, 0)
    assert history.used(noon, noon + 3600) > (0, 0)


def test_history_is_the_same_for_everybody_and_another_for_others():
    make.cache_clear()
    one = make("x", SHAPE, SEEN - 34_000_000, SEEN).used(0, SEEN)
    make.cache_clear()

    assert make("x", SHAPE, SEEN - 34_000_000, SEEN).used(0, SEEN) == one
    assert make("y", SHAPE, SEEN - 34_000_000, SEEN).used(0, SEEN) != one


@pytest.mark.parametrize("name", [each for each in PROFILES if PROFILES[each].shape])
def test_made_up_use_stays_within_the_plan(name):
    profile = PROFILES[name]
    for day in range(0, 366, 7):
        seen = unix(2026, 1, 1) + day * 86_400 + 12_345
        history = profile.history(name, seen)

        for _, counted in profile.spans(seen, profile.begins_at(seen), seen + 60 * 86_400):
            plan = profile.plan_at(seen, counted.start)
            assert sum(history.used(counted.start, counted.stop)) <= plan.included
