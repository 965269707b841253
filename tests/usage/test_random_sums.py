"""Whatever happened: days and gaps = the cycle's total = RemBG's counter, in every zone."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.lib.renewals import month_start, next_month
from dashboard.usage.history import buckets, queries
from dashboard.usage.history.buckets import HoursAndGaps, day_edges, hours_and_gaps
from dashboard.usage.history.values import Closing, Course, Place, Reading, floor_hour
from dashboard.usage.models import Cycle, Kind, Snapshot
from dashboard.usage.polling.thinning import thin
from dashboard.usage.windows import Window
from tests.examples import QUICK, examples

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
# Summer time of an hour, and of half an hour; zones off by half an hour; one that left a day out.
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]
# Moments at which one of their clocks changes, or a month ends.
TURNS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 5, 30, tzinfo=UTC),
    datetime(2026, 11, 1, 4, 30, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),
    datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2028, 2, 29, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 12, 31, 20, tzinfo=UTC),
]


@dataclass
class Upstream:
    """An account as RemBG counts it: in Stripe's windows, or in months while it is not in step."""

    starts: list[datetime]
    synced: bool = True
    counters: dict[Place, Counter[str]] = field(default_factory=dict)
    prepaid: int = 5000
    included: int = 18_500

    def place(self, at: datetime) -> Place:
        if not self.synced:
            return Place(Kind.CALENDAR, month_start(at))
        return Place(Kind.STRIPE, self.starts[bisect_right(self.starts, at) - 1])

    def end(self, place: Place) -> datetime:
        if place.kind == Kind.CALENDAR:
            return next_month(place.start_at)
        return self.starts[self.starts.index(place.start_at) + 1]

    def use(self, at: datetime, **credits: int) -> None:
        """Count credits in the window of the moment; below 0 they are a correction."""
        mine = self.counters.setdefault(self.place(at), Counter(app=0, api=0))
        for what, more in credits.items():
            mine[what] = max(0, mine[what] + more)

    def answer(self, at: datetime, *, without: str) -> Reading:
        place = self.place(at)
        told = {"app": 0, "api": 0, **self.counters.get(place, {}), "prepaid": self.prepaid}
        told = {name: count for name, count in told.items() if name != without}
        facts = {"included": self.included, "plan": f"Premium-{self.included}"}
        return Reading(at, *place, self.end(place), synced=self.synced, **told, **facts)

    def listed(self, at: datetime) -> list[Closing]:
        """List the windows that are over, with their final counters."""
        return [
            Closing(place, self.end(place), mine["app"], mine["api"], is_final=True)
            for place, mine in sorted(self.counters.items())
            if self.end(place) <= at
        ]


@dataclass(frozen=True)
class History:
    """What was read, the lists that were read beside it, and what RemBG last said of each."""

    readings: list[Reading]
    lists: list[list[Closing]]
    totals: dict[Place, dict[str, int]]
    ends: dict[Place, datetime]

    @property
    def windows(self) -> list[Window]:
        return [Window(place.kind, place.start_at, self.ends[place]) for place in self.totals]


STEP = st.tuples(
    st.integers(5, 70) | st.integers(5, 1600),  # Minutes to the next reading.
    st.integers(0, 119),  # Seconds of jitter.
    st.sampled_from([0.25, 0.75, 1.0]),  # When in between credits were used.
    st.integers(-20, 90),  # App; below 0 is a correction.
    st.integers(-20, 90),
    st.sampled_from([0, 0, -3, -40, 500]),  # Prepaid; above 0 is a top-up.
    st.sampled_from(["", "", "", "", "app", "api", "prepaid"]),  # What the answer leaves out.
    st.sampled_from(["", "", "", "", "", "", "switch", "plan"]),
)


@st.composite
def histories(draw) -> History:
    at = draw(st.sampled_from(TURNS)) - timedelta(seconds=draw(st.integers(0, 200_000)))
    lengths = draw(st.lists(st.integers(20_000, 400_000), min_size=1, max_size=4)) * 400
    every = accumulate(lengths[:400], lambda start, length: start + length * SECOND, initial=at)
    upstream = Upstream(list(every), synced=draw(st.booleans()))
    read, lists = [], []
    for minutes, jitter, when, app, api, prepaid, without, event in draw(
        st.lists(STEP, min_size=1, max_size=40)
    ):
        before, at = at, at + minutes * 60 * SECOND + jitter * SECOND
        upstream.use(before + (at - before) * when, app=app, api=api)
        upstream.prepaid += prepaid
        read.append(upstream.answer(at, without=without))
        lists.append(upstream.listed(at))
        upstream.synced ^= event == "switch"
        upstream.included += 1000 * (event == "plan")
    return told(upstream, read, lists)


def told(upstream: Upstream, read: list[Reading], lists: list[list[Closing]]) -> History:
    totals: dict[Place, dict[str, int]] = {}
    for one in read:
        known = {what: getattr(one, what) for what in ("app", "api")}
        mine = {what: count for what, count in known.items() if count is not None}
        totals.setdefault(one.place, {}).update(mine)
    for one in lists[-1]:
        totals[one.place] = {"app": one.app, "api": one.api}
    return History(read, lists, totals, {place: upstream.end(place) for place in totals})


