"""The forecast in words and as chart series: do credits last, when do they run out, how fast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.keys.models import Account
from dashboard.teams.models import Team
from dashboard.usage import formatting
from dashboard.usage.forecast import (
    FEWEST_DAYS,
    FEWEST_FOR_VERDICT,
    Forecast,
    RunOut,
    Spread,
    Step,
    Verdict,
)
from dashboard.usage.models import AccountOutlook
from dashboard.usage.outlook import steps_of
from dashboard.usage.standing import Standing

Series = dict[str, Any]
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


def balances(now: Standing, zone: ZoneInfo, *, at: datetime) -> list[Told]:
    """Return what is said of the included credits, and of everything spendable."""
    return [
        _told("runs-out", now.remaining, now, zone, at=at),
        _told("all-runs-out", now.spendable, now, zone, at=at),
    ]


def _told(number: str, credits: int | None, now: Standing, zone: ZoneInfo, *, at: datetime) -> Told:
    found = now.outlook
    label = _("Included credits") if number == "runs-out" else _("Everything spendable")
    if credits is None:
        reason = _("RemBG did not say how many are left.")
        return Told(number, label, "neutral", _("unknown"), reason)
    if credits == 0:
        return Told(number, label, "bad", _("no"), _("Nothing is left."))
    one = None
    if found:
        one = found.included if number == "runs-out" else found.everything
    why = undecided(now, one, credits)
    if one is None:
        return Told(number, label, "neutral", word(found, one), f"{capfirst(why)}.")
    chance = _("%(share)s %% of what may come lasts until the renewal") % {
        "share": round(one.lasts * 100)
    }
    when = sentence(one, zone, at=at)
    when = f"{capfirst(why)}. {when}" if why else when
    return Told(number, label, KINDS[one.verdict], word(found, one), when, chance)


def in_short(now: Standing, zone: ZoneInfo, *, at: datetime) -> str:
    """Return "Lasts until renewal: no, between 24 and 29 Nov …"; empty without a forecast."""
    found = now.outlook
    if found is None or now.remaining is None:
        return ""
    said = _("Lasts until renewal: %(word)s")
    one = found.included
    if now.remaining == 0:
        return said % {"word": _("no")}
    said %= {"word": word(found, one)}
    if why := undecided(now, one, now.remaining):
        return f"{said}; {why}"
    range_of = when(one, zone, at=at) if one and one.verdict == Verdict.NO else ""
    return f"{said}, {range_of}" if range_of else said


def word(found: Forecast | None, one: RunOut | None) -> str:
    """Return "yes", "no", "too early to say", or "too close to say" where enough is known."""
    if one is None or one.verdict == Verdict.TOO_EARLY:
        is_close = found and one and found.known_days >= FEWEST_FOR_VERDICT
        return _("too close to say") if is_close else _("too early to say")
    return _("yes") if one.verdict == Verdict.YES else _("no")


def undecided(now: Standing, one: RunOut | None, left: int | None) -> str:
    """Return why a balance's answer is neither yes nor no, as half a sentence; empty where it is.

    `left` is the balance, in credits.
    """
    found = now.outlook
    if one and one.verdict != Verdict.TOO_EARLY:
        return ""
    if found and found.known_days < FEWEST_DAYS:
        return _("less than a day of use is known")
    if found is None or one is None:
        return _("no forecast has been made yet")
    if found.known_days < FEWEST_FOR_VERDICT:
        days = int(found.known_days)
        words = ngettext(
            "only %(days)s day of use is known", "only %(days)s days of use are known", days
        )
        return words % {"days": days}
    # Once the included credits are spent, the counters do not say what was used of the others.
    total = left + now.used if left and now.used is not None and now.remaining else None
    ends = left_at_end(total, found)
    if ends is None or not ends.low < 0 < ends.high:
        return _("they may run out before the renewal, or only after it")
    words = _("the cycle is to end between %(left)s left and %(short)s short")
    return words % {"left": formatting.number(ends.high), "short": formatting.number(-ends.low)}


def left_at_end(total: int | None, found: Forecast | None) -> Spread | None:
    """Return what is left of so many credits at the renewal, below 0 where they are short."""
    used = found.used_at_end if found else None
    if total is None or used is None:
        return None
    return Spread(total - used.high, total - used.median, total - used.low)


def sentence(one: RunOut, zone: ZoneInfo, *, at: datetime) -> str:
    """Return when credits run out: "Run out between 24 and 29 Nov, most likely 26 Nov."."""
    if one.early is None:
        return _("They do not run out before the renewal.")
    return _("Run out %(when)s.") % {"when": when(one, zone, at=at)}


def when(one: RunOut, zone: ZoneInfo, *, at: datetime) -> str:
    """Return the range in words; empty where it lies after the renewal as a whole."""
    if one.early is None:
        return ""
    early = formatting.day(one.early, zone, at=at)
    median = formatting.day(one.median, zone, at=at) if one.median else ""
    if one.late is not None:
        if early == formatting.day(one.late, zone, at=at):
            return _("on %(day)s") % {"day": early}
        ends = {"early": _short(one.early, one.late, zone, at=at)}
        ends |= {"late": formatting.day(one.late, zone, at=at), "median": median}
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
    return formatting.day(one, zone, at=at)


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
    return Rate(number, label, formatting.number(rounded), unit, told)


def _at_renewal(end: Spread | None) -> Rate:
    label = _("Used at the renewal")
    told = _("What the cycle will have used if nothing stops the team, with its 80 % range.")
    if end is None:
        return Rate("at-renewal", label, _("unknown"), "", told)
    low, high = formatting.number(end.low), formatting.number(end.high)
    unit = _("credits, %(low)s to %(high)s") % {"low": low, "high": high}
    return Rate("at-renewal", label, formatting.number(end.median), unit, told)


def chart_series(steps: Sequence[Step]) -> list[Series]:
    """Return the band's two edges and the median, credits left at each step; or nothing."""
    known = [(one.at.isoformat(), one.left) for one in steps if one.left is not None]
    if not known:
        return []
    low = [{"x": at, "y": left.low} for at, left in known]
    high = [{"x": at, "y": left.high} for at, left in known]
    median = [{"x": at, "y": left.median} for at, left in known]
    return [
        _line(_("80 % range, low"), low, stack="band"),
        _line(_("80 % range, high"), high, stack="band"),
        _line(_("Forecast"), median, stack=None, dashed=True),
    ]


