"""Status of a virtual key: whether it opens the gateway, and what it has used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

from dashboard.gateway.models import VirtualKey
from dashboard.removals import budgets
from dashboard.removals.budgets import BudgetUse
from dashboard.teams.models import Role


class VirtualKeyState(models.TextChoices):
    """Whether a virtual key opens the gateway, and if not, why."""

    ACTIVE = "active", _("Active")
    PAUSED = "paused", _("Paused")
    EXPIRED = "expired", _("Expired")
    REVOKED = "revoked", _("Revoked")
    LEFT = "left", _("Member left")
    LOWERED = "lowered", _("Only a viewer now")


BADGES = {
    VirtualKeyState.ACTIVE: "ok",
    VirtualKeyState.PAUSED: "warn",
    VirtualKeyState.LOWERED: "warn",
}
IN_USE = (VirtualKeyState.ACTIVE, VirtualKeyState.PAUSED)


@dataclass(frozen=True)
class VirtualKeyStanding:
    """A virtual key at a moment: its state, and what it has taken in the running cycle."""

    key: VirtualKey
    state: VirtualKeyState
    use: BudgetUse
    at: datetime

    @property
    def badge(self) -> str:
        """Return the kind of badge for its state."""
        return BADGES.get(self.state, "neutral")

    @property
    def limit(self) -> int | None:
        """Return where its meter ends: at its cap, else where it warns, in credits."""
        budget = self.use.budget
        return budget.soft if budget.hard is None else budget.hard

    @property
    def meter(self) -> str:
        """Return the kind of meter for what it has used."""
        if self.use.is_spent:
            return "bad"
        return "warn" if self.use.is_warning else ""

    @property
    def old_until(self) -> datetime | None:
        """Return until when the secret before the last rotation is good, if it still is."""
        until = self.key.old_until
        return until if until is not None and until > self.at else None

    @property
    def last_second(self) -> datetime:
        """Return the last second of the running cycle, whose day ends the cycle on a page."""
        return self.use.period.end_at - timedelta(seconds=1)

    @property
    def is_exposed(self) -> bool:
        """Say whether a secret that came unencrypted is still good (as the review has it)."""
        sent, rotated = self.key.sent_in_clear_at, self.key.rotated_at
        if sent is None or self.state not in (*IN_USE, VirtualKeyState.LOWERED):
            return False
        return rotated is None or rotated < sent or self.old_until is not None

    @property
    def allowed(self) -> str:
        """Name the formats and fields that it may ask for; "" when all are allowed."""
        formats, fields = self.key.allowed_formats, self.key.allowed_fields
        if formats is None and fields is None:
            return ""
        named = [_("any format")] if formats is None else [name.upper() for name in formats]
        if fields is None:
            named.append(_("any field"))
        else:
            named += fields or [_("no field")]
        return ", ".join(map(str, named))

    @property
    def can_pause(self) -> bool:
        """Say whether there is something to pause."""
        return self.state == VirtualKeyState.ACTIVE

    @property
    def can_resume(self) -> bool:
        """Say whether there is a pause to end."""
        return self.state == VirtualKeyState.PAUSED

    @property
    def can_rotate(self) -> bool:
        """Say whether a new secret would be of use."""
        return self.state in IN_USE

    @property
    def can_change(self) -> bool:
        """Say whether other terms would be of use; an expired key lives again with a later end."""
        return self.state in (*IN_USE, VirtualKeyState.EXPIRED)

    @property
    def can_revoke(self) -> bool:
        """Say whether it is not over for good."""
        return self.state != VirtualKeyState.REVOKED


def state_of(key: VirtualKey, *, at: datetime) -> VirtualKeyState:
    """Return a key's state; its membership must be loaded."""
    if key.revoked_at is not None:
        return VirtualKeyState.REVOKED
    if key.membership is None:
        return VirtualKeyState.LEFT
    if key.expires_at is not None and key.expires_at <= at:
        return VirtualKeyState.EXPIRED
    if not key.membership.may(Role.MEMBER):
        return VirtualKeyState.LOWERED
    return VirtualKeyState.ACTIVE if key.paused_at is None else VirtualKeyState.PAUSED


def standings(keys: Iterable[VirtualKey], *, at: datetime) -> list[VirtualKeyStanding]:
    """Return where each of these keys stands, in their order."""
    found = list(keys)
    uses = {use.budget.pk: use for use in budgets.uses([key.budget for key in found], at=at)}
    return [VirtualKeyStanding(key, state_of(key, at=at), uses[key.budget_id], at) for key in found]


def standing(key: VirtualKey, *, at: datetime) -> VirtualKeyStanding:
    """Return where one key stands."""
    return standings([key], at=at)[0]
