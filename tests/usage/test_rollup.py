"""Readings rolled up: the same figures before and after, and nothing lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.usage import accounts, rolling, tasks
from dashboard.usage.history import asking
from dashboard.usage.history.loading import Known
from dashboard.usage.history.values import floor_day, floor_hour
from dashboard.usage.models import CalendarMonth, Cycle, RollUp, Snapshot, Tick, UsageSpan
from dashboard.usage.polling import poll
from dashboard.usage.twins import join
from dashboard.usage.windows import Window
from tests.conftest import add_key
from tests.usage.conftest import END, START, listed, usage

DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)
ZONES = ["UTC", "Europe/Istanbul", "Asia/Kolkata", "Australia/Lord_Howe"]
MONTH = timedelta(days=30)
NOVEMBER, DECEMBER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)


def read(account: Account, at: datetime, app: int | None, **more) -> Snapshot:
    """Write a good reading down as the poller does."""
    facts = {
        "mode": "current",
        "outcome": "ok",
        "query": "expand=billing_cycle",
        "membership": "Premium-20000",
        "included_credits": 18500,
        "prepaid_credits": 2000,
        "api_usage": 0,
        "period_start_at": START,
        "period_end_at": END,
        "synced": True,
        "kind": "stripe",
        **more,
    }
    return Snapshot(account=account, asked_at=at, app_usage=app, **facts)


def cycle(account: Account, start: datetime, app: int, *, asked_at: datetime, **more) -> Cycle:
    facts = {"end_at": start + MONTH, "api_usage": 0, "kind": "stripe", **more}
    return Cycle.objects.create(
        account=account,
        start_at=start,
        app_usage=app,
        asked_at=asked_at,
        first_seen_at=asked_at,
        **facts,
    )


def polled(account: Account, start: datetime, until: datetime, every: timedelta = QUARTER) -> None:
    """Write months of readings: windows of 30 days, a credit more with each reading."""
    rows, at, window, app = [], start, start, 0
    while at < until:
        if at >= window + MONTH:
            cycle(account, window, app + 3, asked_at=at)
            window, app = window + MONTH, 0
        app += 1 + (at.hour == 9)
        rows.append(read(account, at, app, period_start_at=window, period_end_at=window + MONTH))
        at += every
    Snapshot.objects.bulk_create(rows, batch_size=500)


def figures(course) -> list:
    """What a chart shows of a course."""
    return [
        [
            (b.start_at, b.app, b.api, b.is_complete, b.overlaps, b.levels)
            for b in course.series.get("stripe", ())
        ],
        [bucket.prepaid for bucket in course.prepaid],
        sorted((gap.start_at, gap.end_at, gap.app, gap.api) for gap in course.gaps),
        course.marks,
    ]


def rows() -> list:
    names = [f.name for f in UsageSpan._meta.fields if f.name != "id"]
    order = ("account", "span", "kind", "window_start_at", "start_at", "end_at")
    return list(UsageSpan.objects.order_by(*order).values_list(*names))


def until(account: Account) -> datetime:
    return RollUp.objects.get(account=account).until_at


@pytest.fixture
def read_account(account) -> Account:
    """Read for 50 days with a renewal, a pause, a top-up, and a time with a counter missing."""
    polled(account, START, START + 50 * DAY, every=timedelta(minutes=57))
    mine = Snapshot.objects.filter(account=account)
    mine.filter(asked_at__gte=START + 12 * DAY, asked_at__lt=START + 14 * DAY).delete()
    mine.filter(asked_at__gte=START + 20 * DAY).update(prepaid_credits=2500)
    odd = mine.filter(asked_at__gte=START + 44 * DAY, asked_at__lt=START + 44.2 * DAY)
    odd.update(api_usage=None, outcome="partial")
    return account


NOW = START + 50 * DAY


def test_rolling_up_changes_no_figure_in_any_zone(read_account):
    def shown() -> list:
        ask = read_account, START - DAY, NOW + DAY
        return [figures(asking.days(*ask, ZoneInfo(zone))) for zone in ZONES]

    before = shown()

    rolling.tidy(read_account, at=NOW)

    assert Snapshot.objects.filter(asked_at__lt=START + 9 * DAY).count() < 20
    assert shown() == before


def test_rolling_up_changes_no_hour(read_account):
    ask = (read_account, START, NOW)
    before = figures(asking.hours(*ask))

    rolling.tidy(read_account, at=NOW)

    assert figures(asking.hours(*ask)) == before


def test_the_sum_of_days_is_the_cycles_total_after_all_the_hours_are_gone(read_account):
    closed = Cycle.objects.get()
    window = Window.of(closed)
    rolling.tidy(read_account, at=NOW)
    rolling.tidy(read_account, at=NOW + 420 * DAY)

    assert not UsageSpan.objects.filter(span="hour", end_at__lt=START + 40 * DAY).exists()
    for zone in map(ZoneInfo, ZONES):
        course = asking.days(read_account, window.start_at, window.end_at, zone, window=window)
        assert course.total("app", kind="stripe") == closed.app_usage


def test_the_seam_between_kept_days_and_hours_loses_nothing(read_account):
    rolling.tidy(read_account, at=NOW)

    def totals() -> list:
        courses = [asking.days(read_account, START, NOW, ZoneInfo(zone)) for zone in ZONES]
        return [course.total("app", kind="stripe") for course in courses]

    before = totals()

    rolling.delete_hours(read_account, at=START + 25 * DAY + rolling.HOURS_KEPT)

    assert RollUp.objects.get().hours_from_at == floor_day(START + 25 * DAY)
    assert totals() == before


def test_doing_it_again_gives_the_same_rows(read_account):
    rolling.tidy(read_account, at=NOW)
    before = rows()

    rolling.tidy(read_account, at=NOW)
    RollUp.objects.update(closings="")
    rolling.tidy(read_account, at=NOW)

    assert rows() == before


def test_new_readings_are_rolled_as_if_all_had_been_there(acme, account):
    other = Account.objects.create(team=acme, label="Other")
    for each in (account, other):
        polled(each, START, START + 4 * DAY)
        away = Snapshot.objects.filter(asked_at__gte=START + DAY, asked_at__lt=START + 3 * DAY)
        away.update(kind="calendar", synced=False, period_start_at=NOVEMBER, period_end_at=DECEMBER)
        Snapshot.objects.filter(asked_at__range=(START + DAY / 2, START + DAY * 0.8)).delete()
    for hour in range(24, 97, 5):
        Snapshot.objects.filter(account=other).update(mode="month")
        seen = Snapshot.objects.filter(account=other, asked_at__lt=START + hour * QUARTER * 4)
        seen.update(mode="current")
        rolling.roll_up(other)
    Snapshot.objects.filter(account=other).update(mode="current")
    rolling.roll_up(other)
    rolling.roll_up(account)

    mine, others = ([row[1:] for row in rows() if row[0] == a.pk] for a in (account, other))
    assert mine == others
    assert {row[1] for row in mine} == {"stripe", "calendar"}


def test_a_long_history_is_rolled_in_steps(account):
    polled(account, START, START + 5 * DAY)
    rolling.tidy(account, at=START + 5 * DAY)
    before = rows()
    UsageSpan.objects.all().delete()
    RollUp.objects.all().delete()

    assert rolling.roll_up(account, most=150) is True
    while rolling.roll_up(account, most=150):
        pass
    rolling.tidy(account, at=START + 5 * DAY)

    assert rows() == before


def test_the_evening_before_the_first_reading_is_kept_too(account):
    midnight = floor_day(START) + DAY
    evening = midnight - timedelta(hours=2)
    window = {"period_start_at": evening, "period_end_at": evening + MONTH}
    for hour, app in ((3, 70), (8, 90), (18, 114)):
        at = midnight + timedelta(hours=hour)
        read(account, at, app, **window).save()
        # What was read at 3 lies after the first stretch that is settled, from 2.
        if hour > 3:
            rolling.tidy(account, at=at)

    ask = account, evening, midnight + DAY
    utc, berlin = (
        asking.days(*ask, ZoneInfo(zone), window=Window("stripe", evening, evening + MONTH))
        for zone in ("UTC", "Europe/Berlin")
    )

    assert UsageSpan.objects.filter(span="day", start_at__lt=midnight).exists()
    assert utc.total("app", kind="stripe") == berlin.total("app", kind="stripe") == 114


def test_a_gap_over_midnight_counts_once_while_it_is_only_half_rolled_up(account):
    window = Window("stripe", START, END)
    step, app = timedelta(hours=4, minutes=5), 0
    for number in range(1, 19):
        at, app = START + number * step, app + 7 * number
        read(account, at, app).save()
        rolling.tidy(account, at=at)

        for zone in map(ZoneInfo, ZONES):
            course = asking.days(account, START, at, zone, window=window)
            assert course.total("app", kind="stripe") == app


@pytest.mark.parametrize("zone", ZONES)
def test_a_gap_that_ends_after_the_range_is_told_at_every_moment(account, zone):
    """Read until noon and again three days later: the day of the pause says what is missing."""
    noon = floor_day(START) + DAY / 2
    for number, at in enumerate((noon, noon + 3 * DAY, noon + 3 * DAY + QUARTER)):
        read(account, at, 7 * number, period_start_at=noon - DAY / 4).save()
    ask = account, noon, noon + DAY

    def shown() -> list:
        return [figures(asking.days(*ask, ZoneInfo(zone))), figures(asking.hours(*ask))]

    before = shown()
    assert [gap[2].credits for gap in before[1][2]] == [7]

    # The pause is not rolled up yet, though all of the range is.
    rolling.tidy(account, at=noon + 3 * DAY + QUARTER)
    assert until(account) > noon + DAY and not UsageSpan.objects.filter(end_at=noon + 3 * DAY)
    assert shown() == before

    read(account, noon + 4 * DAY, 15, period_start_at=noon - DAY / 4).save()
    rolling.tidy(account, at=noon + 4 * DAY)
    assert UsageSpan.objects.filter(end_at=noon + 3 * DAY)
    assert shown() == before


def test_a_short_gap_over_a_midnight_counts_on_both_sides_when_one_is_asked_for(account):
    midnight = floor_day(START) + 2 * DAY
    for hour in range(-26, 26, 4):
        read(account, midnight + timedelta(hours=hour + 2), 10 * hour + 1000).save()
    berlin = ZoneInfo("Europe/Berlin")
    before = figures(asking.days(account, midnight - DAY, midnight - timedelta(hours=1), berlin))

    rolling.tidy(account, at=midnight + DAY)

    after = figures(asking.days(account, midnight - DAY, midnight - timedelta(hours=1), berlin))
    assert after == before


@pytest.mark.parametrize("is_rolled_up", [False, True])
def test_the_hour_that_a_midnight_falls_into_counts_in_the_first_day_too(account, is_rolled_up):
    midnight = datetime(2026, 11, 5, 18, 30, tzinfo=UTC)
    polled(account, midnight - DAY, midnight + DAY)
    if is_rolled_up:
        rolling.tidy(account, at=midnight + DAY)

    alone, second = (
        asking.days(account, start, midnight + DAY, ZoneInfo("Asia/Kolkata"))
        for start in (midnight, midnight - DAY)
    )

    assert alone.series["stripe"][0] == second.series["stripe"][1]


def test_levels_stand_once_though_windows_lie_far_apart(account):
    later = START + 90 * DAY
    read(account, START + DAY, 10).save()
    read(account, later + DAY, 20, period_start_at=later, period_end_at=later + MONTH).save()
    windows = [Window("stripe", start, start + MONTH) for start in (START, later)]

    for _ in range(2):
        known = Known(RollUp.objects.filter(account=account).first())
        found = asking.levels(account, windows, days_before=START, known=known)
        assert [[one.app for one in rows] for rows in found.values()] == [[10], [20]]
        rolling.tidy(account, at=later + DAY)


def test_the_last_level_of_a_cycle_stands_for_the_day_that_it_ends(account):
    """RemBG answered a little after the month had ended; the answer stands at its end."""
    facts = {"kind": "calendar", "period_start_at": NOVEMBER, "period_end_at": DECEMBER}
    for hours, app in ((-3, 70), (0.5, 90)):
        read(account, DECEMBER + timedelta(hours=hours), app, synced=False, **facts).save()
    later = {**facts, "period_start_at": DECEMBER, "period_end_at": DECEMBER + MONTH}
    read(account, DECEMBER + DAY, 5, synced=False, **later).save()
    window = Window("calendar", NOVEMBER, DECEMBER)

    for days_before in (DECEMBER, DECEMBER + DAY):
        for _ in range(2):
            known = Known(RollUp.objects.filter(account=account).first())
            found = asking.levels(account, [window], days_before=days_before, known=known)
            assert [one.app for rows in found.values() for one in rows] == [90]
            rolling.tidy(account, at=DECEMBER + 2 * DAY)
        RollUp.objects.all().delete()
        UsageSpan.objects.all().delete()


def test_d16_a_window_counted_on_after_its_end_and_the_next_one_share_a_day(account):
    """The renewal's webhook was late: RemBG counts in one window at a time, so both are added."""
    noon = floor_day(START) + 2 * DAY + DAY / 2
    old = {"period_start_at": noon - DAY, "period_end_at": noon}
    new = {"period_start_at": noon, "period_end_at": noon + MONTH}
    for hours, app, window in ((-5, 4, old), (2, 9, old), (10, 3, new), (40, 5, new)):
        read(account, noon + timedelta(hours=hours), app, **window).save()
    ask = account, noon - DAY / 2, noon + DAY / 2, ZoneInfo("UTC")

    for _ in range(2):
        (day,) = asking.days(*ask).series["stripe"]
        assert not day.overlaps and day.used == (9 - 4) + 3
        rolling.tidy(account, at=noon + 2 * DAY)