def hourly(spans: HoursAndGaps, window: Window) -> Course:
    edges = [floor_hour(window.start_at)]
    while edges[-1] < window.end_at:
        edges.append(edges[-1] + HOUR)
    return buckets.course(spans, edges, window=window, longest=timedelta())


def assert_closes(course: Course, total: dict[str, int], *, kind: str) -> None:
    for what, count in total.items():
        assert (course.total(what, kind=kind) or 0) == count
    for bucket in course.series.get(kind, ()):
        assert min(bucket.app.credits or 0, bucket.api.credits or 0) >= 0


def begins_a_day(moment: datetime, zone: ZoneInfo) -> bool:
    before = (moment - SECOND).astimezone(zone)
    return before.date() < moment.astimezone(zone).date()


@pytest.mark.parametrize("zone", ZONES)
@examples(30, phases=QUICK)
@given(history=histories())
def test_days_and_hours_with_gaps_are_the_cycles_total_is_upstreams_counter(zone, history):
    spans = hours_and_gaps(history.readings, history.lists[-1])

    for window, total in zip(history.windows, history.totals.values(), strict=True):
        edges = day_edges(window.start_at, window.end_at, ZoneInfo(zone))
        assert all(begins_a_day(edge, ZoneInfo(zone)) for edge in edges)
        assert_closes(buckets.course(spans, edges, window=window), total, kind=window.kind)
        assert_closes(hourly(spans, window), total, kind=window.kind)


@pytest.mark.parametrize("zone", ZONES)
@examples(30, phases=QUICK)
@given(history=histories())
def test_the_days_of_all_cycles_of_a_kind_are_the_sum_of_their_counters(zone, history):
    start = min(one.start_at for one in history.windows)
    end = max(one.end_at for one in history.windows)

    course = buckets.course(
        hours_and_gaps(history.readings, history.lists[-1]), day_edges(start, end, ZoneInfo(zone))
    )

    for kind in Kind.values:
        mine = [total for place, total in history.totals.items() if place.kind == kind]
        if mine:
            summed = {what: sum(one.get(what, 0) for one in mine) for what in ("app", "api")}
            assert_closes(course, summed, kind=kind)


@pytest.mark.parametrize("zone", ZONES)
@examples(30, phases=QUICK)
@given(history=histories())
def test_no_credit_stands_in_a_day_that_began_after_the_last_reading(zone, history):
    last = history.readings[-1]
    edges = day_edges(last.start_at, last.at + 3 * DAY, ZoneInfo(zone))

    course = buckets.course(hours_and_gaps(history.readings, history.lists[-1]), edges)

    for kind in course.series:
        later = [one for one in course.series[kind] if one.start_at >= last.at]
        assert not any(one.app.credits or one.api.credits for one in later)


@pytest.mark.django_db
@examples(12, phases=QUICK, but=[HealthCheck.function_scoped_fixture])
@given(history=histories(), pieces=st.integers(1, 4))
def test_thinned_as_they_grow_old_days_are_still_upstreams_counter(account, history, pieces):
    size = -(-len(history.readings) // pieces)
    last = history.readings[-1].at
    with transaction.atomic():
        for first in range(0, len(history.readings), size):
            keep(account, history, slice(first, first + size))
            thin(account, at=history.readings[: first + size][-1].at)
        assert_kept(account, history)
        for later in (DAY, 60 * DAY, 500 * DAY):
            thin(account, at=last + later)
            assert_kept(account, history)
        transaction.set_rollback(True)


def keep(account: Account, history: History, part: slice) -> None:
    """Write readings down as the poller does, with the list that came with the last of them."""
    Snapshot.objects.bulk_create(row(account, one) for one in history.readings[part])
    asked_at = history.readings[part][-1].at
    for one in history.lists[part][-1]:
        facts = {"end_at": one.end_at, "app_usage": one.app, "api_usage": one.api}
        Cycle.objects.update_or_create(
            account=account,
            kind=one.place.kind,
            start_at=one.place.start_at,
            defaults={**facts, "asked_at": asked_at, "first_seen_at": asked_at},
        )


def row(account: Account, one: Reading) -> Snapshot:
    return Snapshot(
        account=account,
        mode="current",
        outcome="ok",
        query="expand=billing_cycle",
        asked_at=one.at,
        kind=one.kind,
        synced=one.synced,
        period_start_at=one.start_at,
        period_end_at=one.end_at,
        app_usage=one.app,
        api_usage=one.api,
        included_credits=one.included,
        prepaid_credits=one.prepaid,
        membership=one.plan,
    )


def assert_kept(account: Account, history: History) -> None:
    for window, total in zip(history.windows, history.totals.values(), strict=True):
        ask = account, window.start_at, window.end_at
        for zone in ("UTC", "Europe/Berlin", "Asia/Kolkata"):
            found = queries.days(*ask, ZoneInfo(zone), window=window)
            assert_closes(found, total, kind=window.kind)
