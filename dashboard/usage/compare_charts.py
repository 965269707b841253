"""The charts of a comparison, as pure functions: runs on the ruler of the day of the cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.usage import phrases
from dashboard.usage.charts import Chart, Frame, chart, line
from dashboard.usage.comparing import Difference, Run, difference


@dataclass(frozen=True)
class Lane:
    """One line of a comparison: its name, the role that gives its colour, and its run."""

    label: str
    role: str
    run: Run
    dashed: bool = False


@dataclass(frozen=True)
class Stop:
    """A place on the ruler: the end of a day of the cycle, or the moment `now` in the day."""

    number: int
    now: timedelta | None = None

    @property
    def name(self) -> str:
        """Return "Day 21", or "Day 21, so far"."""
        name = _("Day %(number)s") % {"number": self.number}
        return name if self.now is None else _("%(day)s, so far") % {"day": name}

    def of(self, run: Run) -> int | None:
        """Return the credits that a run had used by then; None if unknown."""
        return run.on_day(self.number) if self.now is None else run.by(self.now)


def by_day(
    title: str, lanes: Sequence[Lane], *, frame: Frame, summary: str, base: Run | None = None
) -> Chart:
    """Return a line for each lane over the days of the cycle, from 1 to the longest one's last.

    A day without a reading breaks a line; a cycle that nobody read is a dot at its end. With a
    base the first lane ends at its newest moment, at which the others stand too, and the table
    has its difference to the base.
    """
    days = range(1, max(lane.run.days for lane in lanes) + 1)
    now = _now(lanes[0].run) if base else None
    stops = [*map(Stop, days)]
    if now:
        stops.insert(now.number - 1, now)
    dots = [[stop.of(lane.run) for stop in stops] for lane in lanes]
    if now:
        # Of a day that is not over yet there is no end to draw.
        dots[0][now.number] = None
    return chart(
        title,
        frame=frame,
        summary=summary,
        x={
            "type": "category",
            "labels": [stop.name for stop in stops],
            "short": ["" if stop.now else str(stop.number) for stop in stops],
        },
        series=[
            line(lane.label, lane.role, credits, dashed=lane.dashed)
            for lane, credits in zip(lanes, dots, strict=True)
        ],
        marks=[{"x": now.name, "label": _("Now"), "role": "now"}]
        if now and lanes[0].run.window.runs(at=frame.at)
        else [],
        table=_table(lanes, stops, dots, base=base, at=frame.at),
    )


def _now(this: Run) -> Stop | None:
    newest = this.newest
    if newest is None or this.final is not None:
        return None
    return Stop(this.day_of(newest.after), newest.after)


def same_moment(this: Run, base: Run) -> Difference | None:
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
    newest = this.newest
    if newest is None:
        return _("How many credits this cycle has used is unknown.")
    day = this.day_of(newest.after)
    used = ngettext(
        "%(used)s credit used on day %(day)s",
        "%(used)s credits used on day %(day)s",
        newest.used,
    ) % {"used": phrases.number(newest.used), "day": day}
    if this.final is not None:
        used = ngettext(
            "%(used)s credit used in the whole cycle",
            "%(used)s credits used in the whole cycle",
            newest.used,
        ) % {"used": phrases.number(newest.used)}
    return used + _told_difference(this, past, day)


def signed(found: Difference) -> str:
    """Return "+1,200" or "−300", with a true minus; "0" for none."""
    return _sign(found.credits) + phrases.number(abs(found.credits))


def percent(found: Difference | None) -> str:
    """Return "+15 %"; empty where the base is 0 or unknown."""
    if found is None or found.percent is None:
        return ""
    if found.percent == 0 and found.credits:
        return _("%(sign)sless than 1 %%") % {"sign": _sign(found.credits)}
    return _("%(sign)s%(size)s %%") % {
        "sign": _sign(found.percent),
        "size": phrases.number(abs(found.percent)),
    }


def _sign(count: int) -> str:
    return "+" if count > 0 else "\N{MINUS SIGN}" if count < 0 else ""


def _told_difference(this: Run, past: Sequence[Run], day: int) -> str:
    if not past:
        return _(". There is no earlier cycle to compare with.")
    found = same_moment(this, past[0])
    if found is None:
        return "; " + _why_unknown(this, past[0])
    words = {"count": phrases.number(abs(found.credits)), "day": day, "percent": percent(found)}
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
            "total": phrases.number(base.final)
        }
    if not base.is_read and base.final is not None:
        return _(
            "how many on this day of the last cycle is unknown, as nobody read it while it ran; "
            "it ended with %(total)s."
        ) % {"total": phrases.number(base.final)}
    if base.final is not None:
        return _(
            "how many at this moment of the last cycle is unknown; it ended with %(total)s."
        ) % {"total": phrases.number(base.final)}
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
            _why_none(lane.run, stop, at=at) if one is None else one
            for lane, one in zip(lanes, credits, strict=True)
        ]
        rows.append([stop.name if stop.now else str(stop.number), *told])
        if base:
            found = difference(credits[0], credits[1])
            why = next((one for one in told[:2] if isinstance(one, str)), None)
            rows[-1].append(signed(found) if found else why)
    if base:
        head.append(_("Difference to the last"))
    return {"columns": head, "rows": rows}


def _why_none(run: Run, stop: Stop, *, at: datetime) -> str | None:
    """Return why there are no credits of a run; None where they are unknown."""
    if stop.number > run.days:
        return _("ended")
    newest = run.newest
    if newest and run.window.runs(at=at) and stop.number >= run.day_of(newest.after):
        return _("to come")
    return None
