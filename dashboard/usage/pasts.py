"""The course of a window: from its readings, or from hours and days once those are gone."""

from __future__ import annotations

from datetime import datetime

from dashboard.keys.models import Account
from dashboard.usage import course
from dashboard.usage.course import GAP, GAP_OF_DAYS, Course
from dashboard.usage.history import asking
from dashboard.usage.history.loading import Known
from dashboard.usage.models import Snapshot
from dashboard.usage.windows import Window


def course_of(account: Account, window: Window, *, known: Known) -> Course:
    """Return what was read of a window (1 query; one or two more where it is rolled up)."""
    state = known.state
    if state is None or not _is_before(window, state.readings_from_at):
        return course.read(Snapshot.objects.filter(account=account), window)
    if not _is_before(window, state.hours_from_at):
        found = asking.hours(account, window.start_at, window.end_at, window=window, known=known)
        gap = GAP
    else:
        days = window.start_at, window.end_at, asking.UTC_ZONE
        found = asking.days(account, *days, window=window, known=known)
        gap = GAP_OF_DAYS
    buckets = found.series.get(window.kind, ())
    return course.rolled_up(buckets, found.marks, window, gap=gap)


def _is_before(window: Window, border: datetime | None) -> bool:
    return border is not None and window.start_at < border
