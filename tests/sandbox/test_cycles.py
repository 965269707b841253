"""The accounts whose cycles are not plain, through their clocks: ends, upgrades, late webhooks."""

from datetime import UTC, datetime
from itertools import groupby, pairwise

import pytest

from tests.sandbox.box import DOT, SEEN, Box, unix, used

IDLE, SWITCH, LATE = "sandbox-idle", "sandbox-switch", "sandbox-late"
UPGRADE, STALE = "sandbox-upgrade", "sandbox-stale"
PREMIUM, CALENDAR = "sandbox-premium", "sandbox-calendar"
KEYS = [IDLE, SWITCH, LATE, UPGRADE, STALE, PREMIUM, CALENDAR]
HOUR, DAY = 3600, 86_400
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


def tiles(box: Box, key: str, first: int) -> list[dict[str, int]]:
    """The windows as they are told, each where the one before it ended, oldest first."""
    running = box.cycle(key)["periodStartUnix"]
    found = [box.window(key, first)]
    while found[-1]["periodStartUnix"] != running:
        found.append(box.window(key, found[-1]["periodEndUnix"] + 1))
    return found


def unused(told: list[dict[str, int]]) -> list[int]:
    """How many cycles without use follow each other, each time."""
    return [len(list(run)) for some, run in groupby(told, lambda each: used(each) > 0) if not some]


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


def test_d15_a_cycle_before_unused_ones_is_listed_with_an_end_that_is_months_late(box: Box, seen):
    seen(IDLE)
    cycles = box.cycles(IDLE)

    told = tiles(box, IDLE, cycles[-1]["periodStartUnix"])

    assert unused(told) == [1, 3, 1]
    assert [each["periodStartUnix"] for each in told if used(each)] == starts(cycles)[::-1]
    late = [each["periodEndUnix"] - box.told_end(IDLE, each) for each in cycles]
    assert [round(each / (30.4 * DAY)) for each in late if each] == [1, 3, 1]
    assert all(
        28 * DAY <= each["periodEndUnix"] + 1 - each["periodStartUnix"] <= 31 * DAY for each in told
    )


def test_d15_a_listed_end_moves_when_the_unused_cycle_after_it_is_over(box: Box, seen):
    seen(IDLE)
    told = tiles(box, IDLE, box.cycles(IDLE)[-1]["periodStartUnix"])
    start, end = next(
        (each["periodStartUnix"], each["periodEndUnix"]) for each in told if not used(each)
    )
    listed, told_ends = [], set()
    for moment in (start - 1, start, end, end + 1):
        box.set_clock(IDLE, moment)
        before = next(each for each in box.cycles(IDLE) if each["periodStartUnix"] < start)
        listed.append(before["periodEndUnix"])
        told_ends.add(box.told_end(IDLE, before))

    assert told_ends == {start - 1}
    assert listed == [start - 1, start - 1, start - 1, end]


def test_d15_unused_cycles_come_in_time_to_come_too(box: Box, seen):
    seen(IDLE)
    first = box.cycle(IDLE)["periodStartUnix"]

    box.set_clock(IDLE, MOMENTS[-1])

    assert unused(tiles(box, IDLE, first)) == [1, 2, 3]


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


def test_d8_a_fall_back_within_a_cycle_cuts_it_in_two(box: Box, seen):
    seen(SWITCH)
    readings = []
    for moment in range(SEEN - 75 * DAY, SEEN - 35 * DAY, 12 * HOUR):
        block = box.set_clock(SWITCH, moment)["billingCycle"]
        readings.append((block["periodStartUnix"], block["stripeBillingSynced"], block))

    runs = [list(run) for _, run in groupby(readings, lambda each: each[:2])]
    fall_back = [place for place, run in enumerate(runs) if not run[0][1]]
    before, after = runs[fall_back[0] - 1], runs[fall_back[-1] + 1]
    assert before[0][0] == after[0][0]
    assert before[0][2]["periodEndUnix"] == after[-1][2]["periodEndUnix"]
    assert 0 < used(before[-1][2]) < used(after[-1][2])
    assert used(after[0][2]) - used(before[-1][2]) < 300
    counted = [used(runs[place][-1][2]) for place in fall_back]
    assert sum(counted) > 1000


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


def test_d16_for_a_day_after_its_renewal_the_old_cycle_counts_on(box: Box, seen):
    seen(LATE)
    renewal = box.cycle(LATE)["periodEndUnix"] + 1
    old = box.set_clock(LATE, renewal - 1)["billingCycle"]
    box.set_clock(LATE, renewal + HOUR)
    first = box.cycle(LATE)

    assert box.remove(DOT, key=LATE).status_code == 200

    assert (first["periodStartUnix"], first["periodEndUnix"]) == (
        old["periodStartUnix"],
        renewal - 1,
    )
    assert used(box.cycle(LATE)) == used(first) + 1 > used(old)
    newest = box.cycles(LATE)[0]
    assert (newest["periodStartUnix"], newest["periodEndUnix"]) == (
        old["periodStartUnix"],
        renewal - 1,
    )
    assert used(box.window(LATE, renewal)) == 0
    assert box.window(LATE, renewal)["periodEndUnix"] > renewal + 27 * DAY


