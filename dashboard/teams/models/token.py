"""Secrets that let programs read a team's figures."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from dashboard.lib import tokens
from dashboard.teams.models.people import Membership, Role

USE_NOTED_EVERY = timedelta(minutes=1)


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    """Named questions about access tokens."""

    def active(self, *, at: datetime) -> AccessTokenQuerySet:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)

    def seen_by(self, membership: Membership) -> AccessTokenQuerySet:
        """A person's own; for an admin those of the whole team."""
        if membership.may(Role.ADMIN):
            return self.filter(membership__team=membership.team_id)
        return self.filter(membership=membership)

    def newest_first(self) -> AccessTokenQuerySet:
        return self.select_related("membership__user").order_by("-created_at", "-pk")

    def issue(
        self, membership: Membership, *, label: str, at: datetime, days: int | None
    ) -> tuple[AccessToken, str]:
        """Return a new token and its secret; the secret is shown once, never stored."""
        secret = tokens.mint(AccessToken.PREFIX)
        token = self.create(
            membership=membership,
            label=label,
            digest=tokens.digest(secret),
            hint=secret[-4:],
            created_at=at,
            expires_at=at + timedelta(days=days) if days else None,
        )
        return token, secret

    def for_secret(self, secret: str, *, at: datetime) -> AccessToken | None:
        """Return the live token with this secret; what cannot be one costs no query (K9)."""
        if not tokens.looks_valid(secret, AccessToken.PREFIX):
            return None
        live = self.active(at=at).filter(membership__user__is_active=True)
        return (
            live.select_related("membership__team", "membership__user")
            .filter(digest=tokens.digest(secret))
            .first()
        )


class AccessToken(models.Model):
    """A secret with which a program reads a team's JSON API; only its digest is kept."""

    PREFIX = "rbt"

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="access_tokens")
    label = models.CharField(_("label"), max_length=80)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=4)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    objects = AccessTokenQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.label} (…{self.hint})"

    def revoke(self, *, at: datetime) -> bool:
        """End it; False if it was revoked before."""
        live = AccessToken.objects.filter(pk=self.pk, revoked_at=None)
        return bool(live.update(revoked_at=at))

    def note_used(self, *, at: datetime) -> None:
        """Remember the use, at most once a minute, so that reading stays cheap."""
        AccessToken.objects.filter(
            Q(used_at=None) | Q(used_at__lt=at - USE_NOTED_EVERY), pk=self.pk
        ).update(used_at=at)
