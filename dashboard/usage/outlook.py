"""The outlook of an account: its forecast, made when it is read and kept for whoever looks.

Pages, the team's list and the API read what stands here; none of them forecasts by itself.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from dashboard.keys.models import Account
from dashboard.usage.burn_rate import CounterReading, MonthDay, Rates, WeekProfile
from dashboard.usage.forecast import (
    HISTORY,
    Facts,
    Forecast,
    RunOut,
    Spread,
    Step,
    Verdict,
    forecast,
)
from dashboard.usage.history import queries, window_readings
from dashboard.usage.models import AccountOutlook, Snapshot
from dashboard.usage.windows import Window

# A day before the window changes only when an answer comes late (D6).
DAYS_HOLD = timedelta(days=1)
# An hour adds little to days of use, and ten thousand accounts have to fit into a round.
HOLDS = timedelta(hours=1)


def look_ahead(account: Account, reading: Snapshot) -> Forecast | None:
    """Forecast from a good reading and those before it, and keep it (30 ms for a whole cycle).

    None where the reading names no window or contradicts itself, or where what is kept still
    holds: a newer reading was looked at (D6), or one of the last hour, and no credits came since.
    """
    start, end = reading.period_start_at, reading.period_end_at
    if not reading.adds_up:
        return None
    before = AccountOutlook.objects.filter(account=account).defer("course").first()
    if start is None or end is None or end <= start or (before and _holds(before, reading)):
        return None
    window = Window(reading.kind, start, end)
    days = _held(before, window, account, at=reading.asked_at)
    if days is None:
        days, days_at = _days(account, window), reading.asked_at
    else:
        days_at = before.days_at if before and before.days_at else reading.asked_at
    found = forecast(_facts(account, window, reading, days))
    AccountOutlook.objects.update_or_create(
        account=account,
        defaults={
            "kind": window.kind,
            "start_at": start,
            "end_at": end,
            "as_of": reading.asked_at,
            "snapshot": reading,
            "said": {**said_of(found), "balance": _balance(reading)},
            "course": course_of(found),
            "days": {day.isoformat(): credits for day, credits in days.items()},
            "days_zone": str(account.team.zone),
            "days_at": days_at,
        },
    )
    return found


def _holds(before: AccountOutlook, reading: Snapshot) -> bool:
    if before.as_of > reading.asked_at:
        return True
    same = (before.kind, before.start_at) == (reading.kind, reading.period_start_at)
    if not same or reading.asked_at - before.as_of >= HOLDS:
        return False
    pairs = list(zip(before.said["balance"], _balance(reading), strict=True))
    if any((old is None) != (new is None) for old, new in pairs):
        return False
    return not any(new > old or (new == 0 < old) for old, new in pairs if old is not None)


def _balance(reading: Snapshot) -> list[int | None]:
    return [reading.included_credits, reading.left, reading.prepaid_credits]


def _facts(account: Account, window: Window, reading: Snapshot, days: dict[date, int]) -> Facts:
    readings = Snapshot.objects.filter(account=account)
    points = window_readings.points_of(readings.of_window(start=window.start_at, end=window.end_at))
    return Facts(
        window.start_at,
        window.end_at,
        reading.asked_at,
        account.team.zone,
        tuple(
            CounterReading(one.at, one.used, one.prepaid) for one in points if one.used is not None
        ),
        days,
        reading.included_credits,
        reading.left,
        reading.prepaid_credits,
    )


def _held(
    before: AccountOutlook | None, window: Window, account: Account, *, at: datetime
) -> dict[date, int] | None:
    if before is None or before.days_at is None or at - before.days_at > DAYS_HOLD:
        return None
    place = before.kind, before.start_at, before.days_zone
    if place != (window.kind, window.start_at, str(account.team.zone)):
        return None
    return {date.fromisoformat(day): credits for day, credits in before.days.items()}


def _days(account: Account, window: Window) -> dict[date, int]:
    """Return the use of whole days before the window; prepaid credits that were used count too."""
    zone = account.team.zone
    found = queries.days(account, window.start_at - HISTORY, window.start_at, zone)
    known = {}
    for ours, prepaid in zip(found.series.get(window.kind, ()), found.prepaid, strict=False):
        taken = prepaid.prepaid.credits or 0
        spent = ours.levels is not None and ours.levels.left == 0 and not taken
        # Where nothing was left to spend, what the team wanted is unknown, not 0.
        if ours.used is not None and ours.is_complete and not (spent and not ours.used):
            known[ours.start_at.astimezone(zone).date()] = ours.used + taken
    return known


class Kept(NamedTuple):
    """An outlook as it was kept, as far as a list of accounts needs it."""

    kind: str
    start_at: datetime
    as_of: datetime
    said: dict[str, Any]

    @classmethod
    def of(cls, account: Account) -> Kept | None:
        """Return the account's; `account.outlook` is to be loaded already."""
        try:
            row = account.outlook
        except AccountOutlook.DoesNotExist:
            return None
        return cls(row.kind, row.start_at, row.as_of, row.said)

    def about(self, window: Window) -> Forecast | None:
        """Return the forecast if it is of this window."""
        if (self.kind, self.start_at) != (window.kind, window.start_at):
            return None
        return forecast_of(self.said, as_of=self.as_of)


