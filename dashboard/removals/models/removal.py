"""Pictures through us: who, which account and key, what was asked, what happened, what it cost."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import datetime
from typing import Any, ClassVar, cast

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import Combinable

from dashboard.keys.models import Account, ApiKey, note_charged, note_degraded
from dashboard.rembg import filenames
from dashboard.rembg.errors import RembgError
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import Picture
from dashboard.rembg.pictures.inspection import FORMATS, Kind
from dashboard.removals.models.budget import Budget, Spending, hold
from dashboard.removals.models.queries import RemovalQuerySet
from dashboard.removals.models.states import FINAL, RUNNING, Charged, Phase, Source, State
from dashboard.teams.models import Team


class Removal(models.Model):
    """One picture through us."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="removals")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="removals"
    )
    # The name stays readable after the person is gone.
    member = models.CharField(max_length=254)
    # The account that was asked for; None lets the worker take the team's best.
    wanted_account = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="+")
    account = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="removals")
    api_key = models.ForeignKey(ApiKey, models.SET_NULL, null=True, related_name="+")
    source = models.CharField(max_length=8, choices=Source, default=Source.FORM)
    # A virtual key lives upstairs, so it is named, not pointed to; its label outlives it.
    virtual_key = models.UUIDField(null=True)
    virtual_key_label = models.CharField(max_length=80, blank=True)
    tag = models.CharField(max_length=40, blank=True)
    # What the caller was told to ask about (X-Request-Id).
    request_id = models.CharField(max_length=64, blank=True)
    # Sent by the form; the same picture posted twice by a double click is one removal (U39).
    nonce = models.CharField(max_length=64)
    # The failed or unknown removal of the same picture that a person ran again with this one.
    again_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="runs_again")

    filename = models.CharField(max_length=255)
    picture = models.CharField(max_length=120, blank=True)
    picture_type = models.CharField(max_length=20)
    picture_bytes = models.PositiveBigIntegerField()
    picture_sha256 = models.CharField(max_length=64, blank=True)
    # As stored; the sides that a person sees are turned by the orientation (EXIF, 1..8; U18).
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    orientation = models.PositiveSmallIntegerField(default=1)
    parameters = models.JSONField(default=dict)

    state = models.CharField(max_length=8, choices=State, default=State.QUEUED)
    charged = models.CharField(max_length=8, choices=Charged, default=Charged.NO)
    # One claim. Whoever writes about it names it, so that a worker without its lease is not heard.
    attempt = models.UUIDField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    lost_leases = models.PositiveSmallIntegerField(default=0)
    # Keys that refused this picture's request; another one may still do it.
    tried_keys = models.JSONField(default=list)
    queued_at = models.DateTimeField()
    not_before_at = models.DateTimeField()
    lease_expires_at = models.DateTimeField(null=True)
    sending_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    phase = models.CharField(max_length=12, choices=Phase, blank=True)
    up = models.JSONField(null=True)
    down = models.JSONField(null=True)

    result = models.CharField(max_length=120, blank=True)
    result_type = models.CharField(max_length=20, blank=True)
    result_bytes = models.PositiveBigIntegerField(null=True)
    result_width = models.PositiveIntegerField(null=True)
    result_height = models.PositiveIntegerField(null=True)
    # Whether there is anything to see through; None where it was not looked at.
    result_has_alpha = models.BooleanField(null=True)
    thumbnail = models.CharField(max_length=120, blank=True)
    degraded = models.BooleanField(default=False)
    notices = models.JSONField(default=list)

    error = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=300, blank=True)
    details = models.JSONField(default=list)
    status = models.PositiveSmallIntegerField(null=True)
    # How an answer that was not RemBG's began, for an admin (F10).
    body_head = models.CharField(max_length=300, blank=True)
    upstream_request_id = models.CharField(max_length=80, blank=True)

    keep_until = models.DateTimeField()
    files_deleted_at = models.DateTimeField(null=True)

    objects = RemovalQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "nonce"], name="removal_nonce_once_a_team"),
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="removal_state_is_known"
            ),
            models.CheckConstraint(
                # The caller of the gateway got it; there may be no copy of it here.
                condition=~Q(state=State.DONE) | ~Q(result="") | Q(source=Source.GATEWAY),
                name="removal_done_has_a_result",
            ),
            models.CheckConstraint(
                condition=~Q(state=State.DONE) | Q(charged=Charged.YES),
                name="removal_done_is_charged",
            ),
        ]
        indexes: ClassVar = [
            # The list of a team, newest first.
            models.Index(fields=["team", "-queued_at"], name="removal_team_newest"),
            # A worker asks for a team's next one, and whether it has one.
            models.Index(fields=["team", "state", "not_before_at"], name="removal_next_of_team"),
            # The sweeper asks for expired leases, and whether anything waits.
            models.Index(fields=["state", "not_before_at"], name="removal_next"),
            # Retention asks for those whose files are still kept.
            models.Index(
                fields=["keep_until"],
                condition=Q(files_deleted_at=None),
                name="removal_keeping",
            ),
            # A virtual key's page asks for its newest calls, a new cycle for what it has used.
            models.Index(
                fields=["virtual_key", "-queued_at"],
                condition=~Q(virtual_key=None),
                name="removal_of_virtual_key",
            ),
            # A statement adds up what an account paid for in a cycle.
            models.Index(
                fields=["account", "sending_at", "charged"],
                condition=~Q(charged=Charged.NO),
                name="removal_paid_by",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.filename} ({self.state})"

    @property
    def is_final(self) -> bool:
        """Say whether nothing more will happen by itself."""
        return self.state in FINAL

    @property
    def has_files(self) -> bool:
        """Say whether its pictures are still kept."""
        return self.files_deleted_at is None

    @property
    def was_kept(self) -> bool:
        """Say whether there ever was a picture of it here."""
        return bool(self.picture or self.result)

    @property
    def can_run_again(self) -> bool:
        """Say whether a person may send the same picture once more."""
        return self.state in (State.FAILED, State.UNKNOWN) and self.has_files and bool(self.picture)

    @property
    def shown_width(self) -> int:
        """Return the original's width in pixels, as a person sees it."""
        return self.height if self.orientation >= 5 else self.width

    @property
    def shown_height(self) -> int:
        """Return the original's height in pixels, as a person sees it."""
        return self.width if self.orientation >= 5 else self.height

    @property
    def shown_name(self) -> str:
        """Return the file's name, cut to what a page has room for (U24)."""
        return filenames.display(self.filename)

    @property
    def asked(self) -> Parameters:
        """Return what was asked of RemBG."""
        return Parameters(**self.parameters)

    @property
    def original(self) -> Picture:
        """Return what the picture that was sent is, whether it is still kept or not."""
        kind = cast(Kind, self.picture_type.removeprefix("image/"))
        return Picture(
            kind=kind,
            content_type=self.picture_type,
            extension=FORMATS[kind].EXTENSION,
            width=self.width,
            height=self.height,
            orientation=self.orientation,
            size=self.picture_bytes,
            has_alpha=None,
        )

    @property
    def download_name(self) -> str:
        """Return the original's name with the result's extension."""
        extension = {"jpeg": "jpg"}.get(self.asked.format, self.asked.format)
        return filenames.download_name(self.filename, extension=extension)

    def begin_sending(self, key: ApiKey, *, at: datetime, until: datetime) -> bool:
        """Write down that bytes are about to leave; False if the lease was lost before."""
        return self._move(
            (State.LEASED,),
            state=State.SENDING,
            charged=Charged.UNKNOWN,
            account=key.account,
            api_key=key,
            attempts=F("attempts") + 1,
            sending_at=at,
            lease_expires_at=until,
            phase=Phase.SENDING,
            up=None,
            down=None,
        )

    def note_progress(self, phase: str, *, until: datetime, **directions: Any) -> bool:
        """Write down how far the request is, and that its worker lives."""
        return self._move((State.SENDING,), phase=phase, lease_expires_at=until, **directions)

    def finished(self, *, at: datetime, **result: Any) -> dict[str, Any]:
        """Return what a result changes in the row."""
        over = {"finished_at": at, "lease_expires_at": None, "phase": ""}
        return {"state": State.DONE, "charged": Charged.YES, **over, **NO_ERROR, **result}

    def finish(self, *, at: datetime, **result: Any) -> bool:
        """Write down the result; a lease that was given up in the meantime does not matter."""
        with transaction.atomic():
            moved = self._move(PAID_FROM, **self.finished(at=at, **result))
            if moved:
                self._note_charged(at=at)
            if moved and self.degraded and self.account_id is not None:
                note_degraded(self.account_id, at=at)
        return moved

    def end(
        self,
        error: RembgError,
        *,
        at: datetime,
        states: tuple[str, ...] = (State.LEASED, State.SENDING, State.UNKNOWN),
    ) -> bool:
        """Write down that it came to nothing, or that nobody can tell (promises 3.1).

        What was reserved is given back where it certainly cost nothing, in the same transaction.
        """
        unknown = error.charged == "unknown"
        with transaction.atomic():
            hold(self.team_id)
            moved = self._move(
                states,
                state=State.UNKNOWN if unknown else State.FAILED,
                charged=error.charged,
                finished_at=at,
                lease_expires_at=None,
                phase="",
                **_error_fields(error),
            )
            if moved and error.charged == "no":
                self._give_back()
            elif moved and error.charged == "yes":
                self._note_charged(at=at)
        return moved

    def wait(
        self,
        error: RembgError,
        *,
        until: datetime,
        tried: ApiKey | None = None,
        counts: bool = True,
    ) -> bool:
        """Go back into the queue: nothing was charged, and later or another key may do.

        An attempt that asked nothing of RemBG does not count.
        """
        tried_keys = [*self.tried_keys, str(tried.pk)] if tried else self.tried_keys
        return self._move(
            RUNNING,
            state=State.QUEUED,
            charged=Charged.NO,
            not_before_at=until,
            lease_expires_at=None,
            phase="",
            tried_keys=tried_keys,
            **({} if counts else {"attempts": F("attempts") - 1}),
            **_error_fields(error),
        )

    @property
    def subjects(self) -> dict[str, str]:
        """Return by id who and what spends here, as budgets name them; "" where there is none."""
        key = str(self.virtual_key or "")
        return {"user": str(self.user_id or ""), "key": key, "tag": self.tag}

    def _note_charged(self, *, at: datetime) -> None:
        """Count it on its account; a removal becomes "charged" once, so it is counted once."""
        if self.account_id is not None:
            note_charged(self.account_id, at=at)

    def _give_back(self) -> None:
        """Take it out of every cycle that counts it."""
        budgets = Budget.objects.binding(self.team_id, **self.subjects)
        Spending.objects.filter(budget__in=budgets).covering(self.queued_at).give_back()

    def _move(self, states: tuple[str, ...], **changes: Any) -> bool:
        """Change the row if it is still in one of these states and this claim's."""
        rows = Removal.objects.filter(pk=self.pk, attempt=self.attempt, state__in=states)
        moved = bool(rows.update(**changes))
        if moved:
            self.take_over(changes)
        return moved

    def take_over(self, changes: dict[str, Any]) -> None:
        """Bring this object up to the row, asking for no more than the database has computed."""
        computed = [name for name, value in changes.items() if isinstance(value, Combinable)]
        for name in changes.keys() - set(computed):
            setattr(self, name, changes[name])
        if computed:
            self.refresh_from_db(fields=computed)


# States of a removal whose answer may come.
PAID_FROM = (State.SENDING, State.UNKNOWN)
NO_ERROR: dict[str, Any] = {
    "error": "",
    "message": "",
    "details": [],
    "status": None,
    "body_head": "",
}


def _error_fields(error: RembgError) -> dict[str, Any]:
    return {
        "error": error.code,
        "message": error.message[:300],
        "details": [asdict(problem) for problem in error.details],
        "status": error.status,
        "body_head": error.body_head[:300],
    }


class TurnQuerySet(models.QuerySet["Turn"]):
    """Named questions about turns."""

    def next_with_work(self, *, at: datetime) -> TurnQuerySet:
        """Teams that have something to do, the one that was served longest ago first."""
        work = Removal.objects.claimable(at=at).filter(team=OuterRef("team"))
        return self.filter(Exists(work)).order_by(F("served_at").asc(nulls_first=True), "pk")


class Turn(models.Model):
    """When a team's removals were last served, so that the teams take turns (R10)."""

    team = models.OneToOneField(Team, models.CASCADE, related_name="turn")
    served_at = models.DateTimeField(null=True)

    objects = TurnQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.team_id} at {self.served_at}"
