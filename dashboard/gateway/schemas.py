"""Virtual keys as the JSON API takes and gives them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Schema
from pydantic import AwareDatetime, Field

from dashboard.gateway.forms import MOST
from dashboard.teams.api import Text

# As in `dashboard.rembg.parameters`.
Format = Literal["webp", "png", "jpeg", "bmp"]
Credits = Annotated[int, Field(ge=1, le=MOST, strict=True)]
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


class ChangeIn(Schema):
    """Terms of a key; what is left out stays. `null` is no account, no limit, no expiry, all."""

    label: Annotated[Text, Field(max_length=80)] = ""
    tag: Annotated[Text, Field(max_length=40)] = ""
    account: UUID | None = None
    falls_over: Annotated[bool, Field(strict=True)] = False
    soft: Credits | None = None
    hard: Credits | None = None
    expires_at: AwareDatetime | None = None
    allowed_formats: Annotated[list[Format], Field(min_length=1)] | None = None
    allowed_fields: list[FieldName] | None = None


class IssueIn(ChangeIn):
    """A new key; `member` is an e-mail address, left out it is the caller's."""

    label: Annotated[Text, Field(min_length=1, max_length=80)]
    member: Annotated[Text, Field(max_length=254)] | None = None


class RotateIn(Schema):
    """For how many hours the old secret is good beside the new one."""

    overlap_hours: Literal[0, 1, 24, 168] = 24