def test_a_counter_that_a_window_never_told_is_a_gap_whatever_the_range(account):
    end, facts = START + DAY, {"period_end_at": START + DAY}
    for hour in range(1, 24):
        read(account, START + timedelta(hours=hour), None, **facts).save()
    read(account, end + QUARTER, 2, period_start_at=end, period_end_at=end + MONTH).save()
    hours = START, START + timedelta(hours=6)

    for _ in range(2):
        gaps = asking.hours(account, *hours).gaps
        assert [(gap.start_at, gap.end_at) for gap in gaps if gap.app.known_for == DAY * 0] == [
            (START, end)
        ]
        rolling.tidy(account, at=end + DAY)


def test_a_window_that_the_next_one_cuts_short_after_the_range_ends_there(account):
    begun = START + 2 * DAY
    cycle(account, START, 9, asked_at=begun + DAY / 24, end_at=begun)
    cycle(account, begun, 0, asked_at=begun + DAY / 24)
    for at, app in ((START + DAY, 4), (begun + DAY / 24, 9)):
        read(account, at, app).save()

    ends = [
        {gap.end_at for gap in asking.days(account, START + DAY, end, ZoneInfo("UTC")).gaps}
        for end in (floor_day(begun), begun + DAY)
    ]

    assert all(begun in found for found in ends)


