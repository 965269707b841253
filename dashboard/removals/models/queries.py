"""Named questions about removals, and their rows in lists.

A model has fifty columns; a row shows a dozen.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models
from django.db.models import Q

from dashboard.keys.models import Account
from dashboard.rembg import filenames
from dashboard.rembg.parameters import Parameters
from dashboard.removals.models.states import FINAL, RUNNING, Charged, State
from dashboard.teams.models import User

# Tags are offered out of so many of the newest removals.
TAGS_OF = 500


class RemovalQuerySet(models.QuerySet):
    """Named questions about removals."""

    def newest_first(self) -> RemovalQuerySet:
        return self.order_by("-queued_at", "-pk")

    def unfinished(self) -> RemovalQuerySet:
        return self.exclude(state__in=FINAL)

    def tags(self) -> list[str]:
        """Name the tags of the newest ones, in order."""
        newest = self.newest_first().values_list("tag", flat=True)[:TAGS_OF]
        return sorted({tag for tag in newest if tag})

    def chosen(
        self,
        *,
        user: User | None = None,
        state: str = "",
        account: Account | None = None,
        source: str = "",
        tag: str = "",
    ) -> RemovalQuerySet:
        """Those of a person, in a state (or `running`), and so on; what is not given is any."""
        wanted = Q()
        if source:
            wanted &= Q(source=source)
        if tag:
            wanted &= Q(tag=tag)
        if user:
            wanted &= Q(user=user)
        if account:
            wanted &= Q(account=account)
        if state:
            wanted &= ~Q(state__in=FINAL) if state == "running" else Q(state=state)
        return self.filter(wanted)

    def claimable(self, *, at: datetime) -> RemovalQuerySet:
        return self.filter(state=State.QUEUED, not_before_at__lte=at)

    def in_turn(self) -> RemovalQuerySet:
        return self.order_by("not_before_at", "queued_at", "pk")

    def expired_leases(self, *, at: datetime) -> RemovalQuerySet:
        return self.filter(state__in=RUNNING, lease_expires_at__lte=at)

    def past_keeping(self, *, at: datetime) -> RemovalQuerySet:
        return self.filter(state__in=FINAL, files_deleted_at=None, keep_until__lte=at)

    def counting(self, *, since: datetime, until: datetime) -> RemovalQuerySet:
        """Those accepted in `[since, until)` that have cost a credit, may have, or still may."""
        accepted = self.filter(queued_at__gte=since, queued_at__lt=until)
        return accepted.exclude(state=State.FAILED, charged=Charged.NO)

    def naming(self, name: str) -> RemovalQuerySet:
        """Those one of whose files has this name in the storage."""
        return self.filter(Q(picture=name) | Q(result=name) | Q(thumbnail=name))


class RemovalRow(NamedTuple):
    """A removal, as far as `removals/row.html` shows it; everything is named as in the model."""

    pk: UUID
    filename: str
    tag: str
    parameters: dict[str, Any]
    member: str
    source: str
    virtual_key_label: str
    queued_at: datetime
    state: str
    charged: str
    degraded: bool
    message: str
    thumbnail: str
    files_deleted_at: datetime | None

    @property
    def is_final(self) -> bool:
        """Say whether nothing more will happen by itself."""
        return self.state in FINAL

    @property
    def has_files(self) -> bool:
        """Say whether its pictures are still kept."""
        return self.files_deleted_at is None

    @property
    def shown_name(self) -> str:
        """Return the file's name, cut to what a page has room for (U24)."""
        return filenames.display(self.filename)

    @property
    def asked(self) -> Parameters:
        """Return what was asked of RemBG."""
        return Parameters(**self.parameters)
