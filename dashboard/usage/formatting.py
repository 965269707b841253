"""How credits, dates and windows are said, in the reader's language and the team's zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from dashboard.lib.renewals import months_in
from dashboard.usage.models import EndSource
from dashboard.usage.windows import Window


def number(count: int | None) -> str:
    """Return "9,300", or "unknown"."""
    if count is None:
        return _("unknown")
    return str(number_format(count, use_l10n=True, force_grouping=True))


def written(moment: date, pattern: str) -> str:
    """Return the day in the reader's language, by Django's letters: "j M" is "3 Nov"."""
    day = moment.date() if isinstance(moment, datetime) else moment
    return _written(day, pattern, get_language())


# A page says a few dozen days some hundred times, and each takes 25 µs to write.
@lru_cache(maxsize=4096)
def _written(day: date, pattern: str, _language: str | None) -> str:
    return str(date_format(day, pattern))


def day(moment: datetime, zone: ZoneInfo, *, at: datetime) -> str:
    """Return "3 Nov", with the year where it is not this year."""
    return _day(moment.astimezone(zone), at.astimezone(zone))


def _day(local: datetime, now: datetime) -> str:
    return written(local, "j M" if local.year == now.year else "j M Y")


def clock(moment: datetime, zone: ZoneInfo, *, at: datetime) -> str:
    """Return "3 Nov, 14:05"."""
    local = moment.astimezone(zone)
    return f"{_day(local, at.astimezone(zone))}, {local.time().isoformat('minutes')}"


def month(start: datetime) -> str:
    """Return "Nov 2026"; `start` is in UTC, as the month is."""
    return written(start, "M Y")


def span(window: Window, zone: ZoneInfo, *, at: datetime) -> str:
    """Return "3 Nov – 2 Dec", with the year where it is not this one; a UTC month by its name.

    In most zones a UTC month seems to begin and to end on odd days.
    """
    if window.is_calendar_month:
        return _("%(month)s (UTC)") % {"month": month(window.start_at.astimezone(UTC))}
    first, last = window.start_at.astimezone(zone), window.last_second().astimezone(zone)
    if first.year == last.year == at.astimezone(zone).year:
        return f"{written(first, 'j M')} – {written(last, 'j M')}"
    if first.year == last.year:
        return f"{written(first, 'j M')} – {written(last, 'j M Y')}"
    return f"{written(first, 'j M Y')} – {written(last, 'j M Y')}"


def where_it_ends(window: Window) -> str:
    """Say where the end of a cycle comes from; empty where RemBG told it (D15)."""
    if window.end_is_sure:
        return ""
    if window.end_source == EndSource.LISTED:
        return _("Its end is the one that RemBG's list gave while it ran.")
    if window.end_source == EndSource.NEXT:
        return _(
            "RemBG's list tells no ends. This one is inferred: the next cycle of its kind begins "
            "then."
        )
    if months_in(window.start_at, window.end_at) > 1:
        return _(
            "RemBG's list tells no ends. This one is inferred: a year after its start, as the "
            "subscription renews."
        )
    return _(
        "RemBG's list tells no ends. This one is inferred: a month after its start, as the "
        "subscription renews."
    )


def days(count: int) -> str:
    """Return "1 day" or "9 days"."""
    return ngettext("%(count)s day", "%(count)s days", count) % {"count": count}


def duration(length: timedelta) -> str:
    """Return "9 hours" or "3 days"."""
    hours = round(length / timedelta(hours=1))
    if hours < 48:
        return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    return _("%(count)s days") % {"count": round(hours / 24)}
