"""How the forecast's numbers come about: run-outs, use at the renewal, and rates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from django.urls import reverse
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.lib.explanation import Explanation, Operand
from dashboard.usage import forecast_text, formatting
from dashboard.usage.forecast import Forecast, RunOut
from dashboard.usage.models import AccountOutlook, Snapshot
from dashboard.usage.pages.account import AccountPage

# What `benchmarks.backtest` measured (docs/forecast.md): cases of a hundred within the range.
HELD_AT_RENEWAL, HELD_RUN_OUT = 82, 86
DAY = timedelta(days=1)
MONDAY = date(2024, 1, 1)
LAST_OF_MONTH = 31


def of_the_future(page: AccountPage, number: str) -> Explanation:
    """Explain a number of the forecast by its name (`AHEAD`)."""
    title = _("%(what)s: %(account)s") % {
        "what": _titles()[number],
        "account": page.account.label,
    }
    found, row = page.ahead.found, page.ahead.row
    if found is None or row is None:
        return Explanation(title, _formulas()[number], None, note=_none_yet())
    result, operands = AHEAD[number](page, found, row)
    everything = (_made_from(page), *operands)
    return Explanation(title, _formulas()[number], None, everything, _how_good(number), said=result)


def _titles() -> dict[str, str]:
    return {
        "runs-out": _("Included credits last until the renewal"),
        "all-runs-out": _("Everything spendable lasts until the renewal"),
        "at-renewal": _("Used at the renewal"),
        "rate-today": _("Today's rate"),
        "rate-cycle": _("The cycle's rate"),
        "rate-allowance": _("What may be used a day"),
    }


def _formulas() -> dict[str, str]:
    drawn = _(
        "Up to 256 futures are put together from the days that this team really had: a level on "
        "which newer days weigh more, growth or a new level where there is one, the week, a day "
        "of the month with a batch, and a doubt. In each the credits left are counted down."
    )
    tenths = _(
        "One in ten runs out before the early moment, half before the middle one, nine in ten "
        "before the late one. The share that does not run out says whether they last: yes from "
        "90 % on, no up to 10 %, else it is too close to say; too early, while less than three "
        "days of use are known."
    )
    return {
        "runs-out": f"{drawn} {tenths}",
        "all-runs-out": f"{drawn} {_('Included and prepaid credits together.')} {tenths}",
        "at-renewal": _(
            "Credits used so far + what up to 256 futures use until the renewal; the futures are "
            "put together from the days that this team really had. The middle one, and the range "
            "that leaves out one in ten at either end. It is what the team would use if nothing "
            "stopped it."
        ),
        "rate-today": _(
            "Credits used in the 24 hours before the reading, or since the cycle began if that is "
            "less, for a whole day. Unknown when readings are more than six hours old or apart."
        ),
        "rate-cycle": _(
            "Credits used since the cycle began ÷ the days since: the straight line. Unknown in "
            "its first twelve hours."
        ),
        "rate-allowance": _(
            "Included credits left ÷ the days to the renewal, rounded down; on the last day what "
            "is left."
        ),
    }


def _none_yet() -> str:
    return _(
        "No forecast has been made of this cycle: it is made after a good reading that names the "
        "cycle's window. Unknown is never taken for 0."
    )


def _how_good(number: str) -> str:
    later = _("It is made at most once an hour, so newer readings may not be in it.")
    if number.startswith("rate-"):
        return later
    held = HELD_AT_RENEWAL if number == "at-renewal" else HELD_RUN_OUT
    good = _(
        "The range is to hold the truth in eight of ten cases; in the backtest over made-up teams "
        "it held in %(held)s %%. A campaign that nobody announced cannot be foreseen."
    )
    return f"{good % {'held': held}} {later}"


Found = tuple[str, tuple[Operand, ...]]


def _runs_out(page: AccountPage, found: Forecast, row: AccountOutlook) -> Found:
    left = _then(page, row, _("Included credits left then"), row.said["balance"][1])
    return _run_out(page, found, found.included, (left, *_days(page, found, row)), left.value)


def _all_runs_out(page: AccountPage, found: Forecast, row: AccountOutlook) -> Found:
    _included, left, prepaid = row.said["balance"]
    parts = (
        _then(page, row, _("Included credits left then"), left),
        _then(page, row, _("Prepaid credits then"), prepaid),
    )
    known = None if left is None or prepaid is None else left + prepaid
    return _run_out(page, found, found.everything, (*parts, *_days(page, found, row)), known)


def _run_out(
    page: AccountPage,
    found: Forecast,
    one: RunOut | None,
    operands: tuple[Operand, ...],
    left: int | None,
) -> Found:
    if left is None:
        return _("unknown"), operands
    if one is None:
        return forecast_text.word(found, None), operands
    share = _("%(share)s %% of the futures") % {"share": round(one.lasts * 100)}
    tenths = (
        Operand(_("Early: one in ten runs out before"), said=_moment(page, one.early)),
        Operand(_("Middle: half run out before"), said=_moment(page, one.median)),
        Operand(_("Late: nine in ten run out before"), said=_moment(page, one.late)),
        Operand(_("They last until the renewal in"), said=share),
    )
    return forecast_text.word(found, one), (*operands, *tenths)


def _moment(page: AccountPage, when: datetime | None) -> str:
    if when is None:
        return _("after the renewal")
    return formatting.clock(when, page.team.zone, at=page.at)


def _at_renewal(page: AccountPage, found: Forecast, row: AccountOutlook) -> Found:
    end = found.used_at_end
    steps = page.ahead.steps
    now = steps[0].used if steps else None
    note = _("as the forecast counts: without what RemBG corrected, with prepaid credits used")
    used = _then(page, row, _("Used when it was made"), now.median if now else None, note)
    operands = (used, *_days(page, found, row))
    if end is None:
        return _("unknown"), operands
    tenths = (
        Operand(_("One in ten ends below"), end.low),
        Operand(_("Nine in ten end below"), end.high),
    )
    return formatting.number(end.median), (*operands, *tenths)


def _rate_today(page: AccountPage, found: Forecast, row: AccountOutlook) -> Found:
    before = max(found.as_of - DAY, row.start_at)
    read = Snapshot.objects.filter(account=page.account)
    read = read.of_window(start=row.start_at, end=row.end_at)
    beside = (
        (_("Used at the reading before that time"), read.filter(asked_at__lte=before).last()),
        (_("Used at the reading after that time"), read.filter(asked_at__gt=before).first()),
    )
    operands = (
        _then(page, row, _("Used when it was made"), row.snapshot.used if row.snapshot else None),
        Operand(_("24 hours before, or the renewal"), said=_moment(page, before)),
        *(_reading(page, label, one) for label, one in beside if one),
    )
    return _rate(found, 0), operands


def _rate_cycle(page: AccountPage, found: Forecast, row: AccountOutlook) -> Found:
    return _rate(found, 1), (
        _then(page, row, _("Used when it was made"), row.snapshot.used if row.snapshot else None),
        Operand(_("Since the renewal"), said=_length(found.as_of - row.start_at)),
    )


def _rate_allowance(page: AccountPage, found: Forecast, row: AccountOutlook) -> Found:
    return _rate(found, 2), (
        _then(page, row, _("Included credits left then"), row.said["balance"][1]),
        Operand(_("To the renewal"), said=_length(row.end_at - found.as_of)),
    )


AHEAD: dict[str, Callable[[AccountPage, Forecast, AccountOutlook], Found]] = {
    "runs-out": _runs_out,
    "all-runs-out": _all_runs_out,
    "at-renewal": _at_renewal,
    "rate-today": _rate_today,
    "rate-cycle": _rate_cycle,
    "rate-allowance": _rate_allowance,
}


def _rate(found: Forecast, place: int) -> str:
    one = forecast_text.rates(found)[place]
    return f"{one.value} {one.unit}".strip()


def _length(length: timedelta) -> str:
    """Return "19.4 days"."""
    days = number_format(max(0.0, length / DAY), decimal_pos=1, use_l10n=True)
    return _("%(days)s days") % {"days": days}


def _made_from(page: AccountPage) -> Operand:
    ahead = page.ahead
    said = _moment(page, ahead.as_of)
    return Operand(_("Made from the reading of"), None, ahead.reading_url, ahead.as_of, said=said)


def _then(
    page: AccountPage, row: AccountOutlook, label: str, value: int | None, note: str = ""
) -> Operand:
    return Operand(label, value, page.ahead.reading_url, row.as_of, note)


def _reading(page: AccountPage, label: str, one: Snapshot) -> Operand:
    return Operand(label, one.used, page.reading_url(one.pk), one.asked_at)


def _days(page: AccountPage, found: Forecast, row: AccountOutlook) -> tuple[Operand, ...]:
    """Name the days that the futures are made of, and the patterns that they show."""
    where = reverse("usage:days", args=[page.team.slug, page.account.pk])
    before = ngettext(
        "%(count)s of them before this cycle", "%(count)s of them before this cycle", len(row.days)
    ) % {"count": len(row.days)}
    known = _length(timedelta(days=found.known_days))
    return (
        Operand(_("Days of use known"), None, f"{where}?span=90", row.days_at, before, known),
        Operand(_("The week"), said=_week(found)),
        Operand(_("The day of the month"), said=_month_day(found)),
    )


def _week(found: Forecast) -> str:
    if found.week is None:
        return _("no pattern beyond chance")
    factors = [
        f"{date_format(MONDAY + number * DAY, 'D')} {number_format(factor, decimal_pos=2)}"
        for number, factor in enumerate(found.week.factors)
    ]
    return _("%(factors)s × the mean day, from %(days)s days") % {
        "factors": ", ".join(factors),
        "days": found.week.days,
    }


def _month_day(found: Forecast) -> str:
    one = found.month_day
    if one is None:
        return _("no pattern beyond chance")
    extra = number_format(one.extra, decimal_pos=1)
    if one.day == LAST_OF_MONTH:
        return _("its last: %(extra)s mean days' use on top") % {"extra": extra}
    return _("day %(day)s: %(extra)s mean days' use on top") % {"day": one.day, "extra": extra}
