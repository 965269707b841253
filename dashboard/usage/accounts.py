"""What people do to an account itself: rename it, archive it."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from dashboard.keys.models import Account


def rename(account: Account, label: str) -> None:
    """Give it another label; raise IntegrityError for one that the team has."""
    with transaction.atomic():
        account.label = label
        account.save(update_fields=["label"])


def archive(account: Account, *, at: datetime) -> bool:
    """Read it no more and forget its keys; False if it was before. Its history stays."""
    with transaction.atomic():
        archived = Account.objects.active().filter(pk=account.pk).update(archived_at=at)
        for key in account.api_keys.active():
            key.archive(at=at)
    return bool(archived)
