"""How credits, dates and windows are said, in the reader's language and the team's zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from dashboard.usage.windows import Window


def number(count: int | None) -> str:
    """Return "9,300", or "unknown"."""
    if count is None:
        return _("unknown")
    return str(number_format(count, use_l10n=True, force_grouping=True))


def day(moment: datetime, zone: ZoneInfo, *, at: datetime) -> str:
    """Return "3 Nov", with the year where it is not this year."""
    local = moment.astimezone(zone)
    this_year = local.year == at.astimezone(zone).year
    return str(date_format(local, "j M" if this_year else "j M Y"))


def clock(moment: datetime, zone: ZoneInfo, *, at: datetime) -> str:
    """Return "3 Nov, 14:05"."""
    return f"{day(moment, zone, at=at)}, {date_format(moment.astimezone(zone), 'H:i')}"


def month(start: datetime) -> str:
    """Return "Nov 2026"; `start` is in UTC, as the month is."""
    return str(date_format(start, "M Y"))


def span(window: Window, zone: ZoneInfo, *, at: datetime) -> str:
    """Return "3 Nov – 2 Dec", with the year where it is not this one; a UTC month by its name.

    In most zones a UTC month seems to begin and to end on odd days.
    """
    if window.is_calendar_month:
        return _("%(month)s (UTC)") % {"month": month(window.start_at.astimezone(UTC))}
    first, last = window.start_at.astimezone(zone), window.last_second().astimezone(zone)
    if first.year == last.year == at.astimezone(zone).year:
        return f"{date_format(first, 'j M')} – {date_format(last, 'j M')}"
    if first.year == last.year:
        return f"{date_format(first, 'j M')} – {date_format(last, 'j M Y')}"
    return f"{date_format(first, 'j M Y')} – {date_format(last, 'j M Y')}"


def duration(length: timedelta) -> str:
    """Return "9 hours" or "3 days"."""
    hours = round(length / timedelta(hours=1))
    if hours < 48:
        return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    return _("%(count)s days") % {"count": round(hours / 24)}
