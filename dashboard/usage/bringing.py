"""Bringing cycles and months up to date; an older reading never replaces a newer one (D6)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from dashboard.keys.models import Account
from dashboard.lib.prepared import PreparedUpdate
from dashboard.rembg import usage
from dashboard.rembg.usage import CyclesAnswer, Month, UsageAnswer
from dashboard.usage.models import CalendarMonth, Cycle, Snapshot
from dashboard.usage.windows import Window, overlapping

# So near to the end of a month it is not sure which one upstream's "now" meant.
EDGE_OF_MONTH = timedelta(minutes=5)
COUNTERS = ("app_usage", "api_usage")
CHANGING = [
    *COUNTERS,
    *("kind", "kind_guessed", "end_at", "included_credits", "flags", "asked_at", "snapshot"),
]

# A known window, where only its counters and its allowance are new.
COUNT_ON = PreparedUpdate(
    lambda account, kind, start, end, **news: (
        Cycle.objects.filter(
            account=account,
            kind=kind,
            start_at=start,
            end_at=end,
            kind_guessed=False,
            asked_at__lte=news["asked_at"],
        ),
        news,
    ),
    account=UUID,
    kind=str,
    start=datetime,
    end=datetime,
    app_usage=int,
    api_usage=int,
    included_credits=int,
    asked_at=datetime,
    snapshot=UUID,
)
NEWER_MONTH = PreparedUpdate(
    lambda account, year, month, **news: (
        CalendarMonth.objects.filter(
            account=account, year=year, month=month, asked_at__lt=news["asked_at"]
        ),
        news,
    ),
    account=UUID,
    year=int,
    month=int,
    app_usage=int,
    api_usage=int,
    asked_at=datetime,
    snapshot=UUID,
)


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
    start, end = snapshot.period_start_at, snapshot.period_end_at
    if start is None or end is None:
        return
    window = Window(
        snapshot.kind,
        start,
        end,
        snapshot.app_usage,
        snapshot.api_usage,
        snapshot.included_credits,
        snapshot.asked_at,
    )
    told = snapshot.synced is not None
    if not (told and _count_on(account, window, snapshot)):
        _bring(account, [window], snapshot, told=told)


def _count_on(account: Account, window: Window, snapshot: Snapshot) -> bool:
    """Count a known window on, as nearly every reading does; False if there is more to change."""
    if window.used is None or window.included_credits is None:
        return False
    return bool(
        COUNT_ON.update(
            account=account.pk,
            kind=window.kind,
            start=window.start_at,
            end=window.end_at,
            app_usage=window.app_usage,
            api_usage=window.api_usage,
            included_credits=window.included_credits,
            asked_at=snapshot.asked_at,
            snapshot=snapshot.pk,
        )
    )


def bring_listed(account: Account, answer: CyclesAnswer, snapshot: Snapshot) -> None:
    """Note every listed window; the list does not tell their kinds."""
    _bring(account, listed_windows(answer, snapshot), snapshot, told=False)


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
    counted = {"app_usage": app, "api_usage": api, "asked_at": snapshot.asked_at}
    place = {"year": month.year, "month": month.month}
    if not NEWER_MONTH.update(account=account.pk, **place, **counted, snapshot=snapshot.pk):
        facts = {**counted, "snapshot": snapshot}
        CalendarMonth.objects.get_or_create(account=account, **place, defaults=facts)


def month_of(snapshot: Snapshot) -> Month | None:
    """Return the month that the top-level counters of a reading of "now" belong to, if sure."""
    if snapshot.clock_skew_seconds:
        return None
    moment = snapshot.asked_at.astimezone(UTC)
    early, late = moment - EDGE_OF_MONTH, moment + EDGE_OF_MONTH
    if early.month != late.month:
        return None
    return Month(moment.year, moment.month)


def _bring(account: Account, windows: list[Window], snapshot: Snapshot, *, told: bool) -> None:
    # no_key: removals that are being written may still refer to the account.
    Account.objects.select_for_update(no_key=True).only("pk").get(pk=account.pk)
    stored = list(Cycle.objects.filter(account=account))
    new: list[Cycle] = []
    changed: list[Cycle] = []
    for window in windows:
        cycle = _find(stored, window, told=told)
        if cycle is None:
            new.append(_made(account, window, snapshot, told=told))
        elif cycle.asked_at <= snapshot.asked_at:
            _change(cycle, window, snapshot, told=told)
            changed.append(cycle)
    _flag([*stored, *new], changed)
    if new:
        Cycle.objects.bulk_create(new)
    # One row as a rule; `bulk_update` would cost as much as the rest of a reading.
    for cycle in changed:
        cycle.save(update_fields=CHANGING)


def _find(stored: Iterable[Cycle], window: Window, *, told: bool) -> Cycle | None:
    """Return the row of this window; the kind once told by upstream outlives any guess."""
    starting = {cycle.kind: cycle for cycle in stored if cycle.start_at == window.start_at}
    if window.kind in starting:
        return starting[window.kind]
    others = [cycle for cycle in starting.values() if not told or cycle.kind_guessed]
    return others[0] if others else None


def _made(account: Account, window: Window, snapshot: Snapshot, *, told: bool) -> Cycle:
    return Cycle(
        account=account,
        kind=window.kind,
        kind_guessed=not told,
        start_at=window.start_at,
        end_at=window.end_at,
        app_usage=window.app_usage,
        api_usage=window.api_usage,
        included_credits=window.included_credits,
        asked_at=snapshot.asked_at,
        first_seen_at=snapshot.asked_at,
        snapshot=snapshot,
    )


def _change(cycle: Cycle, window: Window, snapshot: Snapshot, *, told: bool) -> None:
    """Take over what the newer reading knows; what it does not know stays as it was."""
    if told:
        cycle.kind, cycle.kind_guessed = window.kind, False
    if window.end_at > window.start_at:
        cycle.end_at = window.end_at
    if window.included_credits is not None:
        cycle.included_credits = window.included_credits
    if window.used is not None:
        cycle.app_usage, cycle.api_usage = window.app_usage, window.api_usage
        cycle.asked_at, cycle.snapshot = snapshot.asked_at, snapshot


def _flag(cycles: list[Cycle], changed: list[Cycle]) -> None:
    """Flag what the charts must not sum or trust (D5), and save rows whose flags changed."""
    by_window = {Window.of(cycle): cycle for cycle in cycles}
    shared = overlapping(window for window in by_window if window.is_sound)
    for window, cycle in by_window.items():
        flags = [
            name
            for name, holds in (
                ("overlap", window in shared),
                ("ends_before_start", not window.is_sound),
                ("far_year", not window.can_be),
            )
            if holds
        ]
        if flags != cycle.flags:
            cycle.flags = flags
            if cycle.pk and cycle not in changed:
                changed.append(cycle)
