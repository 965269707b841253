"""History as rows, and rows as history."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dashboard.keys.models import Account
from dashboard.usage.history.values import WHATS, Levels, Mark, Place, Span, Use
from dashboard.usage.models import UsageSpan

COLUMNS = (
    "span",
    "kind",
    "window_start_at",
    "start_at",
    "end_at",
    "app_usage",
    "app_known",
    "app_corrected",
    "api_usage",
    "api_known",
    "api_corrected",
    "prepaid_used",
    "prepaid_known",
    "prepaid_bought",
    "estimated",
    "marks",
    "levels",
    "readings",
    "is_after",
)
NUMBERS = Levels._fields[1:]


def row_of(account: Account, name: str, span: Span) -> UsageSpan:
    """Return the row that keeps a span; it is not saved."""
    return UsageSpan(
        account=account,
        span=name,
        kind=span.place.kind,
        window_start_at=span.place.start_at,
        start_at=span.start_at,
        end_at=span.end_at,
        app_usage=span.app.credits,
        app_known=span.app.known_for,
        app_corrected=span.app.back,
        api_usage=span.api.credits,
        api_known=span.api.known_for,
        api_corrected=span.api.back,
        prepaid_used=span.prepaid.credits,
        prepaid_known=span.prepaid.known_for,
        prepaid_bought=span.prepaid.back,
        estimated=" ".join(what for what in WHATS if span.use(what).estimated),
        marks=[_written(mark) for mark in span.marks] or None,
        levels=_levels_written(span.levels),
        readings=span.readings,
        is_after=span.is_after,
    )


def span_of(row: tuple[Any, ...]) -> tuple[str, Span]:
    """Return what a row of COLUMNS keeps, and which span it is."""
    name, kind, window, start, end, *counts, estimated, marks, levels, readings, is_after = row
    named = estimated.split()
    app, api, prepaid = (
        Use(credits, known_for, back, what in named)
        for what, credits, known_for, back in zip(
            WHATS, counts[0::3], counts[1::3], counts[2::3], strict=True
        )
    )
    happened = tuple(_read(mark) for mark in marks or ())
    uses = app, api, prepaid
    return name, Span(
        Place(kind, window),
        start,
        end,
        *uses,
        levels_of(levels) if levels else None,
        happened,
        readings,
        is_after,
    )


def _written(mark: Mark) -> dict[str, Any]:
    return {
        "at": mark.at.isoformat(),
        "role": mark.role,
        "what": mark.what,
        "before": mark.before,
        "after": mark.after,
    }


def _read(doc: Mapping[str, Any]) -> Mark:
    at = datetime.fromisoformat(doc["at"])
    return Mark(at, doc["role"], doc["what"], doc["before"], doc["after"])


def _levels_written(levels: Levels | None) -> dict[str, Any] | None:
    if levels is None:
        return None
    return {"at": levels.at.isoformat(), **{name: getattr(levels, name) for name in NUMBERS}}


def levels_of(doc: Mapping[str, Any]) -> Levels:
    """Return what a row's last reading said."""
    at = datetime.fromisoformat(doc["at"])
    return Levels(at, *(doc[name] for name in NUMBERS))
