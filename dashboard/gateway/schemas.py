"""Virtual keys as the JSON API takes and gives them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from dashboard.removals.forms import MOST_CREDITS
from dashboard.teams.api import Text


def _whole(value: object) -> object:
    """Return 5 for 5.0, which JSON does not tell apart; raise ValueError for `true`."""
    if isinstance(value, bool):
        raise ValueError("Input should be a whole number")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _written(value: object) -> object:
    """Return a moment that begins with its year; raise ValueError for a number of seconds."""
    if not isinstance(value, str) or value[4:5] != "-":
        raise ValueError("Write the moment as text, with its zone.")
    return value


def _without_defaults(schema: dict[str, Any], model: type) -> None:
    """Do not promise values for what is left out of a change: it stays as it is."""
    if model is ChangeIn:
        for field in schema["properties"].values():
            field.pop("default", None)


# As in `dashboard.rembg.parameters`.
Format = Literal["webp", "png", "jpeg", "bmp"]
WHOLE = BeforeValidator(_whole)
Credits = Annotated[int, Field(ge=1, le=MOST_CREDITS, strict=True), WHOLE]
Moment = Annotated[AwareDatetime, BeforeValidator(_written)]
# Something to read has to be in it, which neither a length nor every `\s` says.
READABLE = {"pattern": r"^[^\x00]*[^\s\x00-\x1f\x85][^\x00]*$"}
Label = Annotated[Text, Field(min_length=1, max_length=80, json_schema_extra=READABLE)]
FieldName = Literal["w", "h", "exact_resize", "mask", "bg_color", "angle", "expand"]


class BudgetOut(Schema):
    """Credits in the running cycle; `remaining` is until the stop, or else the warning."""

    soft: int | None
    hard: int | None
    used: int
    remaining: int | None
    period_start_unix: int
    period_end_unix: int


class VirtualKeyOut(Schema):
    """A virtual key. Of its secret only the last four characters are known (`hint`)."""

    id: UUID
    label: str
    hint: str
    member: str
    tag: str
    account: UUID | None
    falls_over: bool
    allowed_formats: list[str] | None
    allowed_fields: list[str] | None
    state: str
    budget: BudgetOut
    created_at: datetime
    expires_at: datetime | None
    rotated_at: datetime | None
    old_secret_until: datetime | None
    last_used_at: datetime | None
    sent_in_clear_at: datetime | None


class VirtualKeysOut(Schema):
    """Virtual keys, newest first."""

    virtual_keys: list[VirtualKeyOut]


class SecretOut(VirtualKeyOut):
    """A virtual key with its secret, which is in this one answer and nowhere else."""

    secret: str


# What is read from a body is no `Schema`: that would take a list for an object without fields.
class ChangeIn(BaseModel):
    """Terms of a key; what is left out stays. `null` is no account, no limit, no expiry, all."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    label: Label = ""
    tag: Annotated[Text, Field(max_length=40)] = ""
    account: UUID | None = None
    falls_over: Annotated[bool, Field(strict=True)] = False
    soft: Credits | None = None
    hard: Credits | None = None
    expires_at: Moment | None = None
    allowed_formats: Annotated[list[Format], Field(min_length=1)] | None = None
    allowed_fields: list[FieldName] | None = None


class IssueIn(ChangeIn):
    """A new key; `member` is an e-mail address, left out it is the caller's."""

    label: Label
    member: Annotated[Text, Field(max_length=254)] | None = None


class RotateIn(BaseModel):
    """For how many hours the old secret is good beside the new one."""

    overlap_hours: Annotated[Literal[0, 1, 24, 168], WHOLE] = 24
