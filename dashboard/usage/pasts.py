"""The course of a window: from its readings, or from hours and days once those are gone."""

from __future__ import annotations

from datetime import datetime

from dashboard.keys.models import Account
from dashboard.usage import course
from dashboard.usage.course import GAP, GAP_OF_DAYS, Course
from dashboard.usage.history import asking
from dashboard.usage.models import RollUp, Snapshot
from dashboard.usage.windows import Window


def course_of(account: Account, window: Window) -> Course:
    """Return what was read of a window (1 query, 5 for a rolled-up one).

    `account.rolled_up` is to be loaded already.
    """
    state = _state(account)
    if state is None or not _is_before(window, state.readings_from_at):
        return course.read(Snapshot.objects.filter(account=account), window)
    if not _is_before(window, state.hours_from_at):
        found, gap = asking.hours(account, window.start_at, window.end_at, window=window), GAP
    else:
        days = window.start_at, window.end_at, asking.UTC_ZONE
        found, gap = asking.days(account, *days, window=window), GAP_OF_DAYS
    buckets = found.series.get(window.kind, ())
    return course.rolled_up(buckets, found.marks, window, gap=gap)


def _state(account: Account) -> RollUp | None:
    try:
        return account.rolled_up
    except RollUp.DoesNotExist:
        return None


def _is_before(window: Window, border: datetime | None) -> bool:
    return border is not None and window.start_at < border
