"""Forecasts, days and hours for programs: read-only, `None` for what is unknown."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated
from uuid import UUID

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.errors import ValidationError
from pydantic import WithJsonSchema

from dashboard.keys.models import Account
from dashboard.teams.api import membership_for
from dashboard.usage.forecast import RunOut, Spread
from dashboard.usage.history import queries
from dashboard.usage.history.values import Bucket, Course, Span
from dashboard.usage.models import Kind
from dashboard.usage.outlook import steps_of
from dashboard.usage.polling.thinning import hours_from
from dashboard.usage.standing import standing
from dashboard.usage.windows import Window, sharing

router = Router(tags=["usage"])
DAY = timedelta(days=1)
MOST_DAYS = timedelta(days=400)
FIRST, LAST = date(2000, 1, 1), date(2200, 12, 31)
IN_DOCUMENT = {
    "type": "string",
    "format": "date",
    "pattern": r"^(2[01]\d\d|2200)-\d\d-\d\d$",  # JSON Schema has no bounds for dates.
    "description": f"From {FIRST} to {LAST}.",
}
Day = Annotated[date, WithJsonSchema(IN_DOCUMENT), Query(ge=FIRST, le=LAST)]


class SpreadOut(Schema):
    """Credits: one in ten futures ends below `low`, half below `median`, nine below `high`."""

    low: int
    median: int
    high: int


class RunOutOut(Schema):
    """When credits run out; a moment is null where it lies after the renewal.

    `lasts` is the chance that they last until then; `verdict` is "yes", "no" or "too early to say":
    less than three days of use are known, or the renewal lies within the range (pages tell which).
    """

    verdict: str
    lasts: float
    early: datetime | None
    median: datetime | None
    late: datetime | None


class StepOut(Schema):
    """What is used of the window by then, and left of the included credits."""

    at: datetime
    used: SpreadOut | None
    left: SpreadOut | None


class ForecastOut(Schema):
    """The outlook of the running window; rates are credits a day.

    It is made from the reading of that id, asked `as_of`: up to an hour older than the counters.
    `known_days` is from how many days of use; `weekdays` are factors of the mean day, Monday first.
    """

    as_of: datetime | None = None
    reading: UUID | None = None
    known_days: float | None = None
    weekdays: list[float] | None = None
    period_start_unix: int | None = None
    period_end_unix: int | None = None
    included: RunOutOut | None = None
    everything: RunOutOut | None = None
    used_at_renewal: SpreadOut | None = None
    rate_today: float | None = None
    rate_cycle: float | None = None
    daily_allowance: float | None = None
    course: list[StepOut] = []


class UseOut(Schema):
    """What one kind of windows used in an hour or a day, in credits.

    `corrected` is by how much RemBG lowered its counters in it: that lessens no use, but the
    counter, and is unknown where the use is unknown because windows overlap. `complete` is false
    where not all of it was read: then the use is at least this. `estimated` says that credits were
    shared out over a border by time; `overlaps` that two windows of a kind ran at once, whose
    credits are not added: then the use is unknown.
    """

    start_at: datetime
    end_at: datetime
    kind: str
    app_usage: int | None
    api_usage: int | None
    app_corrected: int | None
    api_corrected: int | None
    complete: bool
    estimated: bool
    overlaps: bool


class GapOut(Schema):
    """A stretch between readings: its credits are known only as a whole, and in no hour or day.

    Those of a window that `overlaps` another of its kind are not to be added to anything.
    """

    start_at: datetime
    end_at: datetime
    kind: str
    app_usage: int | None
    api_usage: int | None
    overlaps: bool


class MarkOut(Schema):
    """What happened: renewal, topup, plan, switch or correction, from what to what."""

    at: datetime
    role: str
    what: str
    before: int | str | None
    after: int | str | None


class HistoryOut(Schema):
    """Use over a stretch; kinds of windows are never to be added, gaps come on top.

    Over all days of whole windows of a kind, for app and for API: sum of use + gaps - corrected =
    RemBG's counter. What is unknown is left out of the sums.
    """

    time_zone: str
    read_until: datetime | None
    use: list[UseOut]
    gaps: list[GapOut]
    marks: list[MarkOut]


@router.get("/teams/{slug}/accounts/{uuid:account_id}/forecast", response=ForecastOut)
def forecast(request: HttpRequest, slug: str, account_id: UUID) -> ForecastOut:
    """Say when the included credits, and everything spendable, run out; null is unknown."""
    account = _find(request, slug, account_id)
    now = standing(account, at=timezone.now())
    found, window = now.outlook, now.window
    if found is None or window is None:
        return ForecastOut()
    steps = [
        StepOut(at=one.at, used=_spread(one.used), left=_spread(one.left))
        for one in steps_of(account)
    ]
    return ForecastOut(
        as_of=found.as_of,
        reading=account.outlook.snapshot_id,
        known_days=found.known_days,
        weekdays=list(found.week.factors) if found.week else None,
        period_start_unix=int(window.start_at.timestamp()),
        period_end_unix=int(window.last_second().timestamp()),
        included=_run_out(found.included),
        everything=_run_out(found.everything),
        used_at_renewal=_spread(found.used_at_end),
        rate_today=found.rates.today,
        rate_cycle=found.rates.cycle,
        daily_allowance=found.rates.allowance,
        course=steps,
    )


@router.get("/teams/{slug}/accounts/{uuid:account_id}/days", response=HistoryOut)
def days(
    request: HttpRequest,
    slug: str,
    account_id: UUID,
    since: Day | None = None,
    until: Day | None = None,
) -> HistoryOut:
    """List use by the day of the team's zone, both days included; by default the last 30."""
    account = _find(request, slug, account_id)
    zone = account.team.zone
    last = until or timezone.now().astimezone(zone).date()
    first = since or max(FIRST, last - 29 * DAY)
    if not timedelta() <= last - first < MOST_DAYS:
        raise ValidationError([{"loc": ("query", "since"), "msg": "Ask for 1 to 400 days."}])
    start, end = (datetime.combine(day, time(), zone) for day in (first, last + DAY))
    kept_from = hours_from(timezone.now())
    return _history(account, queries.days(account, start, end, zone, hours_from=kept_from))