def test_a_past_day_was_read_until_its_last_reading_rolled_up_or_not(account):
    polled(account, START, START + 3 * DAY)
    day = floor_day(START) + DAY

    for _ in range(2):
        assert asking.hours(account, day, day + DAY).read_until == day + DAY - timedelta(
            minutes=14, seconds=48
        )
        rolling.tidy(account, at=START + 3 * DAY)


def test_a_window_ends_where_its_cycle_says_even_just_before_the_range(account):
    """RemBG left its end out of the last reading; the list of cycles knows it."""
    ended, begun = START + 2 * DAY, START + 4 * DAY
    cycle(account, START, 12, end_at=ended, asked_at=START + DAY)
    read(account, START + DAY, 12, period_end_at=None).save()
    read(account, begun + DAY, 5, period_start_at=begun, period_end_at=begun + MONTH).save()

    course = asking.hours(account, START + 3 * DAY, begun)

    assert not any(gap.place.start_at == START for gap in course.gaps), "no window ran then"


@pytest.mark.parametrize("missing", ["app_usage", "api_usage", "prepaid_credits"])
def test_a_number_left_out_for_hours_is_followed_over_the_end_of_the_range(account, missing):
    midnight = floor_day(START) + 2 * DAY
    for number in range(40):
        facts = {"prepaid_credits": 2000 - number, "api_usage": number}
        if 9 < number < 30:
            facts[missing] = None
        at = midnight + (number - 10) * QUARTER
        read(account, at, facts.pop("app_usage", number), **facts).save()
    ask = account, midnight - DAY, midnight, ZoneInfo("UTC")
    before = figures(asking.days(*ask))

    rolling.tidy(account, at=midnight + DAY)

    assert before == figures(asking.days(*ask))
    assert until(account) > midnight


