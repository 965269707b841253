"""Whether two sets of answers come from one RemBG account (SAFETY D14).

Two keys of one account answer the same windows with the same counters. A person decides in the
end; this only says what the numbers say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from dashboard.usage.windows import Window

NEVER = datetime.min.replace(tzinfo=UTC)


class Likeness(Enum):
    """What two sets of answers say about each other."""

    SAME = "same"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Face:
    """What one account answered; every window says when it was read."""

    windows: tuple[Window, ...]

    @property
    def asked_at(self) -> datetime:
        """Return when the newest of the windows was read."""
        return max(map(_read_at, self.windows), default=NEVER)


def likeness(one: Face, other: Face) -> Likeness:
    """Compare two accounts by the kind, bounds and counters of their windows.

    A window that had ended at both readings must have equal counters; one that still ran at the
    earlier reading may only have grown. Counters of 0 prove nothing, and unknown ones neither.
    """
    older, newer = sorted((one, other), key=lambda face: face.asked_at)
    if not older.windows or not newer.windows:
        return Likeness.UNDECIDED
    if _only_in_one(older, newer) or _renewed_apart(older, newer):
        return Likeness.DIFFERENT
    mine = {_place(window): window for window in older.windows}
    pairs = [(mine[_place(w)], w) for w in newer.windows if _place(w) in mine]
    if any(_contradict(*pair) for pair in pairs):
        return Likeness.DIFFERENT
    return Likeness.SAME if any(_agree(*pair) for pair in pairs) else Likeness.UNDECIDED


def _place(window: Window) -> tuple[str, datetime]:
    return window.kind, window.start_at


def _read_at(window: Window) -> datetime:
    return window.asked_at or window.start_at


def _contradict(one: Window, other: Window) -> bool:
    before, after = sorted((one, other), key=_read_at)
    ended = before.end_at <= _read_at(before)
    if ended and before.end_at != after.end_at:
        return True
    counters = [(before.app_usage, after.app_usage), (before.api_usage, after.api_usage)]
    known = [(a, b) for a, b in counters if a is not None and b is not None]
    if _read_at(before) == _read_at(after):
        ended = True
    return any(a != b if ended else a > b for a, b in known)


def _agree(one: Window, other: Window) -> bool:
    counters = [(one.app_usage, other.app_usage), (one.api_usage, other.api_usage)]
    return (
        one.end_at == other.end_at
        and all(a == b for a, b in counters)
        and any(a is not None and a > 0 for a, _ in counters)
    )


def _only_in_one(older: Face, newer: Face) -> bool:
    """Say whether a window with usage, in the time that both know of, stands in one alone."""
    # The list forgets what is long past, and a window without usage once it has ended.
    known_since = max(min(w.start_at for w in face.windows) for face in (older, newer))
    for face, other in ((older, newer), (newer, older)):
        listed = {_place(window) for window in other.windows}
        for window in face.windows:
            shared = known_since <= window.start_at < older.asked_at
            if shared and _has_usage(window) and _place(window) not in listed:
                return True
    return False


def _renewed_apart(older: Face, newer: Face) -> bool:
    """Say whether both had a window of one kind at the earlier reading, and not the same one."""
    running = [
        {_place(window) for window in face.windows if window.runs(at=older.asked_at)}
        for face in (older, newer)
    ]
    kinds = [{kind for kind, _ in places} for places in running]
    return bool(kinds[0] & kinds[1]) and not running[0] & running[1]


def _has_usage(window: Window) -> bool:
    return any(count is not None and count > 0 for count in (window.app_usage, window.api_usage))
