"""Keys in words: why RemBG refused one, what that means and the next step, and a key's state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard.keys import locks
from dashboard.keys.models import ApiKey
from dashboard.rembg import errors
from dashboard.rembg.errors import RembgError

ASKING_IS_FREE = _("Asking costs no credit.")
ASKED_AGAIN = _("We ask again on our own.")
DEGRADED = _("Its account answered with a small picture, as one without credits does.")
CHECK_CREDITS = _("It is not chosen by itself until that is settled on the account's page.")
Text = str | Promise


@dataclass(frozen=True)
class Advice:
    """What happened (a sentence without its full stop), what it means, the next step."""

    title: Text
    reason: Text
    next_step: Text

    def __str__(self) -> str:
        return f"{self.title}. {self.next_step}"


def explain(error: RembgError | str) -> Advice:
    """Return an error, or a code that was kept of one, in plain words."""
    leaf = _leaf(error)
    return Advice(_title(error), gettext(leaf.meaning), gettext(leaf.to_operator))


def explain_question(error: RembgError | str, *, by_hand: bool = False) -> Advice:
    """Return why a question about usage went wrong: no picture was sent, and asking is free.

    `by_hand`: a person asked, and nothing is asked again on its own.
    """
    leaf = _leaf(error)
    step: Text = gettext(leaf.to_operator)
    if leaf.to_operator in (errors.LOOK_AT_USAGE, errors.ASK_AGAIN):
        step = gettext(errors.ASK_AGAIN) if by_hand else ASKED_AGAIN
    if by_hand and leaf.to_operator_by_hand:
        step = gettext(leaf.to_operator_by_hand)
    return Advice(_title(error), ASKING_IS_FREE, step)


def _leaf(error: RembgError | str) -> type[RembgError]:
    return errors.named(error) if isinstance(error, str) else type(error)


def _title(error: RembgError | str) -> str:
    """Return what happened; RemBG's own sentence where that is more exact than any of ours."""
    leaf = _leaf(error)
    if leaf.title:
        return gettext(leaf.title)
    sentence = leaf.sentence if isinstance(error, str) else error.message
    return sentence.rstrip(".")


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
