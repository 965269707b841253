"""Links that show figures to people who do not sign in, and the workers that are running."""

from __future__ import annotations

import os
import platform
import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.lib import tokens
from dashboard.teams.models import Team, User

USE_NOTED_EVERY = timedelta(minutes=1)
SILENT_AFTER = timedelta(seconds=90)
# One that ended without a word is named for a day; then nobody asks any more.
FORGOTTEN_AFTER = timedelta(days=1)
OF_AN_ACCOUNT = ("this_cycle", "days", "compared", "cycles", "months")


class ShareQuerySet(models.QuerySet["Share"]):
    """Named questions about shares."""

    def live(self, *, at: datetime) -> ShareQuerySet:
        return self.filter(revoked_at=None, expires_at__gt=at)

    def newest_first(self) -> ShareQuerySet:
        return self.select_related("account").order_by("-created_at", "-pk")

    def for_secret(self, secret: str, *, at: datetime) -> Share | None:
        """Return the live share with this secret; what cannot be one costs no query (K9)."""
        if not tokens.looks_valid(secret, Share.PREFIX):
            return None
        live = self.live(at=at).select_related("team", "account__same_as")
        return live.filter(digest=tokens.digest(secret)).first()


class Share(models.Model):
    """A read-only link to a chart, the overview or a badge; only its secret's digest is kept."""

    PREFIX = "rbs"

    class Shows(models.TextChoices):
        """What the link opens, and nothing else."""

        OVERVIEW = "overview", _("Overview")
        THIS_CYCLE = "this_cycle", _("This cycle")
        DAYS = "days", _("Use by the day, 30 days")
        COMPARED = "compared", _("Compared with the last cycles")
        CYCLES = "cycles", _("Every cycle")
        MONTHS = "months", _("Calendar months")
        BADGE = "badge", _("Badge")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="shares")
    shows = models.CharField(max_length=12, choices=Shows)
    # Whose chart or badge; None is the whole team's.
    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="+")
    label = models.CharField(_("label"), max_length=80, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=4)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    used_at = models.DateTimeField(null=True)

    objects = ShareQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(shows__in=("overview", *OF_AN_ACCOUNT, "badge")),
                name="share_shows_is_known",
            ),
            models.CheckConstraint(
                condition=Q(shows="badge")
                | Q(shows="overview", account=None)
                | Q(shows__in=OF_AN_ACCOUNT, account__isnull=False),
                name="share_of_a_chart_has_an_account",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what} (…{self.hint})"

    @property
    def what(self) -> str:
        """Return what it shows, in words."""
        shown = str(self.get_shows_display())
        return f"{self.account}, {shown.lower()}" if self.account else shown

    def revoke(self, *, at: datetime) -> bool:
        """End it; False if it was revoked before."""
        return bool(Share.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=at))

    def note_used(self, *, at: datetime) -> None:
        """Remember the use, at most once a minute, so that looking stays cheap."""
        if self.used_at is None or self.used_at < at - USE_NOTED_EVERY:
            Share.objects.filter(pk=self.pk).update(used_at=at)


def issue(
    team: Team,
    *,
    shows: str,
    account: Account | None,
    label: str,
    days: int,
    by: User,
    at: datetime,
) -> tuple[Share, str]:
    """Return a new share and its secret; the secret is shown once, never stored."""
    secret = tokens.mint(Share.PREFIX)
    share = Share.objects.create(
        team=team,
        shows=shows,
        account=account,
        label=label,
        digest=tokens.digest(secret),
        hint=secret[-4:],
        created_by=by,
        created_at=at,
        expires_at=at + timedelta(days=days),
    )
    return share, secret


class WorkerQuerySet(models.QuerySet["Worker"]):
    """Named questions about workers."""

    def alive(self, *, at: datetime) -> WorkerQuerySet:
        return self.filter(heard_at__gt=at - SILENT_AFTER)

    def silent(self, *, at: datetime) -> WorkerQuerySet:
        """Return those that ended without a word, or hang; the one silent for longest first."""
        recent = self.filter(heard_at__gt=at - FORGOTTEN_AFTER)
        return recent.filter(heard_at__lte=at - SILENT_AFTER).order_by("heard_at", "pk")


class Worker(models.Model):
    """A process that works the queue and the schedule; one that stops takes its row along."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=64)
    pid = models.PositiveBigIntegerField()
    heard_at = models.DateTimeField()

    objects = WorkerQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}"

    @classmethod
    def here(cls, *, at: datetime) -> Worker:
        """Return this process as a worker, not written down yet."""
        host = platform.node().partition(".")[0] or "localhost"
        return cls(host=host[:64], pid=os.getpid(), heard_at=at)

    def beat(self, *, at: datetime) -> None:
        """Write down that it lives; with its first beat it takes the place of one that died."""
        self.heard_at = at
        if Worker.objects.filter(pk=self.pk).update(heard_at=at):
            return
        Worker.objects.filter(heard_at__lte=at - FORGOTTEN_AFTER).delete()
        here = Worker.objects.filter(host=self.host).order_by("-heard_at")
        dead = next((other for other in here if not _is_running(other.pid)), None)
        if dead is not None:
            dead.delete()
        self.save(force_insert=True)


def _is_running(pid: int) -> bool:
    """Say whether this machine has a process with this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # Somebody else's.
    return True
