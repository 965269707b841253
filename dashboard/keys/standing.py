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
class Standing:
    """A key's state: the kind of its badge, a word, why, and what to do; `until` for a rest."""

    kind: str
    word: Text
    reason: Text = ""
    next_step: Text = ""
    until: datetime | None = None

    @property
    def needs_somebody(self) -> bool:
        """Say whether a person has to do something about it."""
        return self.kind in ("bad", "warn")


@dataclass(frozen=True)
class Row:
    """A key and how it stands."""

    key: ApiKey
    standing: Standing


def rows(keys: Iterable[ApiKey], *, at: datetime) -> list[Row]:
    """Return each key with its standing; while all are locked, none is tried."""
    if locks.locked():
        return [Row(key, Standing("bad", _("Locked"))) for key in keys]
    return [Row(key, standing(key, at=at)) for key in keys]


def standing(key: ApiKey, *, at: datetime) -> Standing:
    """Return how one key stands; what does not open is written into the audit trail, once (K18)."""
    if reason := locks.unreadable(key):
        locks.alarm(key, at=at)
        return Standing("bad", _("Locked"), reason)
    if key.refusals:
        refusal = explain(key.refusal)
        word = _("Refused, not used any more") if key.paused_at else _("Refused once")
        kind = "bad" if key.paused_at else "warn"
        return Standing(kind, word, refusal.title, refusal.next_step)
    if key.account.degraded_at:
        return Standing("bad", _("Small pictures"), DEGRADED, CHECK_CREDITS)
    if key.resting_until and key.resting_until > at:
        refusal = explain(key.rest_reason)
        return Standing("info", _("Resting"), refusal.title, refusal.next_step, key.resting_until)
    if key.accepted_at:
        return Standing("ok", _("Fine"))
    return Standing("neutral", _("Not tested yet"))
