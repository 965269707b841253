"""Two keys of one account are recognised by strong evidence only (D14, D19)."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.usage.likeness import CurrentReading, Face, Likeness, likeness
from dashboard.usage.windows import Window

START = datetime(2026, 1, 9, 7, 30, 5, tzinfo=UTC)
MONTH = timedelta(days=30)
NOW = START + 4 * MONTH + timedelta(days=10)
MINUTE = timedelta(minutes=1)
# An account that RemBG has not heard of from Stripe counts in this month, as all such do.
MAY = (datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC))
SYNCED = (START + 4 * MONTH, START + 5 * MONTH)

counters = st.one_of(st.none(), st.integers(0, 10**6))


def history(*pairs, at=NOW, start=START, kind="stripe"):
    """A face with a window for each pair of counters; the last one still runs."""
    return Face(
        tuple(
            Window(kind, start + n * MONTH, start + (n + 1) * MONTH, app, api, asked_at=at)
            for n, (app, api) in enumerate(pairs)
        )
    )


def read(minute, app=0, api=0, prepaid=2000, *, window=SYNCED, plan="Premium-20000", **more):
    """A reading so many minutes after `NOW`."""
    synced = window is not MAY
    facts = {"synced": synced, "kind": "stripe" if synced else "calendar", "membership": plan}
    facts |= {"period_start_at": window[0], "period_end_at": window[1], "included_credits": 18500}
    counted = {"app_usage": app, "api_usage": api, "prepaid_credits": prepaid}
    return CurrentReading(NOW + minute * MINUTE, **{**facts, **counted, **more})


def face(*readings):
    return Face(readings=readings)


PAIRS = ((100, 900), (120, 880), (7, 0), (9, 3), (40, 60))


def test_d14_three_cycles_that_ended_with_the_same_counters_are_one_account():
    assert likeness(history(*PAIRS), history(*PAIRS)) is Likeness.SAME


def test_d19_fewer_cycles_or_equal_ones_prove_nothing():
    few, alike = PAIRS[-3:], ((3, 0), (3, 0), (3, 0), (3, 0), (5, 0))

    assert likeness(history(*few), history(*few)) is Likeness.UNDECIDED
    assert likeness(history(*alike), history(*alike)) is Likeness.UNDECIDED


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(history((100, 901), *PAIRS[1:]), id="D14-closed-counter"),
        pytest.param(history(*PAIRS, start=START + timedelta(seconds=1)), id="D14-other-second"),
        pytest.param(history((0, 0), (0, 0), (0, 0), (0, 0), (0, 0)), id="D14-unused"),
        pytest.param(Face(history(*PAIRS).windows[::2]), id="D14-used-window-not-listed"),
    ],
)
def test_d14_other_cycles_are_another_account(other):
    assert likeness(history(*PAIRS), other) is Likeness.DIFFERENT


def test_d14_zeroes_and_unknown_counters_of_windows_prove_nothing():
    assert likeness(history((0, 0)), history((0, 0))) is Likeness.UNDECIDED
    assert likeness(history((None, None)), history((None, None))) is Likeness.UNDECIDED
    assert likeness(history(), history(*PAIRS)) is Likeness.UNDECIDED


def test_d14_a_window_that_the_list_forgot_does_not_count_against_it():
    shorter = Face(history(*PAIRS).windows[1:])

    assert likeness(history(*PAIRS), shorter) is Likeness.SAME


def test_d19_ends_of_listed_windows_speak_neither_for_nor_against():
    # One list names the end of the window after an unused cycle a month later than the other.
    windows = history(*PAIRS).windows
    late = (windows[0], replace(windows[1], end_at=windows[1].end_at + MONTH), *windows[2:])

    assert likeness(history(*PAIRS), Face(late)) is Likeness.SAME


def test_d19_a_month_that_the_list_cuts_short_ends_no_billing_cycle():
    # Billed by June for some days, then by the cycle again that had begun in May.
    june = datetime(2026, 6, 1, tzinfo=UTC)
    one, other = (
        Face(
            (
                Window("stripe", *SYNCED, used, 5, asked_at=june + timedelta(days=day)),
                Window("stripe", june, SYNCED[1], 1, 0, asked_at=june + timedelta(days=day)),
            )
        )
        for day, used in ((4, 5), (5, 9))
    )

    assert likeness(one, other) is Likeness.UNDECIDED


# --- (a) the same billing cycle to the second ----------------------------------------------------


@pytest.mark.parametrize("counted", [(0, 0), (None, None), (40, 60)])
def test_d19_the_same_synced_cycle_to_the_second_is_one_account_used_or_not(counted):
    assert likeness(face(read(0, *counted)), face(read(9, *counted))) is Likeness.SAME


def test_d14_the_running_cycle_may_have_grown_since():
    assert likeness(face(read(0, 40, 60)), face(read(9, 41, 70))) is Likeness.SAME


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"window": MAY}, id="calendar-month"),
        pytest.param({"window": MAY, "synced": True, "kind": "stripe"}, id="renews-as-a-month"),
        pytest.param({"synced": None}, id="kind-guessed"),
    ],
)
def test_d19_a_window_that_many_accounts_have_proves_nothing(told):
    assert likeness(face(read(0, 3, **told)), face(read(9, 3, **told))) is Likeness.UNDECIDED


@pytest.mark.parametrize(
    "end",
    [pytest.param(SYNCED[1] + 335 * (MONTH / 30), id="a-year"), pytest.param(None, id="unknown")],
)
def test_d19_the_same_start_with_another_end_is_not_the_same_cycle(end):
    mine, theirs = face(read(0)), face(read(30, period_end_at=end))

    assert likeness(mine, theirs) is not Likeness.SAME


AGAINST = [
    pytest.param({"plan": "Premium-5000"}, id="plan"),
    pytest.param({"included_credits": 5000}, id="allowance"),
    pytest.param({"window": (SYNCED[0] + MINUTE, SYNCED[1])}, id="window"),
    pytest.param({"api": 1}, id="counter"),
]


@pytest.mark.parametrize("other", AGAINST)
def test_d19_what_differs_in_readings_near_to_each_other_is_another_account(other):
    mine = face(read(0, api=5), read(15, api=5))

    assert likeness(mine, face(read(16, **{"api": 5, **other}))) is Likeness.DIFFERENT


@pytest.mark.parametrize("other", AGAINST[:2])
def test_d19_a_plan_read_hours_later_may_be_another_plan_of_the_same_account(other):
    assert likeness(face(read(0)), face(read(21, **other))) is Likeness.SAME
    assert likeness(face(read(0)), face(read(20, **other))) is Likeness.DIFFERENT


def test_d19_one_balance_that_differs_blocks_a_proposal_and_several_in_a_row_decide():
    mine = [read(n, prepaid=2000) for n in (0, 15, 30)]
    theirs = [read(n, prepaid=500) for n in (5, 20, 35)]

    assert likeness(face(mine[0]), face(theirs[0])) is Likeness.UNDECIDED
    assert likeness(face(*mine), face(*theirs)) is Likeness.DIFFERENT


def test_d19_a_balance_that_is_spent_by_both_keys_is_one_balance():
    mine = [read(n, prepaid=2000 - n) for n in (0, 15, 30, 45)]
    theirs = [read(n, prepaid=2000 - n) for n in (5, 20, 35)]

    assert likeness(face(*mine), face(*theirs)) is not Likeness.DIFFERENT
    # The newest differs from the one before it, which may be use; once it is settled, it was.
    assert likeness(face(*mine), face(*theirs, read(46, prepaid=1955))) is Likeness.SAME


@pytest.mark.parametrize(
    "event",
    [
        pytest.param([read(50, 60)], id="stale-answer"),
        pytest.param([read(50, 90), read(51, 90)], id="correction"),
        pytest.param([read(50, 100, plan="Premium-50000")], id="upgrade"),
        pytest.param([read(50, 100, prepaid=9000)], id="purchase"),
    ],
)
def test_d19_one_awkward_answer_takes_no_proposal_back(event):
    mine = face(*(read(n, 100) for n in (0, 15, 30, 45)))
    theirs = [read(n, 100) for n in (5, 20, 35)]

    assert likeness(mine, face(*theirs, *event)) is not Likeness.DIFFERENT


def test_d14_the_next_cycle_of_one_key_while_the_other_was_read_before_the_renewal():
    before = read(0, 40, period_end_at=NOW + MINUTE)
    renewed = read(2, 0, window=(NOW + MINUTE, NOW + MONTH))

    assert likeness(face(before), face(renewed)) is Likeness.UNDECIDED


# --- (b) counters that moved together ------------------------------------------------------------


def monthly(*pairs):
    """Readings in a calendar month: (minute, API credits), or with a balance."""
    return face(*(read(minute, 0, *rest, window=MAY) for minute, *rest in pairs))


def test_d19_counters_that_moved_together_twice_are_one_account():
    mine = monthly((0, 3), (15, 4), (30, 9), (45, 9))
    theirs = monthly((5, 3), (20, 4), (35, 9))

    assert likeness(mine, theirs) is Likeness.SAME


def test_d19_a_balance_that_moved_together_counts_as_well():
    mine = monthly((0, 3, 20), (15, 3, 12), (30, 3, 7), (45, 3, 7))
    theirs = monthly((5, 3, 20), (20, 3, 12), (35, 3, 7))

    assert likeness(mine, theirs) is Likeness.SAME


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param(monthly((0, 3), (15, 3)), monthly((5, 3), (20, 3)), id="equal-and-still"),
        pytest.param(monthly((0, 3), (15, 4)), monthly((5, 3), (20, 4)), id="moved-once"),
        pytest.param(
            monthly((0, 3), (15, 4), (30, 9)), monthly((5, 3), (20, 5), (35, 9)), id="apart-once"
        ),
    ],
)
def test_d19_less_than_that_is_undecided(mine, theirs):
    assert likeness(mine, theirs) is Likeness.UNDECIDED


# --- what holds for any two accounts -------------------------------------------------------------


def used(chance: random.Random, *, minutes: int):
    """Return the credits an account has counted by each minute: some use, at random moments."""
    every = chance.choice([20, 60, 180])
    counted, so_far = [], 0
    for _minute in range(minutes):
        if chance.random() < 1 / every:
            so_far += chance.randint(1, 40)
        counted.append(so_far)
    return counted


def polled(chance: random.Random, counted: list[int], **told):
    """Read an account every quarter of an hour, from some moment on."""
    first = chance.randint(0, 14)
    moments = range(first, len(counted), 15)
    return face(*(read(minute, 0, counted[minute], window=MAY, **told) for minute in moments))


@given(st.integers(0, 10**9))
def test_d19_two_accounts_that_are_used_independently_are_never_one(seed):
    chance = random.Random(seed)
    one, other = (polled(chance, used(chance, minutes=600)) for _ in range(2))

    assert likeness(one, other) is not Likeness.SAME


@given(st.integers(0, 10**9))
def test_d19_an_account_that_is_used_for_hours_is_found_by_both_its_keys(seed):
    chance = random.Random(seed)
    counted = [minute // 60 * 7 for minute in range(600)]
    one, other = (polled(chance, counted) for _ in range(2))

    assert likeness(one, other) is Likeness.SAME


@given(
    st.lists(
        st.tuples(
            st.integers(0, 200),
            st.booleans(),
            st.integers(0, 50),
            st.integers(0, 50),
            st.integers(0, 20),
        ),
        max_size=40,
    ),
    st.sampled_from([MAY, SYNCED]),
)
def test_d19_one_account_read_by_two_keys_is_never_different(steps, window):
    """Whatever is used and spent between readings, and whichever key reads."""
    faces, minute, app, api, prepaid = ([], []), 0, 0, 0, 1000
    for pause, key, in_app, by_api, spent in steps:
        minute, app, api, prepaid = minute + pause, app + in_app, api + by_api, prepaid - spent
        faces[key].append(read(minute, app, api, prepaid, window=window))
        if pause == 0 and faces[not key] and faces[not key][-1].asked_at == NOW + minute * MINUTE:
            # Two keys cannot read two states at one moment.
            faces[key][-1] = faces[not key][-1]
            app, api, prepaid = faces[key][-1].state

    assert likeness(face(*faces[0]), face(*faces[1])) is not Likeness.DIFFERENT


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
        assert len({pair for pair in pairs[:-1] if None not in pair and any(pair)}) >= 3
    if one == other:
        assert found is not Likeness.DIFFERENT


@given(st.lists(st.tuples(st.integers(1, 99), st.integers(0, 99)), min_size=2, max_size=6))
def test_a_changed_closed_counter_is_always_seen(pairs):
    at = START + len(pairs) * MONTH - timedelta(days=1)
    changed = [(pairs[0][0] + 1, pairs[0][1]), *pairs[1:]]

    assert likeness(history(*pairs, at=at), history(*changed, at=at)) is Likeness.DIFFERENT
