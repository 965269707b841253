"""What is listed, with ends that are inferred, and what is told, through 27 months."""

from datetime import UTC, datetime

import pytest

from tests.sandbox.box import DOT, SEEN, Box, unix, used

PREMIUM, CALENDAR, SWITCH = "sandbox-premium", "sandbox-calendar", "sandbox-switch"
KEYS = [PREMIUM, CALENDAR, SWITCH]
DAY = 86_400
MAY = unix(2026, 5, 1), unix(2026, 6, 1) - 1
# Over 13 months before the accounts were first seen, and 14 months after.
MOMENTS = [SEEN + days * DAY for days in (-391, -226, -61, 0, 104, 269, 427)]


def months(box: Box, key: str, first: int, last: int) -> int:
    """Credits of all calendar months from one moment to another."""
    start, end = (datetime.fromtimestamp(each, UTC) for each in (first, last))
    numbers = range(start.year * 12 + start.month - 1, end.year * 12 + end.month)
    answers = [box.usage(key, year=n // 12, month=n % 12 + 1).json() for n in numbers]
    return sum(each["app_usage"] + each["api_usage"] for each in answers)


def starts(cycles: list[dict[str, int]]) -> list[int]:
    return [each["periodStartUnix"] for each in cycles]


def ends(cycles: list[dict[str, int]]) -> list[int]:
    return [each["periodEndUnix"] for each in cycles]


@pytest.mark.parametrize("key", KEYS)
def test_each_credit_stands_in_one_listed_window_through_27_months(box: Box, seen, key):
    seen(key)
    for moment in MOMENTS:
        box.set_clock(key, moment)
        assert box.remove(DOT, key=key).status_code == 200

        cycles = box.cycles(key)

        summed = sum(used(each) for each in cycles)
        assert summed == months(box, key, min(starts(cycles)) - DAY, moment) > 0


@pytest.mark.parametrize("key", KEYS)
def test_d15_a_listed_window_ends_where_the_next_listed_one_begins(box: Box, seen, key):
    seen(key)
    for moment in MOMENTS:
        box.set_clock(key, moment)
        cycles, running = box.cycles(key), box.cycle(key)

        expected = [each - 1 for each in starts(cycles)[:-1]]
        expected.insert(0, box.told_end(key, cycles[0]))
        if running["stripeBillingSynced"]:
            place = starts(cycles).index(running["periodStartUnix"])
            expected[place] = running["periodEndUnix"]

        assert starts(cycles) == sorted(starts(cycles), reverse=True)
        assert ends(cycles) == expected


@pytest.mark.parametrize("key", KEYS)
def test_what_is_listed_tells_the_same_counter_when_it_is_asked_for(box: Box, seen, key):
    seen(key)

    for listed in box.cycles(key):
        told = box.window(key, listed["periodStartUnix"])
        assert (told["appUsage"], told["apiUsage"]) == (listed["appUsage"], listed["apiUsage"])


def test_d15_a_cycle_that_was_used_by_removals_alone_has_the_next_such_cycles_start(
    box: Box, fresh
):
    born = unix(2026, 1, 31, 12)
    box.set_clock(fresh, born)
    box.remove(DOT, key=fresh)
    box.set_clock(fresh, unix(2026, 5, 2))
    box.remove(DOT, key=fresh)

    cycles = box.cycles(fresh)

    assert starts(cycles) == [unix(2026, 4, 30, 12), born]
    assert ends(cycles) == [unix(2026, 5, 31, 12) - 1, unix(2026, 4, 30, 12) - 1]
    assert box.told_end(fresh, cycles[1]) == unix(2026, 2, 28, 12) - 1


def test_a_counter_that_was_set_back_to_0_is_still_listed(box: Box, fresh):
    born = unix(2026, 1, 10)
    box.set_clock(fresh, born)
    box.set_account(fresh, api_usage=3)
    box.set_account(fresh, api_usage=0)
    box.set_clock(fresh, unix(2026, 3, 11))

    cycles = box.cycles(fresh)

    assert [(each["periodStartUnix"], used(each)) for each in cycles] == [
        (unix(2026, 3, 10), 0),
        (born, 0),
    ]


def test_the_newest_month_of_an_account_without_stripe_has_its_own_end(box: Box, seen):
    seen(CALENDAR)
    box.set_clock(CALENDAR, unix(2026, 12, 1))

    newest = box.cycles(CALENDAR)[0]

    assert (newest["periodStartUnix"], newest["periodEndUnix"]) == (
        unix(2026, 11, 1),
        unix(2026, 12, 1) - 1,
    )
    assert box.cycle(CALENDAR)["periodStartUnix"] == unix(2026, 12, 1)


def test_d15_windows_of_two_kinds_cut_each_other_short_in_the_list_alone(box: Box, seen):
    seen(SWITCH)

    cut = [
        box.window(SWITCH, each["periodStartUnix"])["stripeBillingSynced"]
        for each in box.cycles(SWITCH)
        if each["periodEndUnix"] < box.told_end(SWITCH, each)
    ]

    assert set(cut) == {True, False}


def test_d15_in_a_fall_back_the_last_cycle_of_stripe_is_listed_with_its_own_end(box: Box, seen):
    seen(SWITCH)
    month = box.set_clock(SWITCH, unix(2026, 5, 20))["billingCycle"]

    newest, second, *_ = box.cycles(SWITCH)

    assert month["stripeBillingSynced"] is False
    assert (month["periodStartUnix"], month["periodEndUnix"]) == MAY
    assert unix(2026, 5, 9) < newest["periodStartUnix"] < unix(2026, 5, 10)
    assert newest["periodEndUnix"] + 1 == newest["periodStartUnix"] + 31 * DAY
    assert second["periodStartUnix"] == MAY[0]
    assert second["periodEndUnix"] == newest["periodStartUnix"] - 1
