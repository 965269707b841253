"""People, teams, and what each person may do there."""

from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Q, Value, When
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Makes people; the e-mail address is the name."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person, signing in by e-mail."""

    email = models.EmailField(_("e-mail address"), unique=True)
    name = models.CharField(_("name"), max_length=80, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    joined_at = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique_whatever_case"),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Role(models.TextChoices):
    """What a person may do in a team; each role may do what the ones below it may."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Admin")
    MEMBER = "member", _("Member")
    VIEWER = "viewer", _("Viewer")

    @property
    def rank(self) -> int:
        """Return 3 for an owner down to 0 for a viewer."""
        return 3 - list(Role).index(self)


def check_time_zone(name: str) -> None:
    """Refuse a name that is no IANA time zone."""
    if name not in zoneinfo.available_timezones():
        raise ValidationError(_("%(name)s is not a time zone."), params={"name": name})


class TeamQuerySet(models.QuerySet["Team"]):
    """Named questions about teams."""

    def of(self, user: User) -> TeamQuerySet:
        return self.filter(memberships__user=user)


class Team(models.Model):
    """Those who share RemBG accounts."""

    name = models.CharField(_("name"), max_length=80)
    slug = models.SlugField(unique=True, max_length=60)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[check_time_zone]
    )
    retention_days = models.PositiveIntegerField(
        _("days that pictures are kept"),
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
    )
    # A program keeps its own results; what came through the API is kept only if the team wants it.
    keeps_api_pictures = models.BooleanField(_("keep pictures of API calls"), default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = TeamQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """Return the zone that the team's dates are shown in."""
        return zoneinfo.ZoneInfo(self.time_zone)


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Named questions about memberships."""

    def of(self, user: User) -> MembershipQuerySet:
        """Those of one person, with their teams, the oldest first."""
        return self.filter(user=user).select_related("team").order_by("joined_at", "pk")

    def by_rank(self) -> MembershipQuerySet:
        """Owners first; within a role, who joined first."""
        rank = Case(*(When(role=role, then=Value(-role.rank)) for role in Role))
        return self.select_related("user").order_by(rank, "joined_at", "pk")

    def owners(self) -> MembershipQuerySet:
        return self.filter(role=Role.OWNER)


class Membership(models.Model):
    """A person in a team, with a role."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=8, choices=Role, default=Role.MEMBER)
    joined_at = models.DateTimeField(default=timezone.now)

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "user"], name="membership_once_a_team"),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="membership_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"

    def may(self, role: str) -> bool:
        """Say whether this person's role reaches at least the given one."""
        return Role(self.role).rank >= Role(role).rank

    @classmethod
    def all_of(cls, user: User) -> list[Membership]:
        """Return a person's, with their teams, the oldest first; each page asks (1 query)."""
        found = list(cls.objects.of(user))
        for membership in found:
            membership.user = user
        return found
