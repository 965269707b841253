"""How many calls of one team may be under way (promises A13, R10)."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from dashboard.gateway import refusals

AT_ONCE = 128  # of a machine; each of its web processes grants its share

_lock = threading.Lock()
_under_way: Counter[int] = Counter()


@contextmanager
def counted(team_id: int) -> Iterator[None]:
    """Count a call while it lasts; raise Refusal where the team has too many."""
    with _lock:
        if _under_way[team_id] >= max(1, AT_ONCE // settings.WEB_WORKERS):
            raise refusals.TooManyCalls
        _under_way[team_id] += 1
    try:
        yield
    finally:
        with _lock:
            _under_way[team_id] -= 1
            if not _under_way[team_id]:
                del _under_way[team_id]
