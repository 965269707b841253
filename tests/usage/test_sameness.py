"""Two keys of one account are recognised by what they answer (D14)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.usage.sameness import Face, Likeness, likeness
from dashboard.usage.windows import Window

START = datetime(2026, 1, 9, 7, 30, 5, tzinfo=UTC)
MONTH = timedelta(days=30)
NOW = START + 3 * MONTH + timedelta(days=10)

counters = st.one_of(st.none(), st.integers(0, 10**6))


def history(*pairs, at=NOW, start=START, kind="stripe"):
    """A face with a window for each pair of counters; the last one still runs."""
    return Face(
        tuple(
            Window(kind, start + n * MONTH, start + (n + 1) * MONTH, app, api, asked_at=at)
            for n, (app, api) in enumerate(pairs)
        )
    )


PAIRS = ((100, 900), (120, 880), (7, 0), (40, 60))


def test_d14_the_same_windows_and_counters_are_one_account():
    assert likeness(history(*PAIRS), history(*PAIRS)) is Likeness.SAME


def test_d14_the_running_window_may_have_grown_since():
    later = history(*PAIRS[:3], (41, 70), at=NOW + timedelta(minutes=15))

    assert likeness(history(*PAIRS), later) is Likeness.SAME


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(history((100, 901), *PAIRS[1:]), id="D14-closed-counter"),
        pytest.param(history(*PAIRS, start=START + timedelta(seconds=1)), id="D14-other-second"),
        pytest.param(history(*PAIRS, kind="calendar"), id="D14-other-kind"),
        pytest.param(history((0, 0), (0, 0), (0, 0), (0, 0)), id="D14-unused"),
        pytest.param(
            history(*PAIRS[:3], (39, 60), at=NOW + timedelta(minutes=15)), id="D14-running-fell"
        ),
    ],
)
def test_d14_other_numbers_are_another_account(other):
    assert likeness(history(*PAIRS), other) is Likeness.DIFFERENT


def test_d14_zeroes_and_unknown_counters_prove_nothing():
    assert likeness(history((0, 0)), history((0, 0))) is Likeness.UNDECIDED
    assert likeness(history((None, None)), history((None, None))) is Likeness.UNDECIDED
    assert likeness(history(), history(*PAIRS)) is Likeness.UNDECIDED


def test_d14_a_window_that_the_list_forgot_does_not_count_against_it():
    shorter = Face(history(*PAIRS).windows[1:])

    assert likeness(history(*PAIRS), shorter) is Likeness.SAME


@given(st.lists(st.tuples(counters, counters), max_size=6), st.integers(0, 5), counters)
def test_likeness_does_not_depend_on_the_order_and_never_lies(pairs, index, changed):
    one = history(*pairs)
    windows = list(one.windows)
    if windows:
        index %= len(windows)
        windows[index] = replace(windows[index], app_usage=changed)
    other = Face(tuple(windows))

    found = likeness(one, other)

    assert found is likeness(other, one)
    if found is Likeness.SAME:
        used = [w.app_usage or w.api_usage for w in one.windows]
        assert any(used)
    if one == other:
        assert found is not Likeness.DIFFERENT


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 99)), min_size=2, max_size=6))
def test_a_changed_closed_counter_is_always_seen(pairs):
    pairs[0] = (pairs[0][0], pairs[0][1])
    at = START + len(pairs) * MONTH - timedelta(days=1)
    changed = [(pairs[0][0] + 1, pairs[0][1]), *pairs[1:]]

    assert likeness(history(*pairs, at=at), history(*changed, at=at)) is Likeness.DIFFERENT
