"""How a key stands, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.keys import locks
from dashboard.keys.models import ApiKey
from dashboard.keys.refusals import explain

Text = str | Promise


DEGRADED = _("Its account answered with a small picture, as one without credits does.")
CHECK_CREDITS = _("It is not chosen by itself until that is settled on the account's page.")


@dataclass(frozen=True)
class KeyState:
    """A key, the kind of its badge, a word, why, and what to do; `until` for a rest."""

    key: ApiKey
    kind: str
    word: Text
    reason: Text = ""
    next_step: Text = ""
    until: datetime | None = None

    @property
    def needs_somebody(self) -> bool:
        """Say whether a person has to do something about it."""
        return self.kind in ("bad", "warn")


def key_states(keys: Iterable[ApiKey], *, at: datetime) -> list[KeyState]:
    """Return how each key stands; while all are locked, none is tried."""
    if locks.locked():
        return [KeyState(key, "bad", _("Locked")) for key in keys]
    return [key_state(key, at=at) for key in keys]


def key_state(key: ApiKey, *, at: datetime) -> KeyState:
    """Return how one key stands; what does not open is written into the audit trail, once (K18)."""
    if reason := locks.unreadable(key):
        locks.alarm(key, at=at)
        return KeyState(key, "bad", _("Locked"), reason)
    if key.refusals:
        refusal = explain(key.refusal)
        word = _("Refused, not used any more") if key.paused_at else _("Refused once")
        kind = "bad" if key.paused_at else "warn"
        return KeyState(key, kind, word, refusal.title, refusal.next_step)
    if key.account.degraded_at:
        return KeyState(key, "bad", _("Small pictures"), DEGRADED, CHECK_CREDITS)
    if key.resting_until and key.resting_until > at:
        rest = explain(key.rest_reason)
        return KeyState(key, "info", _("Resting"), rest.title, rest.next_step, key.resting_until)
    if key.tested_at:
        return KeyState(key, "ok", _("Fine"))
    return KeyState(key, "neutral", _("Not tested yet"))