def test_a_window_that_is_told_of_late_is_marked_when_the_one_before_it_was_last_read(account):
    """RemBG names a cycle that began yesterday; the hours until now are settled already."""
    begun, last = START + DAY, START + 2 * DAY
    polled(account, START, last)
    rolling.tidy(account, at=last)
    read(account, last, 5, period_start_at=begun, period_end_at=begun + MONTH).save()

    renewals = []
    for _ in range(2):
        renewals.append([one.at for one in asking.hours(account, START, last + DAY).marks])
        rolling.tidy(account, at=last)
        read(account, last + DAY, 9, period_start_at=begun, period_end_at=begun + MONTH).save()

    assert renewals == [[last - QUARTER]] * 2


def test_d6_a_late_reading_has_its_hours_rolled_up_again(account):
    polled(account, START, START + 2 * DAY)
    rolling.tidy(account, at=START + 2 * DAY)
    at = START + DAY + timedelta(minutes=5)
    hour = UsageSpan.objects.get(span="hour", start_at=floor_hour(at))

    app = Snapshot.objects.filter(asked_at__lt=at).order_by("-asked_at")[0].app_usage
    read(account, at, app + 1).save()
    rolling.tidy(account, at=START + 2 * DAY)

    assert UsageSpan.objects.get(span="hour", start_at=floor_hour(at)).readings == hour.readings + 1


