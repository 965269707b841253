"""When credits run out: a range in order, unknown is None, nothing certain from a few days."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.usage.burn_rate import CounterReading, curve, month_day, profile
from dashboard.usage.forecast import Facts, Forecast, RunOut, Verdict, forecast
from tests.examples import examples

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 9, 10, tzinfo=UTC)
END = START + timedelta(days=30)
DAY = timedelta(days=1)
WEEK = (120, 110, 130, 115, 125, 0, 0)


def even(per_day: float, until: datetime, *, every: timedelta = timedelta(hours=1)) -> list:
    """Return hourly readings of a counter that rises evenly."""
    steps = range(1, int((until - START) / every) + 1)
    return [CounterReading(START + n * every, int(n * every / DAY * per_day)) for n in steps]


def office(until: datetime) -> tuple[CounterReading, ...]:
    """Return readings of each evening and night of a team that works from Monday to Friday."""
    found, used, moment = [], 0, START + timedelta(hours=11)
    while moment <= until:
        used += WEEK[moment.weekday()]
        found += [CounterReading(moment, used), CounterReading(moment + timedelta(hours=5), used)]
        moment += DAY
    return tuple(found)


def facts(readings, *, included: int | None = 3000, **changes) -> Facts:
    used = readings[-1].used if readings else None
    known = included is not None and used is not None
    given = {
        "start_at": START,
        "end_at": END,
        "at": readings[-1].at if readings else START + 10 * DAY,
        "zone": BERLIN,
        "readings": tuple(readings),
        "included": included,
        "remaining": max(0, included - used) if known else None,
        "prepaid": 0,
    }
    return Facts(**given | changes)


def earlier(credits_of, days: int = 60) -> dict:
    """Return the use of the days before the window."""
    first = START.date()
    found = [first - (n + 1) * DAY for n in range(days)]
    return {day: credits_of(day) for day in found}


@st.composite
def histories(draw) -> Facts:
    """Counters that rise, stand still and fall, with gaps, at any moment of the cycle."""
    hours = draw(st.lists(st.integers(1, 40), min_size=1, max_size=30))
    steps = draw(
        st.lists(st.integers(-60, 400), min_size=len(hours), max_size=len(hours)),
    )
    readings, moment, used = [], START, 0
    for gap, step in zip(hours, steps, strict=True):
        moment, used = moment + timedelta(hours=gap), max(0, used + step)
        if moment < END:
            readings.append(CounterReading(moment, used))
    late = draw(st.integers(0, 30))
    days = draw(st.dictionaries(st.integers(1, 60), st.integers(0, 500), max_size=40))
    return facts(
        readings or [CounterReading(START + DAY, used)],
        included=draw(st.integers(1, 9000)),
        days={START.date() - n * DAY: credits for n, credits in days.items()},
        at=min(END - timedelta(minutes=1), moment + timedelta(hours=late)),
        prepaid=draw(st.integers(0, 3000)),
    )


def moments(out: RunOut) -> list[datetime]:
    """Return the range with "after the renewal" as a moment."""
    return [END if one is None else one for one in (out.early, out.median, out.late)]


SEVERAL = examples(60)


@SEVERAL
@given(histories())
def test_a_range_is_in_order_and_never_before_now(given_facts):
    made = forecast(given_facts)

    for out in (made.included, made.everything):
        if out is not None:
            assert given_facts.at <= moments(out)[0]
            assert moments(out) == sorted(moments(out))
            assert 0 <= out.lasts <= 1
    for step in made.course:
        assert 0 <= step.used.low <= step.used.median <= step.used.high
        assert 0 <= step.left.low <= step.left.median <= step.left.high


@SEVERAL
@given(histories())
def test_no_rate_is_negative_whatever_the_counter_does(given_facts):
    made = forecast(given_facts)

    rates = (made.rates.today, made.rates.cycle, made.rates.allowance)
    assert all(one is None or one >= 0 for one in rates)
    if made.used_at_end is not None:
        assert made.used_at_end.low >= given_facts.readings[-1].used


@SEVERAL
@given(histories(), st.integers(1, 2000))
def test_more_credits_never_run_out_earlier(given_facts, more):
    richer = replace(given_facts, remaining=given_facts.remaining + more)

    before, after = forecast(given_facts).included, forecast(richer).included

    if before is not None and after is not None:
        assert all(a >= b for a, b in zip(moments(after), moments(before), strict=True))
        assert after.lasts >= before.lasts


@SEVERAL
@given(histories(), st.integers(2, 50))
def test_ten_times_the_use_of_ten_times_the_credits_runs_out_at_the_same_time(given_facts, times):
    scaled = replace(
        given_facts,
        readings=tuple(CounterReading(one.at, one.used * times) for one in given_facts.readings),
        days={day: credits * times for day, credits in given_facts.days.items()},
        included=given_facts.included * times,
        remaining=given_facts.remaining * times,
        prepaid=given_facts.prepaid * times,
    )

    before, after = forecast(given_facts), forecast(scaled)

    if before.included is None or after.included is None:
        assert before.included == after.included
        return
    assert before.included.verdict == after.included.verdict
    for a, b in zip(moments(before.included), moments(after.included), strict=True):
        assert abs(a - b) <= timedelta(seconds=5)


@SEVERAL
@given(histories())
def test_the_same_facts_give_the_same_forecast(given_facts):
    assert forecast(given_facts) == forecast(given_facts)


def test_an_even_use_runs_out_when_the_straight_line_says():
    made = forecast(facts(even(200, START + 10 * DAY)))

    expected = START + 15 * DAY
    assert abs(made.included.median - expected) < timedelta(hours=12)
    assert made.included.early < expected < made.included.late
    assert made.included.late - made.included.early < 4 * DAY
    assert made.verdict == Verdict.NO


def test_rates_are_of_the_last_day_of_the_cycle_and_of_what_is_left():
    slow = even(100, START + 9 * DAY)
    fast = [
        CounterReading(slow[-1].at + timedelta(hours=n), slow[-1].used + 20 * n)
        for n in range(1, 25)
    ]

    made = forecast(facts([*slow, *fast]))

    assert made.rates.today == pytest.approx(480, abs=2)
    assert made.rates.cycle == pytest.approx((900 + 480) / 10, abs=1)
    assert made.rates.allowance == pytest.approx((3000 - 1380) / 20)


def test_on_the_last_day_the_allowance_is_what_is_left():
    readings = even(50, END - timedelta(hours=2))

    assert forecast(facts(readings)).rates.allowance == 3000 - readings[-1].used


def test_a_team_that_uses_nothing_lasts():
    made = forecast(facts([CounterReading(START + n * DAY, 0) for n in range(1, 11)]))

    assert made.verdict == Verdict.YES
    assert (made.included.early, made.included.median, made.included.late) == (None, None, None)
    assert made.included.lasts >= 0.99
    assert (made.rates.cycle, made.used_at_end.high) == (0, 0)


@pytest.mark.parametrize(
    "busy",
    [pytest.param((60, 61), id="eight-weeks-ago"), pytest.param((30, 35), id="a-campaign-alone")],
)
def test_use_long_ago_of_a_team_that_is_idle_since_is_little_and_not_nothing(busy):
    days = {START.date() - n * DAY: 100 * (busy[0] <= n < busy[1]) for n in range(1, 70)}

    made = forecast(facts([CounterReading(START + n * DAY, 0) for n in range(1, 11)], days=days))

    assert made.verdict == Verdict.YES
    assert 0 == made.used_at_end.low <= made.used_at_end.high < 600


def test_little_use_of_many_credits_lasts():
    made = forecast(facts(even(10, START + 10 * DAY)))

    assert made.verdict == Verdict.YES
    assert made.used_at_end.low <= 300 <= made.used_at_end.high


@pytest.mark.parametrize(
    ("hours", "has_range"),
    [pytest.param(10, False, id="half-a-day"), pytest.param(40, True, id="under-three-days")],
)
def test_it_is_too_early_to_say_from_less_than_three_days(hours, has_range):
    made = forecast(facts(even(1000, START + timedelta(hours=hours)), included=2000))

    assert made.verdict == Verdict.TOO_EARLY
    assert (made.included is not None) is has_range


def test_a_new_cycle_of_a_known_team_is_not_too_early():
    made = forecast(facts(even(200, START + timedelta(hours=10)), days=earlier(lambda day: 200)))

    assert made.verdict == Verdict.NO
    assert made.included.early < START + 15 * DAY < made.included.late


def test_it_is_too_early_to_say_when_the_renewal_lies_within_the_range():
    jumpy = earlier(lambda day: 400 if day.toordinal() % 5 == 0 else 20)

    made = forecast(facts(even(96, START + 10 * DAY), included=2900, days=jumpy))

    assert made.included.early is not None
    assert made.included.late is None
    assert made.verdict == Verdict.TOO_EARLY


def test_credits_that_are_used_up_have_run_out():
    made = forecast(facts(even(200, START + 16 * DAY)))

    assert made.included == RunOut(made.at, made.at, made.at, 0.0, Verdict.NO)


@pytest.mark.parametrize(
    ("changes", "included", "everything"),
    [
        pytest.param({"remaining": None}, False, False, id="balance-unknown"),
        pytest.param({"prepaid": None}, True, False, id="prepaid-unknown"),
        pytest.param({"included": None, "remaining": 900}, True, True, id="allowance-unknown"),
    ],
)
def test_unknown_credits_give_no_forecast_of_them_and_not_0(changes, included, everything):
    made = forecast(facts(even(200, START + 10 * DAY), **changes))

    assert (made.included is not None) is included
    assert (made.everything is not None) is everything
    assert (made.verdict is not None) is included
    assert made.rates.cycle == pytest.approx(200)
    assert (made.rates.allowance is not None) is included
    assert (made.course[-1].left is not None) is included


def test_without_a_reading_the_use_is_unknown_and_not_0():
    made = forecast(facts([], remaining=1000, days=earlier(lambda day: 200)))

    assert made.rates.cycle is made.rates.today is made.used_at_end is None
    assert made.included.early < made.at + 5 * DAY < made.included.late

    assert forecast(facts([])).included is None


def test_a_day_that_is_missing_is_not_a_day_without_use():
    some = {day: 200 for day in list(earlier(lambda day: 0)) if day.toordinal() % 3}

    made = forecast(facts(even(200, START + DAY), days=some))

    assert abs(made.included.median - (START + 15 * DAY)) < DAY


def test_prepaid_credits_count_only_in_everything_spendable():
    poor = forecast(facts(even(200, START + 10 * DAY), prepaid=0))
    rich = forecast(facts(even(200, START + 10 * DAY), prepaid=5000))

    assert rich.included == poor.included == poor.everything
    assert rich.everything.verdict == Verdict.YES
    assert rich.verdict == Verdict.NO


def test_after_the_renewal_nothing_is_said_of_the_cycle_that_ended():
    made = forecast(facts(even(200, START + 10 * DAY), at=END))

    assert (made.verdict, made.included, made.everything, made.course) == (None, None, None, ())


def test_readings_of_another_window_and_of_the_future_are_left_out():
    readings = even(200, START + 10 * DAY)
    strangers = [
        CounterReading(START - DAY, 9000),
        CounterReading(END + DAY, 5),
        CounterReading(END, 7),
    ]
    later = [CounterReading(START + 20 * DAY, 2999)]

    plain = facts(readings)

    made = forecast(replace(plain, readings=(*strangers, *later, *readings)))
    assert made == forecast(plain)


def test_a_correction_takes_back_what_was_never_used():
    readings = even(200, START + 10 * DAY)
    fallen = [*readings, CounterReading(START + 10 * DAY + timedelta(minutes=15), 1000)]

    made = forecast(facts(fallen))

    assert made.rates.cycle == pytest.approx(100, abs=1)
    assert made.rates.today == 0


def test_one_wrong_answer_between_right_ones_changes_nothing():
    readings = even(200, START + 10 * DAY)
    right = forecast(facts(readings))
    readings[100] = replace(readings[100], used=0)

    made = forecast(facts(readings))

    assert made.included == right.included
    assert made.rates == right.rates


def test_prepaid_use_is_use_once_the_included_credits_are_spent():
    spent = [
        CounterReading(START + n * DAY, min(1000, 200 * n), 9000 - max(0, 200 * n - 1000))
        for n in range(1, 11)
    ]

    made = forecast(facts(spent, included=1000, prepaid=spent[-1].prepaid))

    assert made.rates.cycle == pytest.approx(200)
    assert made.everything.verdict == Verdict.YES
    assert made.included.verdict == Verdict.NO


def test_a_top_up_is_not_use_and_a_full_stop_is_not_zero_demand():
    stopped = [CounterReading(START + n * DAY, min(1000, 200 * n), 0) for n in range(1, 11)]
    topped = [*stopped, CounterReading(START + 10 * DAY + timedelta(hours=1), 1000, 4000)]

    made = forecast(facts(topped, included=1000, prepaid=4000))

    assert made.rates.cycle is None
    assert made.rates.today is None
    assert made.used_at_end.median == pytest.approx(1000 + 20 * 200, rel=0.15)


def test_a_week_with_free_weekends_shows_in_the_profile_and_in_the_course():
    friday = datetime(2026, 3, 27, 21, tzinfo=UTC)
    made = forecast(facts(office(friday), days=earlier(lambda day: WEEK[day.weekday()])))

    assert made.week.by == "weekday"
    assert made.week.factors[5] < 0.1 > made.week.factors[6]
    assert sum(made.week.factors) == pytest.approx(7)
    used = {step.at.astimezone(BERLIN).date().isoformat(): step.used.median for step in made.course}
    assert used["2026-03-30"] - used["2026-03-28"] < 10
    assert used["2026-03-31"] - used["2026-03-30"] > 90


def test_a_week_that_repeats_itself_gives_a_narrow_range():
    friday = datetime(2026, 3, 27, 21, tzinfo=UTC)
    made = forecast(facts(office(friday), days=earlier(lambda day: WEEK[day.weekday()])))

    ahead = made.used_at_end.median - made.course[0].used.median
    assert made.used_at_end.high - made.used_at_end.low < 0.3 * ahead


def test_a_weekend_shows_after_ten_days():
    made = forecast(facts(office(START + 12 * DAY)))

    assert made.week.by == "weekend"


@pytest.mark.parametrize("pattern", [profile, month_day])
def test_chance_alone_shows_no_pattern_in_97_of_100_teams(pattern):
    dice = Random(7)
    days = [START.date() + n * DAY for n in range(84)]

    found = [pattern({day: dice.gammavariate(4, 25) for day in days}) for _ in range(300)]

    assert sum(one is not None for one in found) <= 9


@pytest.mark.parametrize(
    ("number", "is_due"),
    [
        pytest.param(20, lambda day: day.day == 20, id="the-20th"),
        pytest.param(31, lambda day: (day + DAY).day == 1, id="the-last"),
    ],
)
def test_a_batch_on_a_day_of_the_month_is_expected_then(number, is_due):
    days = earlier(lambda day: 5000 if is_due(day) else 100)

    made = forecast(facts(even(100, START + 5 * DAY), included=9000, days=days))

    assert made.month_day.day == number
    assert made.month_day.extra == pytest.approx(49, abs=0.5)
    assert made.used_at_end.low < 30 * 100 + 4900 < made.used_at_end.high
    assert made.used_at_end.median == pytest.approx(7900, rel=0.1)
    steps = pairwise(step.used.median for step in made.course)
    assert sum(after - before > 4000 for before, after in steps) == 1


@pytest.mark.parametrize("times", [3, 1 / 3])
@pytest.mark.parametrize("since", [10, 20])
def test_a_level_that_changed_for_good_is_the_level_from_then_on(times, since):
    per_day = [300 * (1 + 0.1 * (n % 3 - 1)) for n in range(since)]
    used = [sum(per_day[: n + 1]) * times for n in range(since)]
    readings = [CounterReading(START + (n + 1) * DAY, int(one)) for n, one in enumerate(used)]

    made = forecast(facts(readings, days=earlier(lambda day: 300 + day.toordinal() % 3 * 20 - 20)))

    truth = used[-1] + (30 - since) * 300 * times
    assert made.used_at_end.low < truth < made.used_at_end.high
    assert made.used_at_end.median == pytest.approx(truth, rel=0.05)


def test_growth_is_no_profile_and_goes_on():
    grown = earlier(lambda day: round(100 * 1.02 ** (day - START.date()).days))
    readings, used = [], 0.0
    for n in range(1, 11):
        used += 100 * 1.02**n
        readings.append(CounterReading(START + n * DAY, int(used)))

    made = forecast(facts(readings, days=grown))

    truth = sum(100 * 1.02**n for n in range(1, 31))
    line = used * 3
    assert made.week is None
    assert abs(made.used_at_end.median - truth) < abs(line - truth) / 2
    assert made.used_at_end.low < truth < made.used_at_end.high


def test_a_campaign_that_is_over_does_not_go_on():
    steps = [100] * 4 + [800] * 5 + [100] * 6
    readings = [
        CounterReading(START + (n + 1) * DAY, sum(steps[: n + 1])) for n in range(len(steps))
    ]

    made = forecast(facts(readings, included=9000, days=earlier(lambda day: 100)))

    assert made.used_at_end.low <= 5000 + 1500 <= made.used_at_end.high
    assert made.used_at_end.median < 8500
    assert made.verdict == Verdict.YES


def test_days_apart_without_a_reading_keep_their_total():
    readings = even(200, START + 12 * DAY)
    some = [one for one in readings if not START + 3 * DAY < one.at < START + 7 * DAY]

    made = forecast(facts(some))

    assert made.rates.cycle == pytest.approx(200, rel=0.01)
    assert abs(made.included.median - (START + 15 * DAY)) < DAY


def test_a_forecast_begins_at_the_newest_reading_however_old_it_is():
    readings = even(200, START + 10 * DAY)

    made = forecast(facts(readings, at=START + 14 * DAY))

    assert made.as_of == readings[-1].at
    assert made.rates.today is None
    assert abs(made.included.median - (START + 15 * DAY)) < DAY
    assert made.included.early >= made.at


def test_the_course_has_each_local_midnight_across_a_clock_change():
    made = forecast(facts(even(100, START + 10 * DAY)))

    local = [step.at.astimezone(BERLIN) for step in made.course[1:-1]]
    assert [(one.hour, one.minute) for one in local] == [(0, 0)] * 20
    assert len({one.date() for one in local}) == 20
    assert {one.utcoffset() for one in local} == {timedelta(hours=1), timedelta(hours=2)}
    assert (made.course[0].at, made.course[-1].at) == (made.as_of, END)
    lefts = [step.left.median for step in made.course]
    assert lefts == sorted(lefts, reverse=True)


def test_a_curve_never_falls_and_ends_with_the_counter():
    readings = [
        CounterReading(START + n * DAY, used) for n, used in enumerate([50, 40, 90, 70, 80], 1)
    ]

    known = curve(readings, start=START, until=END, included=None)

    assert list(known.used) == sorted(known.used)
    assert known.used[-1] == 80


def test_a_forecast_is_a_value():
    assert isinstance(forecast(facts(even(10, START + 5 * DAY))), Forecast)
    assert hash(forecast(facts(even(10, START + 5 * DAY))))
