"""The charts of a comparison, as pure functions: runs on the ruler of the day of the cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.usage import formatting
from dashboard.usage.charts.chart import Chart, Frame, chart, line
from dashboard.usage.cycle_runs import CycleDifference, Run, day_at, difference, place_of
from dashboard.usage.history.values import DAY


@dataclass(frozen=True)
class Stop:
    """A place on the ruler, so long after the renewal: the end of a day, or a newest moment.

    The latter has a word that tells it from the end of its day.
    """

    after: timedelta
    word: str = ""

    @property
    def number(self) -> int:
        """Return the number of its day."""
        return day_at(self.after)

    @property
    def name(self) -> str:
        """Return "Day 21", or "Day 21, so far"."""
        name = _("Day %(number)s") % {"number": self.number}
        return f"{name}, {self.word}" if self.word else name

    @property
    def place(self) -> float:
        """Return where it stands on the ruler, in days after the renewal."""
        return place_of(self.after)


@dataclass(frozen=True)
class Lane:
    """One line of a comparison: its name, the role that gives its colour, and its run.

    A run that goes on has a word for its newest moment, at which all lines then stand, too.
    """

    label: str
    role: str
    run: Run
    dashed: bool = False
    word: str = ""

    @cached_property
    def newest(self) -> Stop | None:
        """Return where a run that goes on stands now."""
        newest = self.run.newest
        if newest is None or self.run.final is not None or not self.word:
            return None
        return Stop(newest.after, self.word)

    def at(self, stop: Stop) -> int | None:
        """Return the credits used by then; None if unknown, or still to come."""
        if self.newest and stop.after > self.newest.after:
            return None
        runs = stop.after <= self.run.length
        return self.run.by(stop.after) if stop.word and runs else self.run.on_day(stop.number)


def by_day(
    title: str, lanes: Sequence[Lane], *, frame: Frame, summary: str, base: Run | None = None
) -> Chart:
    """Return a line for each lane over the days of the cycle, from 1 to the longest one's last.

    A day without a reading breaks a line; a cycle that nobody read is a dot at its end. With a
    base the table has the first lane's difference to it.
    """
    now = [lane.newest for lane in lanes if lane.newest]
    stops = _stops(now, days=max(lane.run.days for lane in lanes))
    dots = [[lane.at(stop) for stop in stops] for lane in lanes]
    return chart(
        title,
        frame=frame,
        summary=summary,
        x={
            "type": "days",
            "labels": [stop.name for stop in stops],
            "places": [stop.place for stop in stops],
        },
        series=[
            line(lane.label, lane.role, credits, dashed=lane.dashed)
            for lane, credits in zip(lanes, dots, strict=True)
        ],
        marks=[{"x": now[0].name, "label": _("Now"), "role": "now"}]
        if base and now and lanes[0].run.window.runs(at=frame.at)
        else [],
        table=_table(lanes, stops, dots, base=base, at=frame.at),
    )


def _stops(now: Sequence[Stop], *, days: int) -> list[Stop]:
    """Return the ends of the days and the newest moments, in order; no two where one is both."""
    taken = {stop.place for stop in now}
    ends = [Stop(number * DAY) for number in range(1, days + 1) if number not in taken]
    return sorted([*ends, *now], key=lambda stop: stop.after)


def same_moment(this: Run, base: Run) -> CycleDifference | None:
    """Return the difference now: the newest credits against the base's, so long after renewal.

    Of two closed cycles the totals are compared, whatever their lengths.
    """
    newest = this.newest
    if newest is None:
        return None
    if this.final is not None:
        return difference(this.final, base.final)
    return difference(newest.used, base.by(newest.after))


def told(this: Run, past: Sequence[Run]) -> str:
    """Return the sentence under the chart: credits by now, and the same day of the last cycle."""
    newest, day = this.newest, this.day
    if newest is None or day is None:
        return _("How many credits this cycle has used is unknown.")
    used = ngettext(
        "%(used)s credit used on day %(day)s",
        "%(used)s credits used on day %(day)s",
        newest.used,
    ) % {"used": formatting.number(newest.used), "day": day}
    if this.final is not None:
        used = ngettext(
            "%(used)s credit used in the whole cycle",
            "%(used)s credits used in the whole cycle",
            newest.used,
        ) % {"used": formatting.number(newest.used)}
    return used + _told_difference(this, past, day)


def signed(found: CycleDifference) -> str:
    """Return "+1,200" or "−300", with a true minus; "0" for none."""
    return _sign(found.credits) + formatting.number(abs(found.credits))


def percent(found: CycleDifference | None) -> str:
    """Return "+15 %"; empty where the base is 0 or unknown."""
    if found is None or found.percent is None:
        return ""
    if found.percent == 0 and found.credits:
        return _("%(sign)sless than 1 %%") % {"sign": _sign(found.credits)}
    return _("%(sign)s%(size)s %%") % {
        "sign": _sign(found.percent),
        "size": formatting.number(abs(found.percent)),
    }


def _sign(count: int) -> str:
    return "+" if count > 0 else "\N{MINUS SIGN}" if count < 0 else ""


def _told_difference(this: Run, past: Sequence[Run], day: int) -> str:
    if not past:
        return _(". There is no earlier cycle to compare with.")
    found = same_moment(this, past[0])
    if found is None:
        return "; " + _why_unknown(this, past[0])
    words = {"count": formatting.number(abs(found.credits)), "day": day, "percent": percent(found)}
    whole = this.final is not None
    if found.credits == 0:
        same = (
            _("; as many as in the last cycle.")
            if whole
            else _("; as many as on day %(day)s of the last cycle.")
        )
        return same % words
    if whole:
        more, less = (
            _("; %(count)s more than in the last cycle"),
            _("; %(count)s less than in the last cycle"),
        )
    else:
        more = _("; %(count)s more than on day %(day)s of the last cycle")
        less = _("; %(count)s less than on day %(day)s of the last cycle")
    said = (more if found.credits > 0 else less) % words
    return said + (f" ({words['percent']})." if words["percent"] else ".")


def _why_unknown(this: Run, base: Run) -> str:
    newest = this.newest
    if newest and newest.after > base.length and base.final is not None:
        return _("the last cycle had ended by then, with %(total)s.") % {
            "total": formatting.number(base.final)
        }
    if not base.is_read and base.final is not None:
        return _(
            "how many on this day of the last cycle is unknown, as nobody read it while it ran; "
            "it ended with %(total)s."
        ) % {"total": formatting.number(base.final)}
    if base.final is not None:
        return _(
            "how many at this moment of the last cycle is unknown; it ended with %(total)s."
        ) % {"total": formatting.number(base.final)}
    return _("how many at this moment of the last cycle is unknown.")


def _table(
    lanes: Sequence[Lane],
    stops: Sequence[Stop],
    dots: Sequence[Sequence[int | None]],
    *,
    base: Run | None,
    at: datetime,
) -> dict[str, Any]:
    head = [_("Day of the cycle"), *(lane.label for lane in lanes)]
    rows: list[list[str | int | None]] = []
    for stop, *credits in zip(stops, *dots, strict=True):
        told = [
            _why_none(lane, stop, at=at) if one is None else one
            for lane, one in zip(lanes, credits, strict=True)
        ]
        rows.append([stop.name if stop.word else str(stop.number), *told])
        if base:
            found = difference(credits[0], credits[1])
            why = next((one for one in told[:2] if isinstance(one, str)), None)
            rows[-1].append(signed(found) if found else why)
    if base:
        head.append(_("CycleDifference to the last"))
    return {"columns": head, "rows": rows}


def _why_none(lane: Lane, stop: Stop, *, at: datetime) -> str | None:
    """Return why there are no credits of a run; None where they are unknown."""
    if stop.number > lane.run.days:
        return _("ended")
    is_later = lane.newest and stop.after > lane.newest.after
    return _("to come") if is_later and lane.run.window.runs(at=at) else None