def test_a_cycle_that_is_closed_later_completes_its_last_hour(account):
    polled(account, START, START + MONTH + DAY)
    Cycle.objects.update(asked_at=START)
    rolling.tidy(account, at=NOW)
    window = Window("stripe", START, START + MONTH)
    course = asking.hours(account, START, START + MONTH, window=window)
    before = course.total("app", kind="stripe")

    Cycle.objects.update(asked_at=START + MONTH)
    rolling.tidy(account, at=NOW)

    course = asking.hours(account, START, START + MONTH, window=window)
    assert course.total("app", kind="stripe") == before + 3 == Cycle.objects.get().app_usage


def test_nothing_is_deleted_before_it_is_rolled_up(read_account):
    count = Snapshot.objects.count()

    rolling.delete_readings(read_account, at=NOW + 300 * DAY)

    assert Snapshot.objects.count() == count


def test_nothing_is_deleted_while_a_late_reading_waits(read_account):
    while rolling.roll_up(read_account):
        pass
    read(read_account, START + DAY, 40).save()
    count = Snapshot.objects.count()

    rolling.delete_readings(read_account, at=NOW)

    assert Snapshot.objects.count() == count


def test_a_crash_before_the_rows_are_written_leaves_everything_as_it_was(account, monkeypatch):
    polled(account, START, START + 2 * DAY)
    rolling.tidy(account, at=START + 2 * DAY)
    before, state = rows(), RollUp.objects.values().get()
    read(account, START + 2 * DAY + timedelta(hours=7), 500).save()

    class Killed(Exception):
        pass

    def killed(*_args: object, **_options: object) -> None:
        raise Killed

    with monkeypatch.context() as crash:
        crash.setattr(UsageSpan.objects, "bulk_create", killed)
        with pytest.raises(Killed):
            rolling.roll_up(account)

    assert rows() == before and RollUp.objects.values().get() == state
    rolling.roll_up(account)
    assert len(rows()) > len(before)


