"""What every error of the client has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

Fact = Literal["no", "yes", "unknown"]


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one parameter, named as RemBG names it."""

    field: str
    message: str


class RembgError(Exception):
    """Anything that keeps RemBG from doing what was asked.

    `sent`: did the request reach RemBG; `charged`: did it cost a credit; `retriable`: may it be
    sent again without a person's decision. `retry_after` is in seconds. No text in it holds a key.
    """

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "RemBG could not do this."
    field: ClassVar[str | None] = None
    sent: Fact = "unknown"
    charged: Fact = "unknown"
    retriable: bool = False

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
