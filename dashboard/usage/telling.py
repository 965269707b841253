"""What the outlook says, in sentences: do credits last, when do they run out, how fast they go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from dashboard.usage import phrases
from dashboard.usage.forecast import Forecast, RunOut, Spread, Verdict

KINDS = {Verdict.YES: "ok", Verdict.NO: "bad", Verdict.TOO_EARLY: "neutral"}


@dataclass(frozen=True)
class Told:
    """One balance: whether it lasts until the renewal, and when it runs out if it does not.

    `number` is the name under which it is explained.
    """

    number: str
    label: str
    kind: str
    word: str
    when: str
    chance: str = ""


@dataclass(frozen=True)
class Rate:
    """A rate in credits a day, in words, and what it is made of; `number` as in `Told`."""

    number: str
    label: str
    value: str
    unit: str
    help: str


def balances(
    found: Forecast | None,
    *,
    remaining: int | None,
    spendable: int | None,
    zone: ZoneInfo,
    at: datetime,
) -> list[Told]:
    """Return what is said of the included credits, and of everything spendable."""
    included = found.included if found else None
    everything = found.everything if found else None
    return [
        _told("runs-out", remaining, included, zone=zone, at=at),
        _told("all-runs-out", spendable, everything, zone=zone, at=at),
    ]


def _told(
    number: str, credits: int | None, one: RunOut | None, *, zone: ZoneInfo, at: datetime
) -> Told:
    label = _("Included credits") if number == "runs-out" else _("Everything spendable")
    if credits is None:
        reason = _("RemBG did not say how many are left.")
        return Told(number, label, "neutral", _("unknown"), reason)
    if credits == 0:
        return Told(number, label, "bad", _("no"), _("Nothing is left."))
    if one is None:
        when = _("Less than a day of use is known.")
        return Told(number, label, "neutral", word(Verdict.TOO_EARLY), when)
    chance = _("%(share)s %% of what may come lasts until the renewal") % {
        "share": round(one.lasts * 100)
    }
    when = sentence(one, zone, at=at)
    return Told(number, label, KINDS[one.verdict], word(one.verdict), when, chance)


def in_short(found: Forecast | None, zone: ZoneInfo, *, remaining: int | None, at: datetime) -> str:
    """Return "Lasts until renewal: no, between 24 and 29 Nov …"; empty without a forecast."""
    if found is None or remaining is None:
        return ""
    one = found.included
    if remaining == 0 or one is None:
        verdict, range_of = Verdict.NO if remaining == 0 else Verdict.TOO_EARLY, ""
    else:
        verdict = one.verdict
        range_of = when(one, zone, at=at) if verdict == Verdict.NO else ""
    said = _("Lasts until renewal: %(word)s") % {"word": word(verdict)}
    return f"{said}, {range_of}" if range_of else said


def word(verdict: Verdict) -> str:
    """Return "yes", "no" or "too early to say"."""
    if verdict == Verdict.TOO_EARLY:
        return _("too early to say")
    return _("yes") if verdict == Verdict.YES else _("no")


def sentence(one: RunOut, zone: ZoneInfo, *, at: datetime) -> str:
    """Return when credits run out: "Run out between 24 and 29 Nov, most likely 26 Nov."."""
    if one.early is None:
        return _("They do not run out before the renewal.")
    return _("Run out %(when)s.") % {"when": when(one, zone, at=at)}


def when(one: RunOut, zone: ZoneInfo, *, at: datetime) -> str:
    """Return the range in words; empty where it lies after the renewal as a whole."""
    if one.early is None:
        return ""
    early = phrases.day(one.early, zone, at=at)
    median = phrases.day(one.median, zone, at=at) if one.median else ""
    if one.late is not None:
        if early == phrases.day(one.late, zone, at=at):
            return _("on %(day)s") % {"day": early}
        ends = {"early": _short(one.early, one.late, zone, at=at)}
        ends |= {"late": phrases.day(one.late, zone, at=at), "median": median}
        return _("between %(early)s and %(late)s, most likely %(median)s") % ends
    if median:
        words = _("from %(early)s on, most likely %(median)s, or only after the renewal")
        return words % {"early": early, "median": median}
    return _("perhaps from %(early)s on, more likely only after the renewal") % {"early": early}


def _short(one: datetime, other: datetime, zone: ZoneInfo, *, at: datetime) -> str:
    """Return the day without its month where the other day is of the same one."""
    first, last = one.astimezone(zone), other.astimezone(zone)
    if (first.year, first.month) == (last.year, last.month):
        return str(first.day)
    return phrases.day(one, zone, at=at)


def rates(found: Forecast) -> list[Rate]:
    """Return today's rate, the cycle's, what may be used a day, and what will be in all."""
    one = found.rates
    # What may be used is never rounded up: there would be less in the end.
    may = one.allowance if one.allowance is None or one.allowance < 1 else int(one.allowance)
    told = _("Included credits left, shared out over the days to the renewal.")
    return [
        _rate("rate-today", _("Today"), one.today, _("Used in the last 24 hours.")),
        _rate("rate-cycle", _("This cycle"), one.cycle, _("Used since the cycle began, a day.")),
        _rate("rate-allowance", _("May be used"), may, told),
        _at_renewal(found.used_at_end),
    ]


def _rate(number: str, label: str, credits: float | None, told: str) -> Rate:
    if credits is None:
        return Rate(number, label, _("unknown"), "", told)
    unit = _("credits a day")
    if 0 < credits < 1:
        return Rate(number, label, _("less than 1"), _("credit a day"), told)
    rounded = round(credits)
    if rounded == 1:
        unit = _("credit a day")
    return Rate(number, label, phrases.number(rounded), unit, told)


def _at_renewal(end: Spread | None) -> Rate:
    label = _("Used at the renewal")
    told = _("What the cycle will have used if nothing stops the team, with its 80 % range.")
    if end is None:
        return Rate("at-renewal", label, _("unknown"), "", told)
    low, high = phrases.number(end.low), phrases.number(end.high)
    unit = _("credits, %(low)s to %(high)s") % {"low": low, "high": high}
    return Rate("at-renewal", label, phrases.number(end.median), unit, told)
