"""Terms of virtual keys, and issuing one: its secret is shown once, never stored."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import Account
from dashboard.lib import tokens
from dashboard.removals.models import Budget, Subject
from dashboard.teams import audit
from dashboard.teams.models import Membership

LENT_FOR = timedelta(minutes=15)


@dataclass(frozen=True)
class Terms:
    """What a virtual key may do: `soft` warns and `hard` stops, in credits a cycle."""

    label: str
    tag: str = ""
    account: Account | None = None
    falls_over: bool = False
    soft: int | None = None
    hard: int | None = None
    expires_at: datetime | None = None
    allowed_formats: list[str] | None = None
    allowed_fields: list[str] | None = None


def issue(membership: Membership, terms: Terms, *, at: datetime) -> tuple[VirtualKey, str]:
    """Return a new key of this member, and its secret."""
    pk, secret = uuid.uuid4(), tokens.mint(VirtualKey.PREFIX)
    with transaction.atomic():
        budget = Budget.objects.create(
            team=membership.team,
            kind=Subject.KEY,
            subject=str(pk),
            name=terms.label,
            soft=terms.soft,
            hard=terms.hard,
            account=terms.account,
        )
        key = VirtualKey.objects.create(
            pk=pk,
            team=membership.team,
            membership=membership,
            member=str(membership.user),
            label=terms.label,
            tag=terms.tag,
            digest=tokens.digest(secret),
            hint=secret[-4:],
            account=terms.account,
            falls_over=terms.falls_over,
            budget=budget,
            allowed_formats=terms.allowed_formats,
            allowed_fields=terms.allowed_fields,
            created_at=at,
            expires_at=terms.expires_at,
        )
    return key, secret


def lend(parent: VirtualKey, *, at: datetime) -> tuple[VirtualKey, str]:
    """Return a key for 15 minutes that may and spends what its parent does, and its secret."""
    secret, until = tokens.mint(VirtualKey.PREFIX), at + LENT_FOR
    parent.lent.filter(expires_at__lte=at).delete()
    key = VirtualKey.objects.create(
        team=parent.team,
        membership=parent.membership,
        member=parent.member,
        label=parent.label,
        tag=parent.tag,
        digest=tokens.digest(secret),
        hint=secret[-4:],
        account=parent.account,
        falls_over=parent.falls_over,
        budget=parent.budget,
        allowed_formats=parent.allowed_formats,
        allowed_fields=parent.allowed_fields,
        created_at=at,
        expires_at=min(until, parent.expires_at or until),
        parent=parent,
    )
    return key, secret


def own_reference_key(membership: Membership, *, at: datetime) -> VirtualKey:
    """Return the member's key that the reference page borrows where he has no other.

    Nobody has its secret; admins see it among the others, and can cap or pause it.
    """
    label = _("API reference")
    with transaction.atomic():
        # Two pages opened at once would otherwise make two.
        Membership.objects.select_for_update(no_key=True).get(pk=membership.pk)
        return _reference_key(membership, label, at=at)


def _reference_key(membership: Membership, label: str, *, at: datetime) -> VirtualKey:
    mine = membership.virtual_keys.listed().active(at=at).filter(label=label)
    found: VirtualKey | None = mine.order_by("created_at", "pk").first()
    if found is None:
        found, _secret = issue(membership, Terms(label), at=at)
        by = membership.user
        audit.record(found.team, "virtual_key.issued", at=at, user=by, subject=str(found))
    return found


def terms_of(key: VirtualKey) -> Terms:
    """Return a key's terms; its budget and account must be loaded."""
    return Terms(
        label=key.label,
        tag=key.tag,
        account=key.account,
        falls_over=key.falls_over,
        soft=key.budget.soft,
        hard=key.budget.hard,
        expires_at=key.expires_at,
        allowed_formats=key.allowed_formats,
        allowed_fields=key.allowed_fields,
    )


def raises_limit(before: int | None, after: int | None) -> bool:
    """Say whether a limit is raised or taken away; None is no limit, in credits."""
    return before is not None and (after is None or after > before)


def takes_admin(before: Terms, after: Terms) -> str:
    """Name the field that only an owner or admin may change like this; "" when there is none.

    A cap counts in the cycle of the key's account: with another one it would begin anew.
    """
    if raises_limit(before.hard, after.hard):
        return "hard"
    if before.hard is not None and before.account != after.account:
        return "account"
    return ""


def differences(before: Terms, after: Terms) -> dict[str, list[Any]]:
    """Return what changed, as the audit trail has it: the value before, and after."""
    old, new = described(before), described(after)
    return {name: [old[name], new[name]] for name in new if old[name] != new[name]}


def described(terms: Terms) -> dict[str, Any]:
    """Return terms as plain values, the account by its label; there is no secret in them."""
    values = {name: getattr(terms, name) for name in asdict(Terms(""))}
    account = terms.account.label if terms.account else None
    return {**{name: _named(value) for name, value in values.items()}, "account": account}


def _named(value: Any) -> Any:
    return ", ".join(value) or "none" if isinstance(value, list) else value
