"""Whatever happens in whatever order, pages say what all the readings say, thinned or not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.usage.history import buckets, queries
from dashboard.usage.history.queries import closings_of
from dashboard.usage.history.tallies import TICK
from dashboard.usage.history.values import (
    WHATS,
    ZERO,
    Bucket,
    Course,
    Levels,
    Mark,
    Place,
    floor_day,
    floor_hour,
)
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.polling.thinning import hours_from
from dashboard.usage.windows import Window
from tests.examples import QUICK, examples
from tests.usage.life import UNKNOWN, Life, starts_of
from tests.usage.test_random_sums import TURNS, Upstream

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]
# Days of hours that one look asks for at most.
MOST_HOURS = 12 * DAY
SEEN_AT_THE_END = ("correction", "topup")

STARTS = st.tuples(
    st.sampled_from(TURNS),
    st.integers(0, 200_000) | st.integers(0, 50).map(lambda n: n * 3600),  # Seconds before it.
    st.lists(st.integers(20_000, 400_000), max_size=4),  # Seconds of a window; months if empty.
)
READ = st.tuples(
    st.sampled_from([0.25, 0.75, 1.0]),  # When in between credits were used.
    st.integers(0, 90) | st.integers(-20, 90),  # App; below 0 is a correction.
    st.integers(0, 90) | st.integers(-20, 90),
    st.sampled_from([0, 0, -3, -40, 500]),  # Prepaid; above 0 is a top-up.
    st.sampled_from([""] * 7 + [*UNKNOWN]),
    st.sampled_from([""] * 12 + ["switch", "plan", "held"]),
)
SECONDS = (
    st.integers(1, 4000)
    | st.integers(1, 16).map(lambda n: 900 * n)
    | st.integers(3600, 100_000)
    | st.integers(1, 8).map(lambda n: 86_400 * n)
)
READS = st.tuples(st.just("reads"), SECONDS.map(lambda n: min(n, 90_000)), st.integers(2, 30), READ)
EVENT = st.one_of(
    st.tuples(st.just("read"), SECONDS, READ),
    READS,
    READS,
    st.tuples(st.just("arrive")),
    st.tuples(st.just("list")),
    st.tuples(st.just("correct"), st.integers(0, 9)),
    st.tuples(st.just("cut"), st.integers(0, 100_000)),
    st.tuples(st.just("lag"), st.sampled_from([0, 0, 300, 3000, 4000])),
)
DAYS = st.sampled_from([0, 0, 1, 9, 39, 41, 60, 400])
DEED = st.one_of(
    st.tuples(st.just("thin"), DAYS),
    st.tuples(st.just("meet"), DAYS),
    st.tuples(st.just("die"), DAYS, st.integers(0, 2)),
)
# A look: where its range begins and how long it is, as parts of what there is; zone and window.
LOOK = st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from(ZONES), st.integers(0, 30))
CHAPTER = st.tuples(st.lists(EVENT, min_size=1, max_size=4), DEED, LOOK)


@pytest.fixture
def other(acme) -> Account:
    """Another account of the team, read and thinned: nothing of it may be touched."""
    other = Account.objects.create(team=acme, label="Other")
    life = Life(other, Upstream(starts_of(TURNS[0], 9000, [90_000])), TURNS[0])
    life.reads(7000, 30, (0.75, 5, 7, -3, "", ""))
    life.thin(50)
    return other


@pytest.mark.django_db
@examples(10, phases=QUICK, but=[HealthCheck.function_scoped_fixture])
@given(
    start=STARTS,
    synced=st.booleans(),
    late=st.floats(0, 1),
    chapters=st.lists(CHAPTER, min_size=1, max_size=8),
    looks=st.lists(LOOK, min_size=2, max_size=4),
)
def test_whatever_is_deleted_pages_say_what_the_readings_say(account, other, **drawn):
    before = rows_of(other)

    with transaction.atomic():
        live(account, **drawn)
        assert rows_of(other) == before
        transaction.set_rollback(True)


def rows_of(account: Account) -> list[list[dict[str, Any]]]:
    models = (Snapshot, Cycle)
    return [list(one.objects.filter(account=account).order_by("pk").values()) for one in models]


def live(account: Account, *, start, synced, late, chapters, looks) -> None:
    """Let everything happen, with a look after each deed of the schedule, and more in the end."""
    starts = starts_of(*start)
    at = starts[0] + (starts[1] - starts[0]) * late
    life = Life(account, Upstream(starts, synced=synced), at)
    for events, deed, look in chapters:
        for name, *how in (*events, deed):
            getattr(life, name)(*how)
        compare(life, look)
    for look in looks:
        compare(life, look)


def compare(life: Life, look: tuple[float, float, str, int]) -> None:
    """Assert that days, hours and levels are what the pure functions say of all the readings."""
    first, length, name, number = look
    windows = [Window.of(one) for one in Cycle.objects.filter(account=life.account)]
    sound = sorted((one for one in windows if one.is_sound), key=lambda one: one.key)
    window = sound[number % len(sound)] if sound and number < 20 else None
    start = life.began + (life.at - life.began) * first
    end = start + max(HOUR, (life.at + DAY - start) * length)
    if window and number < 10:
        start = window.start_at
        end = min(window.end_at, max(life.at, start + HOUR))
    compare_days(life, start, end, ZoneInfo(name), window)
    compare_hours(life, start, end)
    compare_levels(life, sound)


def compare_days(
    life: Life, start: datetime, end: datetime, zone: ZoneInfo, window: Window | None
) -> None:
    seam = hours_from(life.at)
    if zone.key != "UTC":
        # Before that the days are UTC's.
        start = max(start, seam + 2 * DAY)
    if start < end:
        ours = queries.days(life.account, start, end, zone, hours_from=seam, window=window)
        edges = buckets.day_edges(start, end, zone)
        theirs = buckets.course(all_of(life), edges, window=window)
        same(shown(ours), shown(theirs))


def compare_hours(life: Life, start: datetime, end: datetime) -> None:
    start = max(start, hours_from(life.at))
    if start < end < start + MOST_HOURS:
        ours = queries.hours(life.account, start, end)
        edges = [floor_hour(start)]
        while edges[-1] < end:
            edges.append(edges[-1] + HOUR)
        theirs = buckets.course(all_of(life), edges, longest=ZERO)
        same(shown(ours), shown(theirs))


def all_of(life: Life) -> buckets.HoursAndGaps:
    return buckets.hours_and_gaps(life.readings, closings_of(life.account))


def compare_levels(life: Life, windows: list[Window]) -> None:
    """Assert it of each window; one that is read long after its end has no clear line."""
    ends = {Place(one.kind, one.start_at): one.end_at for one in windows}
    theirs: dict[Place, list[Levels]] = {place: [] for place in ends}
    for place, _hour, one in buckets.last_of_hours(life.readings, closings_of(life.account)):
        if place in ends:
            theirs[place].append(one)
    clear = [place for place in ends if all(one.at <= ends[place] for one in theirs[place])]
    ours, seam = queries.levels(life.account, windows), hours_from(life.at)
    same(
        {place: last_ones(ours[place], ends[place], seam) for place in clear},
        {place: last_ones(theirs[place], ends[place], seam) for place in clear},
    )


def last_ones(rows: list[Levels], end: datetime, seam: datetime) -> list[tuple[Any, ...]]:
    """Return the last of each day before the seam, and then of each hour."""
    last: dict[datetime, tuple[Any, ...]] = {}
    for one in rows:
        at = min(one.at, end - TICK)
        last[floor_day(at) if at < seam else one.at] = one.at, one.app, one.api
    return list(last.values())


def shown(course: Course) -> dict[Any, Any]:
    """Return what a page shows of a course, part by part."""
    buckets_of_kinds = {
        (str(kind), one.start_at): plain(one)
        for kind in course.series
        for one in course.series[kind]
    }
    totals = {
        (str(kind), what): course.total(what, kind=kind)
        for kind in course.series
        for what in ("app", "api", "prepaid")
    }
    found = {**buckets_of_kinds, **totals}
    return {
        "edges": (course.start_at, course.end_at),
        "prepaid": [plain(one) for one in course.prepaid],
        "gaps": sorted(course.gaps, key=lambda gap: (gap.start_at, gap.end_at, gap.place)),
        "marks": [one for one in course.marks if is_in(one, course)],
        **{name: one for name, one in found.items() if not is_empty(one)},
    }


def plain(one: Bucket) -> Bucket:
    """Return it without what was shared out within a day: a day's page does not look for it."""
    uses = {what: getattr(one, what)._replace(shared=ZERO) for what in WHATS}
    return replace(one, **uses)


def is_in(mark: Mark, course: Course) -> bool:
    """Say whether a mark is of the range: one at an edge is of the hour that it ends, or begins."""
    edge = course.end_at if mark.role in SEEN_AT_THE_END else course.start_at
    return course.start_at < mark.at < course.end_at or mark.at == edge


def is_empty(found: Bucket | int | None) -> bool:
    if isinstance(found, Bucket):
        return replace(found, expected=ZERO) == Bucket(found.start_at, found.end_at, ZERO)
    return found is None


def same(ours: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    """Assert it part by part, so that what differs is to be read."""
    names = {**ours, **theirs}
    wrong = [name for name in names if ours.get(name) != theirs.get(name)]
    told = [
        f"{name}:\n  rows     {ours.get(name)}\n  readings {theirs.get(name)}" for name in wrong
    ]
    assert not wrong, "\n".join(told)
