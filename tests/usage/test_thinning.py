"""Old readings thinned: the same figures before and after, and nothing lost on the way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.usage import tasks
from dashboard.usage.cycle_runs import runs_of
from dashboard.usage.duplicates import join
from dashboard.usage.history import queries
from dashboard.usage.history.values import floor_day, floor_hour
from dashboard.usage.models import AccountOutlook, CalendarMonth, Cycle, Snapshot, Thinning, Tick
from dashboard.usage.polling import thinning
from dashboard.usage.polling.ask import poll
from dashboard.usage.polling.thinning import hours_from, thin
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
        sorted(((gap.start_at, gap.end_at, gap.app, gap.api) for gap in course.gaps), key=str),
        course.marks,
    ]


NOW = START + 50 * DAY
# What happens in the days of a story, each with its name; days are read every ten minutes.
DENSE = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


def told(day: int, number: int, used: int) -> dict[str, Any]:
    """Return what upstream says in a reading of a day that is read often, besides its counters."""
    noon = 72
    match day % 10:
        case 0:  # A top-up in the middle of an hour, and the balance goes down all day.
            return {"prepaid_credits": 2000 - number + 500 * (number > noon + 2)}
        case 1:  # The plan becomes another one.
            bigger = {"included_credits": 30000, "membership": "Premium-40000"}
            return bigger if number > noon + 3 else {}
        case 2:  # A counter is left out for hours, and now and then.
            silent = 30 < number < 60 or number % 7 == 3
            return {"api_usage": None, "outcome": "partial"} if silent else {}
        case 3:  # A correction, and another one that is made up for within the hour.
            return {"api_usage": used // 3 - (9 if number in (noon + 2, noon + 3) else 0)}
        case 4:  # RemBG falls back to calendar months, and is in step with Stripe again.
            month = {"kind": "calendar", "synced": False, "api_usage": number // 5}
            first = {"period_start_at": None}
            return {**month, **first} if 40 < number < 90 else {}
        case 5:  # A stale answer, which was doubted.
            return {"outcome": "doubted", "api_usage": 0} if number in (noon, noon + 1) else {}
        case 6:  # It does not say whether it is in step, nor its plan.
            return {"synced": None, "membership": ""} if number % 5 == 2 else {}
        case _:
            return {}


def story(account: Account, months: int = 14) -> datetime:
    """Write months in which everything happens, and return when they end.

    Every ninth day is read each ten minutes, the others every three hours, and some not at all.
    """
    begin = START - timedelta(minutes=23, seconds=7)
    rows, window, app, at = [], begin, 0, begin
    end = begin + months * MONTH
    while at < end:
        if at >= window + MONTH:
            cycle(account, window, app + 3, asked_at=at, api_usage=app // 3)
            window, app = window + MONTH, 0
        day, number = (at - begin) // DAY, int((at - floor_day(at)) / DENSE)
        app += 1 + at.hour % 5
        facts = {"period_start_at": window, "period_end_at": window + MONTH}
        facts |= {"api_usage": app // 3}
        dense = day % 9 == 2
        more = told(day // 9, number, app) if dense else {}
        if "period_start_at" in more:
            first = floor_day(at).replace(day=1)
            more |= {"period_start_at": first, "period_end_at": first + 31 * DAY}
        if day % 50 != 49:
            rows.append(read(account, at, app, **{**facts, **more}))
        if number % 50 == 0:
            rows.append(read(account, at + MINUTE, None, outcome="failed", period_start_at=None))
        at += DENSE if dense else 18 * DENSE
    Snapshot.objects.bulk_create(rows, batch_size=500)
    return end


def all_figures(account: Account, start: datetime, at: datetime) -> dict[str, Any]:
    """Return every figure of every hour, day, cycle and month that pages show."""
    since, ask = hours_from(at), (account, start, at)
    windows = [Window.of(one) for one in account.cycles.oldest_first()]
    found = {"hours": figures(queries.hours(account, since, at))}
    for zone in map(ZoneInfo, ZONES):
        course = queries.days(*ask, zone, hours_from=since)
        found[f"days {zone}"] = figures(course)
        found[f"of both kinds {zone}"] = [
            (one.start_at, one.app, one.api, one.overlaps, one.levels)
            for one in course.series["calendar"]
        ]
        found[f"cycles {zone}"] = [
            queries.days(
                account, one.start_at, one.end_at, zone, hours_from=since, window=one
            ).total("app", kind=one.kind)
            for one in windows
        ]
    recent = [one for one in windows if one.start_at >= since]
    found["runs"] = [
        [(one.at, one.app, one.api) for one in rows]
        for rows in queries.levels(account, recent).values()
    ]
    found["days of cycles"] = [
        [run.on_day(number) for number in range(1, run.days + 1)]
        for run in runs_of(account, windows)
    ]
    return found


def test_every_figure_of_14_months_is_the_same_after_thinning(account):
    end = story(account)
    start, count = Snapshot.objects.earliest("asked_at").asked_at, Snapshot.objects.count()
    before = all_figures(account, start, end)

    deleted = thin(account, at=end)

    after = all_figures(account, start, end)
    assert [name for name in before if before[name] != after[name]] == []
    assert deleted == count - Snapshot.objects.count() > 3000
    # Before 13 months there are two a day, four at the renewal's hour, and those around events.
    old = Snapshot.objects.filter(asked_at__lt=hours_from(end))
    days = old.datetimes("asked_at", "day").count()
    assert 2 * days - 2 <= old.count() <= 7 * days


def test_thinning_twice_deletes_nothing_more_nor_does_it_matter_when_it_was_done(acme, account):
    other = Account.objects.create(team=acme, label="Other")
    ends = [story(each, months=3) for each in (account, other)]
    later = ends[0] + 390 * DAY
    for each in (account, other):
        read(each, later, 5).save()

    for days in range(0, 480, 7):
        thin(other, at=ends[0] + days * DAY)
    deleted = [thin(account, at=ends[0] + 476 * DAY)]
    deleted.append(thin(account, at=ends[0] + 476 * DAY))
    Thinning.objects.all().delete()
    deleted.append(thin(account, at=ends[0] + 476 * DAY))

    left = [each.snapshots.values_list("asked_at", "outcome") for each in (account, other)]
    assert set(left[0]) == set(left[1]) and deleted[0] > 0 == deleted[1] == deleted[2]


def test_what_happened_keeps_both_readings_around_it(account):
    """A top-up, a change of plan, a correction and a renewal in the middle of one hour."""
    hour = floor_hour(START) + DAY
    said = [{}, {}, {}, {"prepaid_credits": 2500}, {"prepaid_credits": 2500}]
    said = [*said, {"prepaid_credits": 2500, "included_credits": 30000}]
    for number, more in enumerate(said):
        read(account, hour + number * 5 * MINUTE, 10 + number, **more).save()
    read(account, hour + 30 * MINUTE, 12, prepaid_credits=2500, included_credits=30000).save()
    for number in range(3):
        at = hour + (40 + 5 * number) * MINUTE
        facts = {"prepaid_credits": 2500, "included_credits": 30000}
        read(account, at, number, period_start_at=hour + 37 * MINUTE, **facts).save()
    read(account, hour + 50 * DAY, 90, period_start_at=hour + 37 * MINUTE).save()

    thin(account, at=hour + 50 * DAY)

    kept = Snapshot.objects.order_by("asked_at").values_list("asked_at", flat=True)[:20]
    assert [(one - hour) // MINUTE for one in kept][:-1] == [0, 10, 15, 20, 25, 30, 40, 50]


@pytest.mark.parametrize("model", thinning.NAMING)
def test_a_reading_that_a_number_names_stays(account, model):
    polled(account, START, START + 50 * DAY, every=timedelta(minutes=20))
    named = account.snapshots.order_by("asked_at")[31]
    facts: dict[type, dict[str, Any]] = {
        Cycle: {"kind": "stripe", "start_at": END, "end_at": END + MONTH, "asked_at": NOW},
        CalendarMonth: {"year": 2026, "month": 11, "asked_at": NOW},
        AccountOutlook: {"kind": "stripe", "start_at": START, "end_at": END, "as_of": NOW},
    }
    facts[Cycle]["first_seen_at"] = NOW
    row = model.objects.create(account=account, snapshot=named, **facts[model])

    thin(account, at=NOW)

    row.refresh_from_db()
    assert row.snapshot_id == named.pk and Snapshot.objects.filter(pk=named.pk).exists()
    beside = account.snapshots.order_by("asked_at").filter(asked_at__lt=named.asked_at + DAY / 24)
    assert beside.count() < 31 + 3


def test_every_row_that_names_a_reading_is_known():
    fields = Snapshot._meta.get_fields(include_hidden=True)

    assert {one.related_model for one in fields if one.one_to_many} == {*thinning.NAMING}


def test_the_newest_good_reading_stays_and_so_does_what_failed_after_it(account):
    read(account, START, 5).save()
    read(account, START + QUARTER, 6).save()
    read(account, START - DAY, None, outcome="failed").save()
    read(account, START + DAY, None, outcome="failed").save()

    thin(account, at=START + 900 * DAY)

    left = Snapshot.objects.order_by("asked_at").values_list("outcome", flat=True)
    assert list(left) == ["ok", "ok", "failed"]


def test_killed_at_any_moment_it_is_done_by_the_next_one(acme, account):
    other = Account.objects.create(team=acme, label="Other")
    for each in (account, other):
        polled(each, START, START + 50 * DAY, every=timedelta(minutes=10))
    thin(other, at=NOW)

    class Killed(Exception):
        pass

    def kill(left: list[int]):
        def between(execute, sql, *more):
            found = execute(sql, *more)
            left[0] -= sql.startswith(("DELETE", "UPDATE"))
            if left[0] < 0:
                raise Killed
            return found

        return between

    for deeds in (0, 1, 3):
        with pytest.raises(Killed), connection.execute_wrapper(kill([deeds])):
            thin(account, at=NOW)
        assert account.thinning.until_at is None
    thin(account, at=NOW)

    left = [each.snapshots.values_list("asked_at", flat=True) for each in (account, other)]
    assert set(left[0]) == set(left[1]) and len(left[0]) < 50 * 144


def test_no_transaction_deletes_more_than_a_few_hundred(account):
    polled(account, START, START + 50 * DAY, every=timedelta(minutes=10))
    touched: list[int] = []

    def count(execute, sql, params, many, context):
        found = execute(sql, params, many, context)
        if sql.startswith("SAVEPOINT"):
            touched.append(0)
        elif sql.startswith("DELETE") and touched:
            touched[-1] += max(0, context["cursor"].rowcount)
        return found

    with connection.execute_wrapper(count):
        thin(account, at=NOW)

    # In a test each transaction is a savepoint.
    assert sum(touched) > 900 and max(touched) <= thinning.DELETED_AT_ONCE


@pytest.mark.parametrize("zone", ZONES)
def test_a_gap_that_ends_after_the_range_is_told_at_every_moment(account, zone):
    """Read until noon and again three days later: the day of the pause says what is missing."""
    noon = floor_day(START) + DAY / 2
    for number, at in enumerate((noon, noon + 3 * DAY, noon + 3 * DAY + QUARTER)):
        read(account, at, 7 * number, period_start_at=noon - DAY / 4).save()
    ask = account, noon, noon + DAY

    def shown() -> list:
        return [figures(queries.days(*ask, ZoneInfo(zone))), figures(queries.hours(*ask))]

    before = shown()
    assert [gap[2].credits for gap in before[1][2]] == [7]

    read(account, noon + 4 * DAY, 15, period_start_at=noon - DAY / 4).save()
    assert shown() == before


def test_a_short_gap_over_a_midnight_counts_on_both_sides_when_one_is_asked_for(account):
    midnight = floor_day(START) + 2 * DAY
    for hour in range(-26, 26, 4):
        read(account, midnight + timedelta(hours=hour + 2), 10 * hour + 1000).save()
    berlin = ZoneInfo("Europe/Berlin")
    alone = queries.days(account, midnight - DAY, midnight - timedelta(hours=1), berlin)
    more = queries.days(account, midnight - 2 * DAY, midnight + DAY, berlin)

    assert alone.series["stripe"][-1] in more.series["stripe"]


def test_the_hour_that_a_midnight_falls_into_counts_in_the_first_day_too(account):
    midnight = datetime(2026, 11, 5, 18, 30, tzinfo=UTC)
    polled(account, midnight - DAY, midnight + DAY)

    alone, second = (
        queries.days(account, start, midnight + DAY, ZoneInfo("Asia/Kolkata"))
        for start in (midnight, midnight - DAY)
    )

    assert alone.series["stripe"][0] == second.series["stripe"][1]


def test_levels_stand_once_though_windows_lie_far_apart(account):
    later = START + 90 * DAY
    read(account, START + DAY, 10).save()
    read(account, later + DAY, 20, period_start_at=later, period_end_at=later + MONTH).save()
    windows = [Window("stripe", start, start + MONTH) for start in (START, later)]

    found = queries.levels(account, windows)

    assert [[one.app for one in rows] for rows in found.values()] == [[10], [20]]


def test_the_last_level_of_a_cycle_stands_at_its_end(account):
    """RemBG answered a little after the month had ended; the answer stands at its end."""
    facts = {"kind": "calendar", "period_start_at": NOVEMBER, "period_end_at": DECEMBER}
    for hours, app in ((-3, 70), (0.5, 90)):
        read(account, DECEMBER + timedelta(hours=hours), app, synced=False, **facts).save()
    later = {**facts, "period_start_at": DECEMBER, "period_end_at": DECEMBER + MONTH}
    read(account, DECEMBER + DAY, 5, synced=False, **later).save()
    window = Window("calendar", NOVEMBER, DECEMBER)

    (found,) = queries.levels(account, [window]).values()

    assert [(one.at, one.app) for one in found][-1] == (DECEMBER, 90)


def test_d16_a_window_counted_on_after_its_end_and_the_next_one_share_a_day(account):
    """The renewal's webhook was late: RemBG counts in one window at a time, so both are added."""
    noon = floor_day(START) + 2 * DAY + DAY / 2
    old = {"period_start_at": noon - DAY, "period_end_at": noon}
    new = {"period_start_at": noon, "period_end_at": noon + MONTH}
    for hours, app, window in ((-5, 4, old), (2, 9, old), (10, 3, new), (40, 5, new)):
        read(account, noon + timedelta(hours=hours), app, **window).save()
    ask = account, noon - DAY / 2, noon + DAY / 2, ZoneInfo("UTC")

    (day,) = queries.days(*ask).series["stripe"]

    assert not day.overlaps and day.used == (9 - 4) + 3


