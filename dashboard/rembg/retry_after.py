"""The Retry-After header, which comes in every shape (contract, `rate_short`; promises F21)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

DEFAULT, LEAST, MOST = 30, 1, 3600
SECONDS = re.compile(r"([+-]?[0-9]{1,20})\s*s?", re.ASCII | re.IGNORECASE)


def parse(text: str | None, *, at: datetime) -> int:
    """Return the pause in seconds, 1 to 3600; what is neither an integer nor a date is 30."""
    found = SECONDS.fullmatch((text or "").strip())
    if found:
        return _clamp(int(found[1]))
    moment = http_date(text)
    return DEFAULT if moment is None else _clamp(round((moment - at).total_seconds()))


def http_date(text: str | None) -> datetime | None:
    """Return the moment that an HTTP date names, in UTC, or None for anything else."""
    if not text or len(text) > 64:
        return None
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _clamp(seconds: int) -> int:
    return max(LEAST, min(MOST, seconds))
