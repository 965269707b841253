"""Whatever happened: members, tags and keys with the rest are RemBG's total, cycle by cycle."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from dashboard.overview import cycle_books
from dashboard.removals.models import Charged, Removal, State
from dashboard.usage.windows import Window
from tests.examples import QUICK, examples

# Borders at local midnight: month ends, a leap day, both changes of the clock.
DAYS = [(2028, 1, 31), (2028, 2, 29), (2028, 3, 26), (2028, 4, 30), (2028, 10, 29), (2028, 12, 31)]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland"]
LAST = datetime(2029, 2, 1, tzinfo=UTC)
# A smaller example costs minutes of queries to find.
NAMES = ["Mel", "Adam", "=mia"]


def windows_in(zone: str, counters: list[tuple[int, int]]) -> list[Window]:
    """Cycles from border to border; each has been read after its end."""
    borders = [datetime(*day, tzinfo=ZoneInfo(zone)).astimezone(UTC) for day in DAYS]
    return [
        Window("stripe", start, end, app, api, asked_at=LAST)
        for (start, end), (app, api) in zip(pairwise(borders), counters, strict=True)
    ]


@st.composite
def histories(draw) -> tuple[list[Window], list[tuple[datetime, str, str, str]]]:
    """Cycles of a zone, and removals that like to be sent around their borders."""
    counter = st.tuples(st.integers(0, 40), st.integers(0, 6))
    size = len(DAYS) - 1
    windows = windows_in(
        draw(st.sampled_from(ZONES)), draw(st.lists(counter, min_size=size, max_size=size))
    )
    border = st.sampled_from([one.start_at for one in windows] + [windows[-1].end_at])
    off = st.sampled_from([0, 0, -1, 1, 3600, -3600, 86_400]) | st.integers(-(10**7), 10**7)
    moment = st.builds(lambda at, by: at + timedelta(seconds=by), border, off)
    one = st.tuples(
        moment, st.sampled_from(NAMES), st.sampled_from(["", "shop"]), st.sampled_from(Charged)
    )
    return windows, draw(st.lists(one, max_size=30))


@pytest.mark.django_db
@examples(30, phases=QUICK, but=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_sums_close_in_every_cycle_and_nothing_is_lost_between_two(account, history):
    windows, happened = history

    with transaction.atomic():
        Removal.objects.bulk_create(row(account, *one) for one in happened)
        every = [cycle_books.books_of(account, window) for window in windows]
        summed = cycle_books.sums(account, windows)
        transaction.set_rollback(True)

    for window, one, short in zip(windows, every, summed, strict=True):
        rest = one.outside_app + one.outside_api - one.only_here
        for lines in (one.members, one.tags, one.virtual_keys):
            assert sum(line.credits for line in lines) + rest == window.used
        assert (short.through, short.unknown) == (one.through, one.unknown)
    inside = [c for at, _, _, c in happened if windows[0].start_at <= at < windows[-1].end_at]
    assert sum(one.through for one in every) == inside.count(Charged.YES)
    assert sum(one.unknown for one in every) == inside.count(Charged.UNKNOWN)


def row(account, at, member, tag, charged) -> Removal:
    return Removal(
        team=account.team,
        account=account,
        member=member,
        tag=tag,
        charged=charged,
        nonce=uuid.uuid4().hex,
        filename="mug.png",
        picture_type="image/png",
        picture_bytes=10,
        width=4,
        height=3,
        state=State.UNKNOWN if charged == Charged.UNKNOWN else State.FAILED,
        queued_at=at,
        not_before_at=at,
        sending_at=at,
        keep_until=at,
    )