def steps_of(account: Account) -> tuple[Step, ...]:
    """Return the steps to the renewal that were kept; there must be an outlook."""
    return tuple(
        Step(datetime.fromisoformat(at), _spread(used), _spread(left))
        for at, used, left in account.outlook.course
    )


def said_of(found: Forecast) -> dict[str, Any]:
    """Return what a forecast says as JSON, without its course."""
    month_day = found.month_day
    return {
        "at": found.at.isoformat(),
        "rates": [found.rates.today, found.rates.cycle, found.rates.allowance],
        "known_days": round(found.known_days, 3),
        "verdict": found.verdict,
        "included": _run_out_doc(found.included),
        "everything": _run_out_doc(found.everything),
        "used_at_end": _numbers(found.used_at_end),
        "week": [list(found.week.factors), found.week.by, found.week.days] if found.week else None,
        "month_day": [month_day.day, month_day.extra] if month_day else None,
    }


def course_of(found: Forecast) -> list[Any]:
    """Return the steps of a forecast as JSON."""
    return [[one.at.isoformat(), _numbers(one.used), _numbers(one.left)] for one in found.course]


def forecast_of(doc: dict[str, Any], *, as_of: datetime) -> Forecast:
    """Return the forecast that was kept, without its course."""
    verdict, week = doc["verdict"], doc["week"]
    # Outlooks that were kept before the day of the month was looked for do not have it.
    month_day = doc.get("month_day")
    return Forecast(
        datetime.fromisoformat(doc["at"]),
        as_of,
        Rates(*doc["rates"]),
        doc["known_days"],
        Verdict(verdict) if verdict else None,
        _run_out(doc["included"]),
        _run_out(doc["everything"]),
        _spread(doc["used_at_end"]),
        WeekProfile(tuple(week[0]), week[1], week[2]) if week else None,
        MonthDay(*month_day) if month_day else None,
    )


def _run_out_doc(one: RunOut | None) -> list[Any] | None:
    if one is None:
        return None
    moments = [when.isoformat() if when else None for when in (one.early, one.median, one.late)]
    return [*moments, one.lasts, one.verdict]


def _run_out(doc: list[Any] | None) -> RunOut | None:
    if doc is None:
        return None
    early, median, late = (datetime.fromisoformat(one) if one else None for one in doc[:3])
    return RunOut(early, median, late, doc[3], Verdict(doc[4]))


def _numbers(one: Spread | None) -> list[int] | None:
    return [one.low, one.median, one.high] if one else None


def _spread(doc: list[int] | None) -> Spread | None:
    return Spread(*doc) if doc else None
