"""What lies ahead, drawn: the median of the forecast, its band, and the rows of the table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from dashboard.usage import phrases
from dashboard.usage.forecast import Step

Series = dict[str, Any]


def series(steps: Sequence[Step]) -> list[Series]:
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


def rows(steps: Sequence[Step], zone: ZoneInfo, *, at: datetime) -> list[list[str | int | None]]:
    """Return a row for each step but the first, which is now; app and API are not forecast."""
    found: list[list[str | int | None]] = []
    for one in steps[1:]:
        if one.left is None or one.used is None:
            continue
        label = _("%(when)s (forecast)") % {"when": phrases.clock(one.at, zone, at=at)}
        found.append([label, _ranged(one.left), _ranged(one.used), "", "", ""])
    return found


def _ranged(one: Any) -> str:
    numbers = [phrases.number(number) for number in (one.median, one.low, one.high)]
    return _("{0} ({1} to {2})").format(*numbers)
