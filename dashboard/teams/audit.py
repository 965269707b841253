"""Writing the audit trail, and proving that nobody changed it."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from allauth.account.adapter import get_adapter
from django.core.exceptions import PermissionDenied
from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.http import HttpRequest

from dashboard.teams.models import AuditEntry, Team, User


def record(
    team: Team,
    action: str,
    *,
    at: datetime,
    user: User | None,
    subject: str = "",
    address: str | None = None,
    **details: Any,
) -> AuditEntry:
    """Write down who did what (`key.added`, `member.removed`, …) to what; never a secret."""
    entry = AuditEntry(
        team=team,
        user=user,
        actor=str(user)[:254] if user else "system",
        action=action,
        subject=subject[:200],
        details=json.loads(json.dumps(details, cls=DjangoJSONEncoder)),
        at=at,
        address=address,
    )
    with transaction.atomic():
        # Two entries at once would both follow the same one. no_key: rows may still refer to it.
        Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        before = team.audit_entries.in_order().values_list("digest", flat=True).last()
        entry.digest = _digest(entry, before or "")
        entry.save()
    return entry


def record_for(request: HttpRequest, action: str, *, at: datetime, **details: Any) -> AuditEntry:
    """Write down what the person of a team's request did, and from where."""
    return record(
        request.team,  # type: ignore[attr-defined]
        action,
        at=at,
        user=request.membership.user,  # type: ignore[attr-defined]
        address=address_of(request),
        **details,
    )


def address_of(request: HttpRequest) -> str | None:
    """Return the peer's address; forwarded headers count only behind a trusted proxy."""
    try:
        address: str = get_adapter(request).get_client_ip(request)
    except PermissionDenied:
        return None
    return address


def words(action: str) -> str:
    """Return an action as people read it: `member.role_changed` is "Member role changed"."""
    return action.replace(".", " ").replace("_", " ").capitalize()


def first_broken(team: Team) -> AuditEntry | None:
    """Return the first entry that was changed, or whose predecessor was changed or taken away.

    The newest entries can be cut off without a trace; a copy elsewhere (backups) shows that.
    """
    before = ""
    for entry in team.audit_entries.in_order().iterator():
        if entry.digest != _digest(entry, before):
            return entry
        before = entry.digest
    return None


def _digest(entry: AuditEntry, before: str) -> str:
    # Who did it is held by `actor`; `user` becomes null when the person's row is deleted.
    content = [
        before,
        entry.team_id,
        entry.actor,
        entry.action,
        entry.subject,
        entry.details,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.address,
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