def test_what_stays_of_the_readings(read_account):
    oldest = Snapshot.objects.order_by("asked_at")
    first = oldest[0].pk
    named = [oldest[30], oldest[31]]
    Cycle.objects.update(snapshot=named[0])
    CalendarMonth.objects.create(
        account=read_account, year=2026, month=11, asked_at=NOW, snapshot=named[1]
    )
    failed = read(read_account, START + DAY, None, outcome="failed")
    failed.save()
    before_pause = oldest.filter(asked_at__lt=floor_day(NOW - 40 * DAY)).exclude(pk=failed.pk)
    last = before_pause.last().pk

    rolling.tidy(read_account, at=NOW)

    kept = set(
        Snapshot.objects.filter(asked_at__lt=floor_day(NOW - 40 * DAY)).values_list("pk", flat=True)
    )
    assert kept == {first, last, *(one.pk for one in named)}
    assert Cycle.objects.get().snapshot_id == named[0].pk


def test_the_newest_good_reading_stays_even_if_it_is_the_only_one(account):
    read(account, START, 5).save()

    rolling.tidy(account, at=START + 900 * DAY)

    assert Snapshot.objects.count() == 1


def test_hours_go_after_13_months_and_days_stay(read_account):
    rolling.tidy(read_account, at=NOW)
    days = UsageSpan.objects.filter(span="day").count()

    rolling.tidy(read_account, at=NOW + 397 * DAY)

    assert not UsageSpan.objects.filter(span="hour", end_at__lt=NOW - DAY).exists()
    assert UsageSpan.objects.filter(span="day").count() == days >= 45


def test_pages_ask_the_same_number_of_questions_whatever_the_history(read_account):
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            asking.days(read_account, NOW - 3 * DAY, NOW, ZoneInfo("Asia/Kolkata"))
        return len(queries)

    before = asked()
    rolling.tidy(read_account, at=NOW)

    assert before <= 5 and asked() <= 5


def test_the_newest_part_comes_from_readings_that_are_not_rolled_up_yet(account):
    polled(account, START, START + DAY)
    rolling.tidy(account, at=START + DAY)
    at = START + DAY + QUARTER
    read(account, at, 1000).save()

    course = asking.hours(account, START, at)

    assert course.total("app", kind="stripe") == 1000
    assert course.read_until == at and until(account) < at - timedelta(hours=6)


def test_keys_added_instead_of_accounts_change_nothing(account, key):
    polled(account, START, START + DAY)
    before = figures(asking.hours(account, START, START + DAY))

    add_key(account, "sandbox-premium-2", "Second")
    Snapshot.objects.filter(account=account, asked_at__lt=START + DAY / 2).update(api_key=key)

    assert figures(asking.hours(account, START, START + DAY)) == before