def test_d16_when_the_webhook_comes_the_new_cycle_counts_from_0(box: Box, seen):
    seen(LATE)
    renewal = box.cycle(LATE)["periodEndUnix"] + 1
    last = box.set_clock(LATE, renewal + DAY - 1)["billingCycle"]
    box.set_clock(LATE, renewal + DAY)
    new = box.cycle(LATE)

    assert box.remove(DOT, key=LATE).status_code == 200

    assert (new["periodStartUnix"], used(new), used(box.cycle(LATE))) == (renewal, 0, 1)
    listed = box.cycles(LATE)[1]
    assert (listed["periodStartUnix"], used(listed)) == (last["periodStartUnix"], used(last))
    assert listed["periodEndUnix"] == renewal - 1


def test_d16_each_renewals_webhook_is_late_through_27_months(box: Box, seen):
    seen(LATE)
    cycle = box.cycles(LATE)[-1]
    box.set_clock(LATE, cycle["periodStartUnix"] + DAY)
    cycle = box.cycle(LATE)
    for _ in range(27):
        renewal = cycle["periodEndUnix"] + 1
        before = box.set_clock(LATE, renewal + DAY - 1)["billingCycle"]
        assert before["periodStartUnix"] == cycle["periodStartUnix"]
        cycle = box.set_clock(LATE, renewal + DAY)["billingCycle"]
        assert cycle["periodStartUnix"] == renewal

    assert cycle["periodStartUnix"] > SEEN + 13 * 30 * DAY


def upgrades(box: Box) -> list[int]:
    """When renewals began to follow another moment, by the time of day, oldest first."""
    oldest_first = starts(box.cycles(UPGRADE))[::-1]
    return [new for old, new in pairwise(oldest_first) if (new - old) % DAY]


def test_an_upgrade_in_mid_cycle_moves_the_renewal(box: Box, seen):
    seen(UPGRADE)
    moments = upgrades(box)
    labels = []

    for moment in moments:
        before = box.set_clock(UPGRADE, moment - 1)
        told_before = box.cycles(UPGRADE)[0]
        after = box.set_clock(UPGRADE, moment)
        old, new = before["billingCycle"], after["billingCycle"]
        assert old["periodStartUnix"] < moment - 4 * DAY
        assert old["periodEndUnix"] == told_before["periodEndUnix"] > moment + 4 * DAY
        assert (new["periodStartUnix"], used(new)) == (moment, 0)
        assert 28 * DAY <= new["periodEndUnix"] + 1 - moment <= 31 * DAY
        assert before["credits"] < after["credits"] == new["includedCredits"]
        ended = box.window(UPGRADE, old["periodStartUnix"])
        assert (used(ended), ended["periodEndUnix"]) == (used(old), moment - 1)
        assert ended["includedCredits"] == after["credits"]
        assert box.cycles(UPGRADE)[1]["periodEndUnix"] == moment - 1
        labels += [before["membership"], after["membership"]]

    assert labels == ["Premium-5000", "Premium-10000", "Premium-10000", "Premium-20000"]


def test_upgrades_come_in_time_to_come_too_and_are_not_told_ahead(box: Box, seen):
    seen(UPGRADE)
    assert len(upgrades(box)) == 2
    running = box.cycle(UPGRADE)

    box.set_clock(UPGRADE, MOMENTS[-1])

    *past, next_one, _ = upgrades(box)
    assert len(past) == 2
    assert round((next_one - SEEN) / DAY) == 40
    box.set_clock(UPGRADE, SEEN)
    following = box.window(UPGRADE, running["periodEndUnix"] + 1)
    assert following["periodEndUnix"] > next_one
    second = box.window(UPGRADE, following["periodEndUnix"] + 1)
    assert second["periodEndUnix"] + 1 - second["periodStartUnix"] >= 28 * DAY


def test_a_plan_that_was_set_stays_through_upgrades(box: Box, seen):
    seen(UPGRADE)
    box.set_account(UPGRADE, prepaid_credits=5)
    later = box.set_clock(UPGRADE, SEEN + 50 * DAY)

    box.set_account(UPGRADE, membership="Custom")

    assert (later["membership"], later["credits"]) == ("Premium-50000", 46_000)
    much_later = box.set_clock(UPGRADE, SEEN + 300 * DAY)
    assert (much_later["membership"], much_later["credits"]) == ("Custom", 46_000)