@router.get("/teams/{slug}/accounts/{uuid:account_id}/hours", response=HistoryOut)
def hours(
    request: HttpRequest,
    slug: str,
    account_id: UUID,
    day: Day | None = None,
    count: Annotated[int, Query(ge=1, le=31)] = 1,
) -> HistoryOut:
    """List use by the hour, of so many days of the team's zone from `day` on (today)."""
    account = _find(request, slug, account_id)
    zone = account.team.zone
    first = day or timezone.now().astimezone(zone).date()
    start, end = (datetime.combine(one, time(), zone) for one in (first, first + count * DAY))
    kept_from = hours_from(timezone.now())
    return _history(account, queries.hours(account, start, end, hours_from=kept_from))


def _find(request: HttpRequest, slug: str, account_id: UUID) -> Account:
    team = membership_for(request, slug).team
    beside = team.accounts.select_related("team", "same_as", "outlook")
    return get_object_or_404(beside, pk=account_id)


def _run_out(one: RunOut | None) -> RunOutOut | None:
    if one is None:
        return None
    moments = {"early": one.early, "median": one.median, "late": one.late}
    return RunOutOut(verdict=one.verdict, lasts=one.lasts, **moments)


def _spread(one: Spread | None) -> SpreadOut | None:
    return SpreadOut(low=one.low, median=one.median, high=one.high) if one else None


def _history(account: Account, found: Course) -> HistoryOut:
    windows = [Window.of(cycle) for cycle in account.cycles.all()]
    shared = {(kind, one.start_at) for kind in Kind.values for one in sharing(windows, kind)}
    return HistoryOut(
        time_zone=str(account.team.zone),
        read_until=found.read_until,
        use=[_use(one, Kind(kind)) for kind in found.series for one in found.series[kind]],
        gaps=[_gap(one, shared) for one in found.gaps if not one.is_of_balance],
        marks=[
            MarkOut(at=one.at, role=one.role, what=one.what, before=one.before, after=one.after)
            for one in found.marks
        ],
    )


def _use(one: Bucket, kind: Kind) -> UseOut:
    return UseOut(
        start_at=one.start_at,
        end_at=one.end_at,
        kind=kind,
        app_usage=one.app.credits,
        api_usage=one.api.credits,
        app_corrected=None if one.overlaps else one.app.back,
        api_corrected=None if one.overlaps else one.api.back,
        complete=one.is_complete,
        estimated=one.is_estimated,
        overlaps=one.overlaps,
    )


def _gap(one: Span, shared: set[tuple[str, datetime]]) -> GapOut:
    return GapOut(
        start_at=one.start_at,
        end_at=one.end_at,
        kind=one.place.kind,
        app_usage=one.app.credits,
        api_usage=one.api.credits,
        overlaps=one.place in shared,
    )