def _line(label: str, data: list[Any], *, stack: str | None, dashed: bool = False) -> Series:
    look = {"stack": stack, "stepped": False, "dashed": dashed}
    return {"label": label, "role": "forecast", "type": "line", **look, "data": data}


def table_rows(
    steps: Sequence[Step], zone: ZoneInfo, *, at: datetime
) -> list[list[str | int | None]]:
    """Return a row for each step but the first, which is now; app and API are not forecast."""
    found: list[list[str | int | None]] = []
    for one in steps[1:]:
        if one.left is None or one.used is None:
            continue
        label = _("%(when)s (forecast)") % {"when": formatting.clock(one.at, zone, at=at)}
        found.append([label, _ranged(one.left), _ranged(one.used), "", "", ""])
    return found


def _ranged(one: Any) -> str:
    numbers = [formatting.number(number) for number in (one.median, one.low, one.high)]
    return _("{0} ({1} to {2})").format(*numbers)


@dataclass(frozen=True, eq=False)
class OutlookPart:
    """What lies ahead of an account, and what that was made from; `account.outlook` is loaded."""

    account: Account
    team: Team
    standing: Standing
    at: datetime

    @property
    def found(self) -> Forecast | None:
        """The forecast of the running window; None where there is none."""
        return self.standing.outlook

    @property
    def row(self) -> AccountOutlook | None:
        """The row that it is kept in."""
        return self.account.outlook if self.found else None

    @property
    def as_of(self) -> datetime | None:
        """When the reading was asked that it was made from, and with it the forecast's age."""
        return self.found.as_of if self.found else None

    @property
    def reading_url(self) -> str:
        """The reading that it was made from; empty where that is not kept."""
        if self.row is None or self.row.snapshot_id is None:
            return ""
        where = [self.team.slug, self.account.pk, self.row.snapshot_id]
        return reverse("usage:reading", args=where)

    @property
    def steps(self) -> Sequence[Step]:
        """The steps to the renewal."""
        return steps_of(self.account) if self.found else ()

    @property
    def balances(self) -> list[Told]:
        """Whether the included credits, and everything spendable, last until the renewal."""
        return balances(self.standing, self.team.zone, at=self.at)

    @property
    def rates(self) -> list[Rate]:
        """How fast credits go, how fast they may, and what will have gone; empty without one."""
        return rates(self.found) if self.found else []
