"""Write an answer down: its row as it came, and the cycles and months that it brings up to date."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from django.db import transaction

from dashboard.keys.models import Account, ApiKey
from dashboard.rembg import errors, usage
from dashboard.rembg.usage import CyclesAnswer, Month, UsageAnswer
from dashboard.usage.models import CalendarMonth, Cycle, Snapshot
from dashboard.usage.polling import doubts, snapshots
from dashboard.usage.polling.cycle_ends import SETTLED, settle_ends, shape_of
from dashboard.usage.polling.snapshots import Asked, Mode
from dashboard.usage.windows import Window, any_fell, overlapping

Answer = UsageAnswer | CyclesAnswer
# What `left` is made of, and what was bought.
BALANCE = (
    *("remaining_included_credits", "included_credits", "used_included_credits"),
    *("app_usage", "api_usage", "prepaid_credits"),
)


def keep(asked: Asked, answer: Answer) -> Snapshot:
    """Write an answer down with the cycles and the month that it brings up to date."""
    with transaction.atomic(savepoint=False):
        if isinstance(answer, CyclesAnswer):
            return _keep_cycles(asked, answer)
        snapshot = snapshots.write_usage(asked, answer)
        if snapshot.mode == Mode.CURRENT:
            _keep_current(asked.account, answer, snapshot)
        elif isinstance(asked.question.window, Month) and snapshot.is_good:
            bring_month(asked.account, asked.question.window, snapshot)
        elif isinstance(asked.question.window, datetime) and snapshot.is_good:
            bring_window(asked.account, asked.question.window, snapshot)
    return snapshot


def _keep_cycles(asked: Asked, answer: CyclesAnswer) -> Snapshot:
    doubted = doubts.doubts_of_list(asked.account, answer) if answer.is_usable else []
    noted = replace(answer, problems=(*doubted, *answer.problems))
    snapshot = snapshots.write_cycles(asked, noted)
    if snapshot.is_good:
        besides = {one.start_at for one in answer.windows if doubts.is_about(one, doubted)}
        bring_listed(asked.account, answer, snapshot, besides=besides)
    return snapshot


def _keep_current(account: Account, answer: UsageAnswer, snapshot: Snapshot) -> None:
    if not snapshot.is_good:
        return
    others = Snapshot.objects.filter(account=account).newest_good().exclude(pk=snapshot.pk)
    newest = others.only("account", "asked_at", "kind", "period_start_at", *BALANCE).first()
    doubts.judge(account, snapshot, newest)
    if snapshot.is_doubted:
        return
    if snapshot.adds_up and not (newest and newest.asked_at > snapshot.asked_at):
        wake_if_bought(account, snapshot, newest)
        account.note_standing(
            spendable=snapshot.spendable,
            cycle_start_at=snapshot.period_start_at,
            cycle_end_at=snapshot.period_end_at,
            asked_at=snapshot.asked_at,
        )
    bring_running(account, snapshot)
    if month := month_of(snapshot):
        bring_now(account, month, answer, snapshot)


def wake_if_bought(account: Account, snapshot: Snapshot, before: Snapshot | None) -> None:
    """End the rest of keys that ran out of credits once there are more than before (F19)."""
    credits = (snapshot.left or 0) + (snapshot.prepaid_credits or 0)
    if before is None or credits <= (before.left or 0) + (before.prepaid_credits or 0):
        return
    resting = ApiKey.objects.filter(account=account, rest_reason=errors.RateMonthly.code)
    for key in resting:
        key.wake()


# So near to the end of a month it is not sure which one upstream's "now" meant.
EDGE_OF_MONTH = timedelta(minutes=5)
# An answer may be some hours old: what it leaves out may have been counted since (D18).
OLD_ANSWERS = timedelta(hours=3)
COUNTERS = ("app_usage", "api_usage")
CHANGING = [
    *COUNTERS,
    *SETTLED,
    *("kind_guessed", "told_end_at", "listed_end_at", "counted_from_at", "counted_until_at"),
    *("included_credits", "flags", "asked_at", "snapshot"),
]


def listed_windows(answer: CyclesAnswer, snapshot: Snapshot) -> list[Window]:
    """Return the listed windows with the kind that their shape suggests, oldest first.

    Where the end is missing, the next start is the end, as upstream itself infers it.
    """
    windows: list[Window] = []
    following = None
    for one in sorted(answer.windows, key=lambda window: window.start_at, reverse=True):
        windows.append(
            Window(
                usage.kind_of(one, synced=None),
                one.start_at,
                one.end_at or following or one.start_at,
                one.app_usage,
                one.api_usage,
                asked_at=snapshot.asked_at,
            )
        )
        following = one.start_at
    return windows[::-1]


def bring_running(account: Account, snapshot: Snapshot) -> None:
    """Note the window that a reading of the running cycle speaks of, with its allowance."""
    window = _told_window(snapshot)
    if window is None:
        return
    if snapshot.synced is None or not _count_on(account, window, snapshot):
        with _held(account) as cycles:
            cycle = _told(cycles, window, snapshot)
            asked_at = snapshot.asked_at
            cycle.counted_from_at = min(cycle.counted_from_at or asked_at, asked_at)
            cycle.counted_until_at = max(cycle.counted_until_at or asked_at, asked_at)
            if window.included_credits is not None and cycle.asked_at <= snapshot.asked_at:
                cycle.included_credits = window.included_credits


def bring_window(account: Account, start: datetime, snapshot: Snapshot) -> None:
    """Note what RemBG tells of a window that was asked for by its start: above all its end.

    Its `includedCredits` is today's allowance (contract 2), so no past cycle takes it over.
    """
    window = _told_window(snapshot)
    if window is not None and window.start_at == start:
        with _held(account) as cycles:
            cycle = _row_of(cycles, start)
            is_old = cycle is not None and cycle.asked_at > snapshot.asked_at
            if cycle is None or is_old or not _fell(cycle, window):
                _told(cycles, window, snapshot)


def _told_window(snapshot: Snapshot) -> Window | None:
    start, end = snapshot.period_start_at, snapshot.period_end_at
    if start is None or end is None:
        return None
    return Window(
        snapshot.kind,
        start,
        end,
        snapshot.app_usage,
        snapshot.api_usage,
        snapshot.included_credits,
        snapshot.asked_at,
    )


def _count_on(account: Account, window: Window, snapshot: Snapshot) -> bool:
    """Count a known window on, as nearly every reading does; False if there is more to change."""
    if window.used is None or window.included_credits is None:
        return False
    known = Cycle.objects.filter(
        account=account,
        kind=window.kind,
        start_at=window.start_at,
        told_end_at=window.end_at,
        kind_guessed=False,
        counted_from_at__isnull=False,
        asked_at__lte=snapshot.asked_at,
    )
    counted = known.update(
        app_usage=window.app_usage,
        api_usage=window.api_usage,
        included_credits=window.included_credits,
        asked_at=snapshot.asked_at,
        counted_until_at=snapshot.asked_at,
        snapshot=snapshot,
    )
    return bool(counted)


def bring_listed(
    account: Account,
    answer: CyclesAnswer,
    snapshot: Snapshot,
    *,
    besides: Collection[datetime] = (),
) -> None:
    """Note every listed window but those that start then; the list tells neither kinds nor ends."""
    with _held(account) as cycles:
        listed = sorted(answer.windows, key=lambda one: one.start_at)
        for one in listed:
            if one.start_at in besides:
                continue
            cycle = _row_of(cycles, one.start_at)
            if cycle is None:
                cycle = _made(account, shape_of(one.start_at), one.start_at, snapshot)
                cycles.append(cycle)
            if one is listed[-1] and one.end_at and one.end_at > snapshot.asked_at:
                # The running period's end is Stripe's own; the others are the next start less 1.
                cycle.listed_end_at = one.end_at
            _count(cycle, one.app_usage, one.api_usage, snapshot)
        starts = {one.start_at for one in listed}
        for cycle in cycles:
            if cycle.start_at not in starts and _ended_unused(cycle, at=snapshot.asked_at):
                _count(cycle, 0, 0, snapshot)


def _ended_unused(cycle: Cycle, *, at: datetime) -> bool:
    """Say whether nothing was used in a cycle when it was read last, before an end that is over.

    What was used is listed (contract 2): one that a list leaves out stayed unused to its end.
    """
    unused = cycle.app_usage == 0 == cycle.api_usage and cycle.told_end_at is not None
    return unused and cycle.asked_at < cycle.end_at and cycle.end_at + OLD_ANSWERS <= at


def bring_month(account: Account, month: Month, snapshot: Snapshot) -> None:
    """Note the counters of a calendar month that was asked for."""
    _bring_month(account, month, snapshot, app=snapshot.app_usage, api=snapshot.api_usage)


def bring_now(account: Account, month: Month, answer: UsageAnswer, snapshot: Snapshot) -> None:
    """Note the running month: the top-level counters of a reading of the running cycle are its."""
    _bring_month(account, month, snapshot, app=answer.app_usage, api=answer.api_usage)


def _bring_month(
    account: Account, month: Month, snapshot: Snapshot, *, app: int | None, api: int | None
) -> None:
    if app is None and api is None:
        return
    at = snapshot.asked_at
    counted = {"app_usage": app, "api_usage": api, "asked_at": at, "snapshot": snapshot}
    place = {"account": account, "year": month.year, "month": month.month}
    if not CalendarMonth.objects.filter(**place, asked_at__lt=at).update(**counted):
        CalendarMonth.objects.get_or_create(**place, defaults=counted)


def month_of(snapshot: Snapshot) -> Month | None:
    """Return the month that the top-level counters of a reading of "now" belong to, if sure."""
    if snapshot.clock_skew_seconds:
        return None
    moment = snapshot.asked_at.astimezone(UTC)
    early, late = moment - EDGE_OF_MONTH, moment + EDGE_OF_MONTH
    if early.month != late.month:
        return None
    return Month(moment.year, moment.month)


@contextmanager
def _held(account: Account) -> Iterator[list[Cycle]]:
    """Give all cycles of an account, to be changed and added to; then settle and save them."""
    # no_key: removals that are being written may still refer to the account.
    Account.objects.select_for_update(no_key=True).only("pk").get(pk=account.pk)
    cycles = list(Cycle.objects.filter(account=account).oldest_first())
    before = {one.pk: _facts(one) for one in cycles}
    yield cycles
    settle_ends(cycles)
    _flag(cycles)
    new = [one for one in cycles if one._state.adding]
    Cycle.objects.bulk_create(new)
    # One row as a rule; `bulk_update` would cost as much as the rest of a reading.
    for cycle in cycles:
        if cycle not in new and _facts(cycle) != before[cycle.pk]:
            cycle.save(update_fields=CHANGING)


def _facts(cycle: Cycle) -> list[object]:
    return [cycle.snapshot_id if name == "snapshot" else getattr(cycle, name) for name in CHANGING]


def _told(cycles: list[Cycle], window: Window, snapshot: Snapshot) -> Cycle:
    """Return the row of a window that `billingCycle` tells, with its end, its kind and counters."""
    cycle = _row_of(cycles, window.start_at, kind=window.kind, sure=snapshot.synced is not None)
    if cycle is None:
        cycle = _made(snapshot.account, window.kind, window.start_at, snapshot)
        cycles.append(cycle)
    if snapshot.synced is not None:
        cycle.kind, cycle.kind_guessed = window.kind, False
    if cycle.asked_at <= snapshot.asked_at or cycle.told_end_at is None:
        cycle.told_end_at = window.end_at
    _count(cycle, window.app_usage, window.api_usage, snapshot)
    return cycle


def _row_of(
    cycles: Iterable[Cycle], start_at: datetime, *, kind: str = "", sure: bool = False
) -> Cycle | None:
    """Return the row of a window; the kind once told by RemBG outlives any guess.

    Where both kinds have one that starts then, the one that was counted in last is meant.
    """
    starting = [one for one in cycles if one.start_at == start_at]
    same = [one for one in starting if one.kind == kind]
    others = [one for one in starting if not sure or one.kind_guessed]
    return max(same or others, key=lambda one: one.asked_at, default=None)


def _made(account: Account, kind: str, start_at: datetime, snapshot: Snapshot) -> Cycle:
    return Cycle(
        account=account,
        kind=kind,
        kind_guessed=True,
        start_at=start_at,
        end_at=start_at,
        asked_at=snapshot.asked_at,
        first_seen_at=snapshot.asked_at,
        snapshot=snapshot,
    )


def _count(cycle: Cycle, app: int | None, api: int | None, snapshot: Snapshot) -> None:
    """Take over newer counters; what an answer does not know stays as it was (D6)."""
    if cycle.asked_at > snapshot.asked_at:
        return
    is_new = cycle.app_usage is None and cycle.api_usage is None
    if is_new or not (app is None or api is None):
        cycle.app_usage, cycle.api_usage = app, api
        cycle.asked_at, cycle.snapshot = snapshot.asked_at, snapshot


def _fell(cycle: Cycle, window: Window) -> bool:
    """Say whether a window's counters are below the known ones: an old answer (D18)."""
    return any_fell([(cycle.app_usage, window.app_usage), (cycle.api_usage, window.api_usage)])


def _flag(cycles: list[Cycle]) -> None:
    """Flag what the charts must not sum or trust (D5)."""
    by_window = {Window.of(cycle): cycle for cycle in cycles}
    shared = overlapping(window for window in by_window if window.is_sound)
    for window, cycle in by_window.items():
        cycle.flags = [
            name
            for name, holds in (
                ("overlap", window in shared),
                ("ends_before_start", not window.is_sound),
                ("far_year", not window.can_be),
            )
            if holds
        ]
