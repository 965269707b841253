"""Why RemBG did not do it, in plain words: what happened, what it means, the next step."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboard.rembg import errors
from dashboard.rembg.errors import RembgError

Text = str | Promise

ASKING_IS_FREE = _("Asking costs no credit.")
ASKED_AGAIN = _("We ask again on our own.")


@dataclass(frozen=True)
class Refusal:
    """What happened (a sentence without its full stop), what it means, the next step."""

    title: Text
    reason: Text
    next_step: Text

    def __str__(self) -> str:
        return f"{self.title}. {self.next_step}"


def explain(error: RembgError | str) -> Refusal:
    """Return an error, or a code that was kept of one, in plain words."""
    leaf = _leaf(error)
    return Refusal(_title(error), gettext(leaf.meaning), gettext(leaf.to_operator))


def explain_question(error: RembgError | str, *, by_hand: bool = False) -> Refusal:
    """Return why a question about usage went wrong: no picture was sent, and asking is free.

    `by_hand`: a person asked, and nothing is asked again on its own.
    """
    leaf = _leaf(error)
    step: Text = gettext(leaf.to_operator)
    if leaf.to_operator in (errors.LOOK_AT_USAGE, errors.ASK_AGAIN):
        step = gettext(errors.ASK_AGAIN) if by_hand else ASKED_AGAIN
    if by_hand and leaf.to_operator_by_hand:
        step = gettext(leaf.to_operator_by_hand)
    return Refusal(_title(error), ASKING_IS_FREE, step)


def _leaf(error: RembgError | str) -> type[RembgError]:
    return errors.named(error) if isinstance(error, str) else type(error)


def _title(error: RembgError | str) -> str:
    """Return what happened; RemBG's own sentence where that is more exact than any of ours."""
    leaf = _leaf(error)
    if leaf.title:
        return gettext(leaf.title)
    sentence = leaf.sentence if isinstance(error, str) else error.message
    return sentence.rstrip(".")
