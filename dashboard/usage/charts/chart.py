"""What every chart has, as pure functions: values in, the shape that chart.js draws out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from dashboard.usage import formatting

Chart = dict[str, Any]
Series = dict[str, Any]
MOST_MARKS = 20


@dataclass(frozen=True)
class Frame:
    """What every chart of an account shares: the moment, the zone, and how sure the numbers are."""

    at: datetime
    zone: ZoneInfo
    as_of: datetime | None = None
    stale: bool = False

    def day(self, moment: datetime) -> str:
        """Return a day as the team says it."""
        return formatting.day(moment, self.zone, at=self.at)


def chart(title: str, *, frame: Frame, summary: str, x: dict[str, Any], **parts: Any) -> Chart:
    """Return a chart with the fields that each has; `empty` where there is nothing to draw."""
    series: list[Series] = parts.get("series", [])
    return {
        "title": title,
        "unit": "credits",
        "summary": summary,
        "time_zone": str(frame.zone),
        "as_of": frame.as_of.isoformat() if frame.as_of else None,
        "stale": frame.stale,
        "empty": not any(_is_known(dot) for one in series for dot in one["data"]),
        "x": x,
        "series": [],
        "marks": [],
        "hatched": [],
        "links": [],
        **parts,
    }


def _is_known(dot: object) -> bool:
    return (dot["y"] if isinstance(dot, dict) else dot) is not None


def column(label: str, role: str, data: list[int | None]) -> Series:
    """Return one part of stacked columns."""
    shape = {"stack": "used", "stepped": False, "dashed": False}
    return {"label": label, "role": role, "type": "bar", **shape, "data": data}


def line(label: str, role: str, data: Sequence[object], **options: Any) -> Series:
    """Return a line of a chart."""
    shape = {"stack": None, "stepped": False, "dashed": False, **options}
    return {"label": label, "role": role, "type": "line", **shape, "data": list(data)}