def test_a_counter_that_a_window_never_told_is_a_gap_whatever_the_range(account):
    end, facts = START + DAY, {"period_end_at": START + DAY}
    for hour in range(1, 24):
        read(account, START + timedelta(hours=hour), None, **facts).save()
    read(account, end + QUARTER, 2, period_start_at=end, period_end_at=end + MONTH).save()
    hours = START, START + timedelta(hours=6)

    gaps = queries.hours(account, *hours).gaps

    unknown = [(gap.start_at, gap.end_at) for gap in gaps if gap.app.known_for == DAY * 0]
    assert unknown == [(START, end)]


def test_a_window_that_the_next_one_cuts_short_after_the_range_ends_there(account):
    begun = START + 2 * DAY
    cycle(account, START, 9, asked_at=begun + DAY / 24, end_at=begun)
    cycle(account, begun, 0, asked_at=begun + DAY / 24)
    for at, app in ((START + DAY, 4), (begun + DAY / 24, 9)):
        read(account, at, app).save()

    ends = [
        {gap.end_at for gap in queries.days(account, START + DAY, end, ZoneInfo("UTC")).gaps}
        for end in (floor_day(begun), begun + DAY)
    ]

    assert all(begun in found for found in ends)


def test_a_past_day_was_read_until_its_last_reading(account):
    polled(account, START, START + 3 * DAY)
    day = floor_day(START) + DAY

    last = day + DAY - timedelta(minutes=14, seconds=48)
    assert queries.hours(account, day, day + DAY).read_until == last


