"""What every error says of itself: what happened, what it cost, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

Fact = Literal["no", "yes", "unknown"]


def gettext_noop(text: str) -> str:
    """Mark a text for translation where it is shown; the client itself knows no Django."""
    return text


_ = gettext_noop

NO_CREDIT = _("No credit was spent.")
MAYBE_CREDIT = _("It is not known whether a credit was spent.")
ASK_AGAIN = _("Try again in a few minutes.")
LOOK_AT_USAGE = _("Look at the account's usage before you send the picture again.")
LOOK_AT_REMOVALS = _("Look at the team's removals before you send the picture again.")
WAIT_SOME_MINUTES = _("Wait some minutes.")
RUN_LATER = "Run the same command again in some minutes."
PAUSE = 30  # Seconds to wait where nobody says how long.


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one parameter, named as RemBG names it."""

    field: str
    message: str


class RembgError(Exception):
    """Anything that keeps RemBG from doing what was asked.

    `sent`: did the request reach RemBG; `charged`: did it cost a credit; `retriable`: may it be
    sent again without a person's decision. `retry_after` is in seconds. No text in it holds a key.
    What a leaf does not say of itself, its family says.
    """

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "RemBG could not do this."
    field: ClassVar[str | None] = None
    # In the text of RemBG's answer it means this leaf; its group `field` names the parameter.
    pattern: ClassVar[str] = ""
    sent: Fact = "unknown"
    charged: Fact = "unknown"
    retriable: bool = False

    # How the gateway answers it, and the seconds until asking again helps; 0: waiting does not.
    http_status: ClassVar[int] = 502
    pause: ClassVar[int] = 0

    # What pages say: what happened (without its full stop; "": the message says it best), and what
    # it means.
    title: ClassVar[str] = _("RemBG could not do this")
    meaning: ClassVar[str] = MAYBE_CREDIT
    # To who looks after the team's keys; and where nothing goes on by itself, if that differs.
    to_operator: ClassVar[str] = ASK_AGAIN
    to_operator_by_hand: ClassVar[str] = ""
    # To who wants the picture (None: change what is asked), and whether to run it again then.
    to_person: ClassVar[str | None] = None
    runs_again: ClassVar[bool] = True
    to_terminal: ClassVar[str] = (
        "Look at the account's usage first; again may cost a second credit."
    )
    # To who writes a program, and the part of the error guide in which it stands.
    to_program: ClassVar[str] = _(
        "If the sentence does not help: ask an admin, with the request_id."
    )
    group: ClassVar[str] = "site"

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        details: tuple[FieldProblem, ...] = (),
        retry_after: int | None = None,
        body_head: str = "",
    ) -> None:
        self.message = message or self.sentence
        self.status = status
        self.retry_after = retry_after
        self.body_head = body_head
        if not details and self.field:
            details = (FieldProblem(self.field, self.message),)
        self.details = details
        if status is None and self.sent == "yes" and self.charged == "no":
            self.sent = "no"  # Refused by our own rules: there was no answer, nothing left.
        super().__init__(self.message)

    @classmethod
    def family(cls) -> Iterator[type[RembgError]]:
        """Walk this kind of error and all below it, as they are defined."""
        yield cls
        for child in cls.__subclasses__():
            yield from child.family()


def named(code: str) -> type[RembgError]:
    """Return the leaf whose code was kept; the root for a code that is none."""
    return next((leaf for leaf in RembgError.family() if leaf.code == code), RembgError)
