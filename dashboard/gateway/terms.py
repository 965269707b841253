"""The terms of a virtual key as they stand, and which changes of them take an admin."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dashboard.gateway.issuing import Terms
from dashboard.gateway.models import VirtualKey


def of(key: VirtualKey) -> Terms:
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


def raises(before: int | None, after: int | None) -> bool:
    """Say whether a limit is raised or taken away; None is no limit, in credits."""
    return before is not None and (after is None or after > before)


def takes_admin(before: Terms, after: Terms) -> str:
    """Name the field that only an owner or admin may change like this; "" when there is none.

    A cap counts in the cycle of the key's account: with another one it would begin anew.
    """
    if raises(before.hard, after.hard):
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