def test_a_window_ends_where_its_cycle_says_even_just_before_the_range(account):
    """RemBG left its end out of the last reading; the list of cycles knows it."""
    ended, begun = START + 2 * DAY, START + 4 * DAY
    cycle(account, START, 12, end_at=ended, asked_at=START + DAY)
    read(account, START + DAY, 12, period_end_at=None).save()
    read(account, begun + DAY, 5, period_start_at=begun, period_end_at=begun + MONTH).save()

    course = queries.hours(account, START + 3 * DAY, begun)

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
    (alone,) = queries.days(account, midnight - DAY, midnight, ZoneInfo("UTC")).series["stripe"]
    more = queries.days(account, midnight - DAY, midnight + DAY, ZoneInfo("UTC")).series["stripe"]

    assert alone == more[0]


def test_a_window_that_is_told_of_late_is_marked_when_the_one_before_it_was_last_read(account):
    """RemBG names a cycle that began yesterday."""
    begun, last = START + DAY, START + 2 * DAY
    polled(account, START, last)
    read(account, last, 5, period_start_at=begun, period_end_at=begun + MONTH).save()

    (renewal,) = queries.hours(account, START, last + DAY).marks

    assert renewal.at == last - QUARTER


def test_a_cycle_that_is_closed_later_completes_its_last_hour(account):
    polled(account, START, START + MONTH + DAY)
    Cycle.objects.update(asked_at=START)
    window, ask = Window("stripe", START, START + MONTH), (account, START, START + MONTH)
    before = queries.days(*ask, ZoneInfo("UTC"), window=window).total("app", kind="stripe")

    Cycle.objects.update(asked_at=START + MONTH)

    course = queries.days(*ask, ZoneInfo("UTC"), window=window)
    assert course.total("app", kind="stripe") == before + 3 == Cycle.objects.get().app_usage


