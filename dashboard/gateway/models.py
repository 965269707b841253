"""Keys that we issue: one a person or a program, with a cap and an expiry."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.lib import tokens
from dashboard.rembg.parameters import Parameters
from dashboard.removals.models import Budget
from dashboard.teams.models import Membership, Role, Team, User

USE_NOTED_EVERY = timedelta(minutes=1)
IDLE_AFTER = timedelta(days=60)


class VirtualKeyQuerySet(models.QuerySet["VirtualKey"]):
    """Named questions about virtual keys."""

    def listed(self) -> VirtualKeyQuerySet:
        """All but those lent for minutes to the reference page."""
        return self.filter(parent=None)

    def of(self, user: User) -> VirtualKeyQuerySet:
        """A person's own."""
        return self.listed().filter(membership__user=user)

    def seen_by(self, membership: Membership) -> VirtualKeyQuerySet:
        """A person's own; for an admin those of the whole team."""
        if membership.may(Role.ADMIN):
            return self.listed().filter(team=membership.team_id)
        return self.listed().filter(membership=membership)

    def active(self, *, at: datetime) -> VirtualKeyQuerySet:
        """Those that open the gateway at this moment."""
        return self.unended(at=at).filter(paused_at=None)

    def unended(self, *, at: datetime) -> VirtualKeyQuerySet:
        """Those that are not over: neither revoked, nor expired, nor without their member."""
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None, membership__isnull=False
        )

    def idle(self, *, at: datetime) -> VirtualKeyQuerySet:
        """Those unused for 60 days, or never since they were issued that long ago."""
        since = at - IDLE_AFTER
        return self.filter(Q(used_at__lt=since) | Q(used_at=None, created_at__lt=since))

    def uncapped(self) -> VirtualKeyQuerySet:
        """Those that nothing stops."""
        return self.filter(budget__hard=None)

    def opened_by(self, digest: str, *, at: datetime) -> VirtualKeyQuerySet:
        """The one whose secret has this digest, or had it until an overlap ends."""
        overlap = Q(old_digest=digest, old_until__gt=at)
        return self.filter(Q(digest=digest) | overlap).select_related("team", "membership__user")

    def without_expiry(self) -> VirtualKeyQuerySet:
        return self.filter(expires_at=None)

    def newest_first(self) -> VirtualKeyQuerySet:
        related = self.select_related("membership__user", "account", "budget__account", "team")
        return related.order_by("-created_at", "-pk")


class VirtualKey(models.Model):
    """A key `rbk_…` that a member or a member's program calls the gateway with.

    Only the digest of its secret is kept. It hangs on the membership, so that it is over at the
    next call after the member has left (promises A11, T6).
    """

    PREFIX = "rbk"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="virtual_keys")
    membership = models.ForeignKey(
        Membership, models.SET_NULL, null=True, related_name="virtual_keys"
    )
    # The name stays readable after the person is gone.
    member = models.CharField(max_length=254)
    label = models.CharField(_("label"), max_length=80)
    # Written into every removal, so that a project or a client can be added up.
    tag = models.CharField(_("tag"), max_length=40, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=4)
    old_digest = models.CharField(max_length=64, unique=True, null=True)
    old_until = models.DateTimeField(null=True)
    # The account that it draws on; None is the one of the team with most to spend.
    account = models.ForeignKey(Account, models.RESTRICT, null=True, related_name="virtual_keys")
    # Whether another account may pay when the named one has run out.
    falls_over = models.BooleanField(
        _("use another account when this one has run out"), default=False
    )
    # Its cap; a lent key draws on its parent's.
    budget = models.ForeignKey(Budget, models.RESTRICT, related_name="virtual_keys")
    # Output formats and fields that it may ask for; None is all.
    allowed_formats = models.JSONField(null=True)
    allowed_fields = models.JSONField(null=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    paused_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    rotated_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)
    # When it last came over plain http although the site is served by https (T21).
    sent_in_clear_at = models.DateTimeField(null=True)
    # Lent for minutes to a page of its owner: what it spends is its parent's.
    parent = models.ForeignKey("self", models.CASCADE, null=True, related_name="lent")

    objects = VirtualKeyQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [
            # The page of virtual keys, newest first.
            models.Index(fields=["team", "-created_at"], name="virtualkey_team_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.label} (rbk_…{self.hint})"

    @classmethod
    def with_secret(cls, secret: str, *, at: datetime) -> VirtualKey | None:
        """Return the key with this secret, whatever its state; no query if it cannot be one (K9).

        After a rotation the old secret is good until the overlap ends.
        """
        if not tokens.looks_valid(secret, cls.PREFIX):
            return None
        return cls.objects.opened_by(tokens.digest(secret), at=at).first()

    @property
    def spender_id(self) -> uuid.UUID:
        """Return whose spending it is: its own, or its parent's."""
        return self.parent_id or self.pk

    def forbidden(self, asked: Parameters) -> str:
        """Name the field of a request that this key may not ask for; "" when all are allowed."""
        if self.allowed_formats is not None and asked.format not in self.allowed_formats:
            return "format"
        fields = (name for name, _text in asked.fields() if name != "format")
        if self.allowed_fields is None:
            return ""
        return next((name for name in fields if name not in self.allowed_fields), "")

    def note_used(self, *, at: datetime) -> None:
        """Remember the use, at most once a minute, so that calling stays cheap."""
        if self.used_at is None or self.used_at < at - USE_NOTED_EVERY:
            VirtualKey.objects.filter(pk=self.pk).update(used_at=at)
            if self.parent_id:
                VirtualKey.objects.filter(pk=self.parent_id).update(used_at=at)

    def note_sent_in_clear(self, *, at: datetime) -> bool:
        """Remember that the secret came unencrypted; True if it is to be audited (once an hour)."""
        hour_ago = at - timedelta(hours=1)
        last = Q(sent_in_clear_at=None) | Q(sent_in_clear_at__lt=hour_ago)
        return bool(VirtualKey.objects.filter(last, pk=self.pk).update(sent_in_clear_at=at))

    def pause(self, *, at: datetime) -> bool:
        """Let it open nothing until it is resumed; False if it was paused or is over."""
        return self._change(Q(paused_at=None), paused_at=at)

    def resume(self) -> bool:
        """Let a paused key open again."""
        return self._change(~Q(paused_at=None), paused_at=None)

    def revoke(self, *, at: datetime) -> bool:
        """End it for good; False if it was revoked before."""
        return self._change(Q(), revoked_at=at)

    def rotate(self, *, at: datetime, overlap: timedelta) -> str:
        """Give it a new secret and return it; the one before stays good for the overlap."""
        secret = tokens.mint(VirtualKey.PREFIX)
        self._change(
            Q(digest=self.digest),
            digest=tokens.digest(secret),
            hint=secret[-4:],
            old_digest=self.digest if overlap else None,
            old_until=at + overlap if overlap else None,
            rotated_at=at,
        )
        return secret

    def _change(self, condition: Q, **changes: object) -> bool:
        rows = VirtualKey.objects.filter(condition, pk=self.pk, revoked_at=None)
        changed = bool(rows.update(**changes))
        if changed:
            self.refresh_from_db(fields=list(changes))
        return changed