# --- the schedule ---------------------------------------------------------------------------------


def test_one_worker_takes_a_tick(db):
    at = floor_hour(NOW)

    assert [Tick.objects.claim("roll_up", at=at) for _ in range(3)] == [True, False, False]
    assert Tick.objects.claim("roll_up", at=at + timedelta(days=8))
    assert Tick.objects.count() == 1


def test_each_account_has_its_turn_once_in_three_hours(account):
    read(account, START, 5).save()

    turns = [len(list(rolling.take_turns(at=NOW + timedelta(hours=n)))) for n in range(5)]

    assert turns == [1, 0, 0, 1, 0]


def test_the_task_rolls_up_what_is_due_once_an_hour(account):
    start = floor_hour(timezone.now()) - 2 * DAY
    polled(account, start, start + DAY)

    assert [tasks.roll_up_due.call_local(), tasks.roll_up_due.call_local()] == [1, 0]
    assert UsageSpan.objects.filter(span="hour").count() >= 17


# --- what people archive keeps its history --------------------------------------------------------


def test_archiving_a_key_an_account_or_a_member_deletes_no_history(account, key, mel, acme):
    polled(account, START, START + 2 * DAY)
    rolling.tidy(account, at=START + 2 * DAY)
    before = rows(), Snapshot.objects.count()

    key.archive(at=NOW)
    accounts.archive(account, at=NOW)
    acme.memberships.get(user=mel).delete()

    assert (rows(), Snapshot.objects.count()) == before
    assert asking.hours(account, START, START + 2 * DAY).total("app", kind="stripe")


def test_joining_a_twin_keeps_its_history(acme, account, alice):
    twin = Account.objects.create(team=acme, label="Twin", same_as=account)
    polled(twin, START, START + DAY)
    rolling.tidy(twin, at=START + DAY)
    before = rows()

    assert join(twin, by=alice, at=NOW, address=None) == account

    assert rows() == before


# --- through the poller ---------------------------------------------------------------------------


def test_month_counters_at_the_top_of_an_answer_are_never_in_a_cycle_series(wire, key, account):
    for hour, app in enumerate((4200, 4210, 4230)):
        wire.by_mode(current=usage(app=app, api=5100), cycles=listed((START, END, app, 5100)))
        poll(account, at=datetime(2026, 11, 18, 12 + hour, tzinfo=UTC))

    course = asking.hours(
        account, datetime(2026, 11, 18, 11, tzinfo=UTC), datetime(2026, 11, 18, 15, tzinfo=UTC)
    )

    assert [bucket.app.credits for bucket in course.series["stripe"]][1:3] == [10, 20]
    assert course.gaps[0].app.credits == 4200, "8500, the month's"


def test_the_demos_history_adds_up_in_every_zone(sandbox, account, key):
    """As `seeddemo` does it: every three hours with a test clock, across a renewal."""
    answer = sandbox.get("/api/membership-usage", "sandbox-premium", expand="billing_cycle")
    start = datetime.fromtimestamp(answer["billingCycle"]["periodStartUnix"], UTC)
    at = start - DAY
    try:
        while at < start + 2 * DAY:
            sandbox.set_clock("sandbox-premium", at)
            account.refresh_from_db()
            poll(account, at=at)
            at += timedelta(hours=3)
    finally:
        sandbox.set_clock("sandbox-premium", None)
    rolling.tidy(account, at=at)

    for zone in map(ZoneInfo, ZONES):
        for each in account.cycles.order_by("-start_at")[:3]:
            window = Window.of(each)
            course = asking.days(account, window.start_at, window.end_at, zone, window=window)
            assert course.total("app", kind=window.kind) == each.app_usage
            assert course.total("api", kind=window.kind) == each.api_usage
        days = asking.days(account, start + DAY / 2, start + DAY, zone).series["stripe"]
        assert all(bucket.used is not None for bucket in days)