def test_keys_added_instead_of_accounts_change_nothing(account, key):
    polled(account, START, START + DAY)
    before = figures(queries.hours(account, START, START + DAY))

    add_key(account, "sandbox-premium-2", "Second")
    Snapshot.objects.filter(account=account, asked_at__lt=START + DAY / 2).update(api_key=key)

    assert figures(queries.hours(account, START, START + DAY)) == before


# --- the schedule ---------------------------------------------------------------------------------


def test_one_worker_takes_a_tick(db):
    at = floor_hour(NOW)

    assert [Tick.objects.claim("thin", at=at) for _ in range(3)] == [True, False, False]
    assert Tick.objects.claim("thin", at=at + timedelta(days=8))
    assert Tick.objects.count() == 1


def test_each_account_has_its_turn_twice_a_day(account):
    read(account, START, 5).save()

    turns = [len(list(thinning.take_turns(at=NOW + timedelta(hours=6 * n)))) for n in range(5)]

    assert turns == [1, 0, 1, 0, 1]


def test_the_task_thins_what_is_due_once_an_hour(account):
    now = timezone.now()
    polled(account, floor_day(now) - 42 * DAY, floor_day(now) - 39 * DAY)

    assert [tasks.thin_due.call_local(), tasks.thin_due.call_local()] == [1, 0]
    old = Snapshot.objects.filter(asked_at__lt=floor_day(now) - 40 * DAY)
    assert old.count() == 2 * 24 * 2 and account.thinning.until_at == floor_day(now) - 40 * DAY


