"""Status line and headers of an answer, as far as we use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dashboard.rembg import wording

MAX_SKEW = 300  # Seconds that upstream's clock may differ from ours unmentioned (F27).
# Seconds of a pause: where none can be read, and between which it is believed.
DEFAULT_PAUSE, SHORTEST_PAUSE, LONGEST_PAUSE = 30, 1, 3600
PAUSE = re.compile(r"([+-]?[0-9]{1,20})\s*s?", re.ASCII | re.IGNORECASE)
LENGTH = re.compile(r"[0-9]{1,15}", re.ASCII)


@dataclass(frozen=True)
class AnswerHead:
    """`size` is the announced length in bytes, None if unknown or not that of the decoded body.

    `clock_skew` is upstream's clock less ours in seconds, None if within five minutes.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content_type: str
    size: int | None
    request_id: str
    clock_skew: int | None

    @classmethod
    def of(
        cls, status: int, headers: Mapping[str, str], *, at: datetime, secrets: Iterable[str] = ()
    ) -> AnswerHead:
        """Read the headers, which may lie or be missing; their names come in any case."""
        known = {name.lower(): value for name, value in headers.items()}
        length = known.get("content-length", "")
        is_plain = known.get("content-encoding", "identity").strip().lower() in ("", "identity")
        return cls(
            status=status,
            headers=known,
            content_type=known.get("content-type", ""),
            size=int(length) if is_plain and LENGTH.fullmatch(length) else None,
            request_id=wording.message(known.get("x-request-id", ""), secrets=secrets)[:80],
            clock_skew=_skew(known.get("date"), at),
        )


def _skew(date: str | None, at: datetime) -> int | None:
    moment = http_date(date)
    if moment is None:
        return None
    seconds = round((moment - at).total_seconds())
    return seconds if abs(seconds) > MAX_SKEW else None


def retry_after(text: str | None, *, at: datetime) -> int:
    """Return the pause in seconds that Retry-After asks for, 1 to 3600.

    It comes in every shape (contract, `rate_short`; promises F21): what is neither an integer nor
    a date is 30.
    """
    match = PAUSE.fullmatch((text or "").strip())
    if match:
        return _clamp(int(match[1]))
    moment = http_date(text)
    return DEFAULT_PAUSE if moment is None else _clamp(round((moment - at).total_seconds()))


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
    return max(SHORTEST_PAUSE, min(LONGEST_PAUSE, seconds))
