"""Answers that are not believed at once: an old one, and one about a window that cannot be.

RemBG answers from several machines, and one may lag behind: a counter that falls and is back within
a few readings was a stale answer, and is neither use nor a correction (promises D18). An answer
that names another window while one of the same kind runs is another account's, or an upgrade that
moved the renewal: a second reading tells (D20). Until other readings confirm it such a reading is
kept as it came, and no number is made of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from dashboard.keys.models import Account
from dashboard.rembg.fields import Problem
from dashboard.rembg.usage import BillingWindow, CyclesAnswer
from dashboard.usage.models import Cycle, Kind, Snapshot
from dashboard.usage.polling.cycle_ends import shape_of
from dashboard.usage.windows import PLAUSIBLE_YEARS, TOUCHING, any_fell

FELL, OTHER_WINDOW, OLD_WINDOW = "fell", "other_window", "old_window"
# So many readings in a row, the new one included, have to say so before it is believed.
CONFIRMED_BY = {FELL: 4, OLD_WINDOW: 4, OTHER_WINDOW: 2}
COUNTERS = ("app_usage", "api_usage", "used_included_credits")


def judge(account: Account, reading: Snapshot, newest: Snapshot | None) -> None:
    """Doubt a new reading of the running cycle, or believe it with those that it confirms.

    `newest` is the newest one that is believed, asked before or after it (D6).
    """
    late = newest is not None and newest.asked_at > reading.asked_at
    before = _before(account, reading) if late else newest
    reason = _reason(account, reading, before) if before else ""
    if not reason or before is None:
        return
    if late and newest is not None:
        same = _place(newest) == _place(reading)
        if not (same and (reason != FELL or _fell(before, newest))):
            _doubt(reading, reason)
        return
    waiting = _waiting(account, reading, reason, since=before.asked_at)
    if len(waiting) + 1 < CONFIRMED_BY[reason]:
        _doubt(reading, reason)
    for one in waiting if not reading.is_doubted else ():
        _believe(one)


def doubts_of_list(account: Account, answer: CyclesAnswer) -> list[Problem]:
    """Return what a list says that no list before it said, and that is not believed yet.

    A counter below the one that is known (D18), and a window within one that RemBG told (D20). The
    `value` of each is when the window starts, in unix seconds.
    """
    cycles = list(Cycle.objects.filter(account=account))
    found = [
        Problem(reason, "billingCycles", str(int(one.start_at.timestamp())))
        for one in answer.windows
        if (reason := _listed_reason(cycles, one.start_at, one.app_usage, one.api_usage))
    ]
    if not found:
        return []
    last = Snapshot.objects.lists().filter(account=account).newest_first().first()
    said_before = {(one["code"], one["value"]) for one in (last.problems if last else ())}
    return [one for one in found if (one.code, one.value) not in said_before]


def is_about(window: BillingWindow, doubted: Iterable[Problem]) -> bool:
    """Say whether a listed window is among those that are not believed yet."""
    return str(int(window.start_at.timestamp())) in {one.value for one in doubted}


def _reason(account: Account, reading: Snapshot, before: Snapshot) -> str:
    """Return why a reading after another is not believed at once; empty if it is."""
    start = reading.period_start_at
    if not (_can_be(start) and _can_be(before.period_start_at)):
        return ""
    assert start is not None and before.period_start_at is not None
    if _place(reading) == _place(before):
        return FELL if _fell(before, reading) else ""
    if reading.kind == before.kind and start < before.period_start_at - TOUCHING:
        known = Cycle.objects.filter(account=account, kind=reading.kind, start_at=start)
        return OLD_WINDOW if known.exists() else OTHER_WINDOW
    told = Cycle.objects.filter(account=account, kind=reading.kind, kind_guessed=False)
    told = told.exclude(told_end_at=None)
    around = told.filter(start_at__lt=start - TOUCHING, end_at__gt=start + TOUCHING)
    return OTHER_WINDOW if any(_can_be(one.start_at) for one in around) else ""


def _can_be(start: datetime | None) -> bool:
    """Say whether a window is named, of a year in which there can be one (D5)."""
    return start is not None and start.year in PLAUSIBLE_YEARS


def _listed_reason(
    cycles: Sequence[Cycle], start: datetime, app: int | None, api: int | None
) -> str:
    known = [one for one in cycles if one.start_at == start]
    if known:
        pairs = [(known[0].app_usage, app), (known[0].api_usage, api)] if len(known) == 1 else []
        return FELL if any_fell(pairs) else ""
    within = (
        one.start_at < start and start + TOUCHING < one.end_at
        for one in cycles
        if one.kind == Kind.STRIPE == shape_of(start)
        if one.told_end_at is not None and not one.kind_guessed and _can_be(one.start_at)
    )
    return OTHER_WINDOW if any(within) else ""


def _place(reading: Snapshot) -> tuple[str, datetime | None]:
    return reading.kind, reading.period_start_at


def _fell(before: Snapshot, after: Snapshot) -> bool:
    return any_fell([(getattr(before, name), getattr(after, name)) for name in COUNTERS])


def _before(account: Account, reading: Snapshot) -> Snapshot | None:
    earlier = Snapshot.objects.filter(account=account, asked_at__lt=reading.asked_at)
    return earlier.newest_good().first()


def _waiting(
    account: Account, reading: Snapshot, reason: str, *, since: datetime
) -> list[Snapshot]:
    """Return the doubted readings since then that say the same of the same window."""
    doubted = Snapshot.objects.filter(
        account=account,
        mode=Snapshot.Mode.CURRENT,
        outcome=Snapshot.Outcome.DOUBTED,
        asked_at__gt=since,
        asked_at__lt=reading.asked_at,
        kind=reading.kind,
        period_start_at=reading.period_start_at,
    )
    return [one for one in doubted.order_by("asked_at") if _code(one) == reason]


def _code(reading: Snapshot) -> str:
    """Return why a reading is doubted."""
    codes = (problem["code"] for problem in reading.problems)
    return next((code for code in codes if code in CONFIRMED_BY), "")


def _doubt(reading: Snapshot, reason: str) -> None:
    problem = {"code": reason, "field": "", "value": ""}
    reading.problems = [problem, *reading.problems]
    reading.outcome = Snapshot.Outcome.DOUBTED
    reading.save(update_fields=["problems", "outcome"])


def _believe(reading: Snapshot) -> None:
    reading.problems = [one for one in reading.problems if one["code"] not in CONFIRMED_BY]
    reading.outcome = Snapshot.Outcome.PARTIAL if reading.problems else Snapshot.Outcome.OK
    reading.save(update_fields=["problems", "outcome"])