# --- what people archive keeps its history --------------------------------------------------------


def test_archiving_a_key_an_account_or_a_member_deletes_no_history(account, key, mel, acme):
    polled(account, START, START + 2 * DAY)
    before = Snapshot.objects.count()

    key.archive(at=NOW)
    account.archive(at=NOW)
    acme.memberships.get(user=mel).delete()

    assert Snapshot.objects.count() == before
    assert queries.hours(account, START, START + 2 * DAY).total("app", kind="stripe")


def test_joining_a_twin_keeps_its_history(acme, account, alice):
    twin = Account.objects.create(team=acme, label="Twin", same_as=account)
    polled(twin, START, START + DAY)
    before = Snapshot.objects.count()

    assert join(twin, by=alice, at=NOW, address=None) == account

    assert twin.snapshots.count() == before


# --- through the poller ---------------------------------------------------------------------------


def test_month_counters_at_the_top_of_an_answer_are_never_in_a_cycle_series(wire, key, account):
    for hour, app in enumerate((4200, 4210, 4230)):
        wire.by_mode(current=usage(app=app, api=5100), cycles=listed((START, END, app, 5100)))
        poll(account, at=datetime(2026, 11, 18, 12 + hour, tzinfo=UTC))

    course = queries.hours(
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
    thin(account, at=at)

    for zone in map(ZoneInfo, ZONES):
        for each in account.cycles.order_by("-start_at")[:3]:
            window = Window.of(each)
            course = queries.days(account, window.start_at, window.end_at, zone, window=window)
            assert course.total("app", kind=window.kind) == each.app_usage
            assert course.total("api", kind=window.kind) == each.api_usage
        days = queries.days(account, start + DAY / 2, start + DAY, zone).series["stripe"]
        assert all(bucket.used is not None for bucket in days)
