"""Status line and headers of an answer, as far as we use them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from dashboard.rembg import retry_after, wording

MAX_SKEW = 300  # Seconds that upstream's clock may differ from ours unmentioned (F27).
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
    moment = retry_after.http_date(date)
    if moment is None:
        return None
    seconds = round((moment - at).total_seconds())
    return seconds if abs(seconds) > MAX_SKEW else None
