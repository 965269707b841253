"""RemBG accounts, and the keys to them."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Least
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from dashboard.keys.breakers import SITE
from dashboard.keys.breakers import OpenBreaker as OpenBreaker
from dashboard.keys.encryption import KeyCheck as KeyCheck
from dashboard.keys.encryption import ring
from dashboard.keys.pricing import CreditPrice as CreditPrice
from dashboard.lib.redaction import remember
from dashboard.lib.sealing import Sealed, SealError
from dashboard.rembg.client import Client
from dashboard.rembg.errors import RembgError
from dashboard.rembg.wire import Timeouts
from dashboard.teams.models import Team

# The worker looks each minute, so that a reading follows a removal within two (D21).
READ_SOON = timedelta(seconds=45)


class AccountQuerySet(models.QuerySet["Account"]):
    """Named questions about accounts."""

    def active(self) -> AccountQuerySet:
        return self.filter(archived_at=None)

    def counted(self) -> AccountQuerySet:
        """Leave out those whose answers match another account until a person has decided (D14)."""
        return self.active().filter(same_as=None)


class Account(models.Model):
    """A RemBG account: plan, credits and cycles belong to it; it has one or more keys."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="accounts")
    label = models.CharField(_("label"), max_length=80)
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True)
    # An account whose answers match another's is not added to totals before a person decides.
    same_as = models.ForeignKey("self", models.SET_NULL, null=True, related_name="twins")
    known_apart_at = models.DateTimeField(null=True)
    # A poll is claimed by one conditional UPDATE of next_poll_at: two workers never both poll.
    next_poll_at = models.DateTimeField(default=timezone.now)
    cycles_due_at = models.DateTimeField(default=timezone.now)
    failed_polls = models.PositiveIntegerField(default=0)
    # When RemBG last said anything about it, and since when it says nothing although it was asked:
    # all accounts together tell an outage from one account's trouble (promises R2).
    answered_at = models.DateTimeField(null=True)
    silent_since = models.DateTimeField(null=True)
    # Credits, as of the last good reading; the poller writes it, a removal picks an account by it.
    spendable_credits = models.BigIntegerField(null=True)
    # The running billing cycle `[start, end)` as last read; budgets count in it.
    cycle_start_at = models.DateTimeField(null=True)
    cycle_end_at = models.DateTimeField(null=True)
    # Credits charged for removals through us, ever. A reading keeps what it was when it asked.
    removed_credits = models.BigIntegerField(default=0, db_default=0)
    # When it last answered with the small picture of an account that has run out (contract 1);
    # None again once a later reading shows credits, or a person says so.
    degraded_at = models.DateTimeField(null=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "label"],
                condition=Q(archived_at=None),
                name="account_label_unique_in_team",
            ),
        ]
        # The scheduler asks every half minute which accounts are due.
        indexes: ClassVar = [models.Index(fields=["next_poll_at"], name="account_due")]

    def __str__(self) -> str:
        return self.label

    def rename(self, label: str) -> None:
        """Give it another label; the database refuses one that the team has."""
        self.label = label
        with transaction.atomic():
            self.save(update_fields=["label"])

    def archive(self, *, at: datetime) -> bool:
        """Read it no more and forget its keys; False if it was before. Its history stays."""
        with transaction.atomic():
            archived = Account.objects.active().filter(pk=self.pk).update(archived_at=at)
            for key in self.api_keys.active():
                key.archive(at=at)
        return bool(archived)

    def note_standing(
        self,
        *,
        spendable: int | None,
        cycle_start_at: datetime | None,
        cycle_end_at: datetime | None,
        asked_at: datetime,
    ) -> None:
        """Remember what the newest good reading says, in credits; an unknown cycle changes none."""
        if self.degraded_at and spendable:
            self.note_well(before=asked_at)
        cycle = {"cycle_start_at": cycle_start_at, "cycle_end_at": cycle_end_at}
        known = cycle if all(cycle.values()) else {}
        Account.objects.filter(pk=self.pk).update(spendable_credits=spendable, **known)

    def note_well(self, *, before: datetime) -> bool:
        """Take it again for removals by itself, if it was last degraded before this moment."""
        degraded = Account.objects.filter(pk=self.pk, degraded_at__lt=before)
        return bool(degraded.update(degraded_at=None))


def note_degraded(account: uuid.UUID, *, at: datetime) -> None:
    """Note that it answered a removal as an account without credits does."""
    Account.objects.filter(pk=account).update(degraded_at=at)


def note_charged(account: uuid.UUID, *, at: datetime) -> None:
    """Count one more credit charged through us, and let the account be read soon (D21).

    One whose last reading failed keeps its pace. Call it in the transaction that says "charged".
    """
    soon = at + READ_SOON
    sooner = When(failed_polls=0, then=Least(F("next_poll_at"), Value(soon)))
    Account.objects.filter(pk=account).update(
        removed_credits=F("removed_credits") + 1,
        next_poll_at=Case(sooner, default=F("next_poll_at")),
    )


# One refusal may be an upset of RemBG's; after the second nothing is sent with the key (F15).
REFUSALS_UNTIL_PAUSE = 2


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Named questions about keys."""

    def active(self) -> ApiKeyQuerySet:
        return self.filter(archived_at=None)

    def sealed(self) -> ApiKeyQuerySet:
        """Those whose secret is still kept: all but the archived."""
        return self.exclude(kid="")

    def without_fingerprint(self) -> ApiKeyQuerySet:
        """Those that were sealed before there were fingerprints, and are not archived."""
        return self.sealed().filter(fingerprint="")

    def with_secret(self, team: Team, secret: str) -> ApiKeyQuerySet:
        """The one of the team with this secret; what other teams have is nobody's business (K3)."""
        prints = ring().fingerprints(secret, place=_fingerprint_place(team.pk))
        return self.active().filter(team=team, fingerprint__in=prints.values())

    def by_account(self) -> ApiKeyQuerySet:
        return self.select_related("account").order_by("account__label", "label", "pk")

    def paused(self) -> ApiKeyQuerySet:
        """Those that rest until a person acts: RemBG refused them twice."""
        return self.active().exclude(paused_at=None)

    def usable(self, *, at: datetime) -> ApiKeyQuerySet:
        """Those not archived, not paused after a refusal and not resting after a 429."""
        return (
            self.active()
            .filter(paused_at=None)
            .filter(Q(resting_until=None) | Q(resting_until__lte=at))
        )


class ApiKey(models.Model):
    """A RemBG key of an account, sealed; people see its label and its last four characters."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="api_keys")
    account = models.ForeignKey(Account, models.CASCADE, related_name="api_keys")
    label = models.CharField(_("label"), max_length=80)
    hint = models.CharField(max_length=4)
    kid = models.CharField(max_length=16, blank=True)
    blob = models.BinaryField()
    # By which the team's key with the same secret is found: sealed twice, it has two ciphertexts.
    fingerprint = models.CharField(max_length=64, blank=True, default="", db_default="")
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)
    replaced_at = models.DateTimeField(null=True)
    archived_at = models.DateTimeField(null=True)
    tested_at = models.DateTimeField(null=True)
    accepted_at = models.DateTimeField(null=True)
    refusals = models.PositiveIntegerField(default=0)
    refusal = models.CharField(max_length=40, blank=True)
    paused_at = models.DateTimeField(null=True)
    resting_until = models.DateTimeField(null=True)
    rest_reason = models.CharField(max_length=40, blank=True)
    # Since when the ciphertext does not open although the encryption keys fit (K18).
    unreadable_at = models.DateTimeField(null=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["team", "label"],
                condition=Q(archived_at=None),
                name="apikey_label_unique_in_team",
            ),
            models.UniqueConstraint(
                fields=["team", "fingerprint"],
                condition=~Q(fingerprint=""),
                name="apikey_secret_unique_in_team",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label} (…{self.hint})"

    @property
    def place(self) -> str:
        """Return what the ciphertext is bound to; copied elsewhere it does not open (A2)."""
        return f"{self.team_id}|{self.pk}|apikey"

    def seal(self, secret: str) -> None:
        """Put a secret in, sealed with the newest encryption key; raise SealError."""
        KeyCheck.objects.ensure(ring())
        sealed = ring().seal(secret, place=self.place)
        self.kid, self.blob, self.hint = sealed.kid, sealed.blob, secret[-4:]
        self.fingerprint = self._fingerprint_of(secret)

    def open(self) -> str:
        """Return the secret; raise SealError. Only clients and `reencrypt` need it."""
        secret = ring().open(Sealed(self.kid, bytes(self.blob)), place=self.place)
        remember(secret)
        return secret

    def _fingerprint_of(self, secret: str) -> str:
        place = _fingerprint_place(self.team_id)
        return ring().fingerprints(secret, place=place)[self.kid]

    def note_fingerprint(self) -> bool:
        """Note the fingerprint; False for a key that does not open, or that the team has twice."""
        try:
            self.fingerprint = self._fingerprint_of(self.open())
            with transaction.atomic():
                return self._note(fingerprint=self.fingerprint)
        except (SealError, IntegrityError):
            return False

    def client(self) -> Client:
        """Return a client that speaks to RemBG with this key; raise SealError."""
        seconds = settings.REMBG_DEADLINE_SECONDS
        return Client(
            self.open(),
            api_url=settings.REMBG_API_URL,
            site_url=settings.REMBG_SITE_URL,
            timeouts=Timeouts(answer=seconds, total=seconds),
            breakers=SITE,
            owner=(str(self.team_id), str(self.account_id)),
        )

    def note_accepted(self, *, at: datetime) -> bool:
        """RemBG took the key: forget refusals and end a pause; False if it was replaced since."""
        forgotten = {"refusals": 0, "refusal": "", "paused_at": None, "unreadable_at": None}
        return self._note(tested_at=at, accepted_at=at, **forgotten)

    def note_refused(self, error: RembgError, *, at: datetime) -> bool:
        """RemBG refused the key (401, 403): after two in a row it is paused (F15, F16).

        Return whether this refusal paused it, so that admins are told once.
        """
        paused = Case(
            When(paused_at=None, refusals__gte=REFUSALS_UNTIL_PAUSE - 1, then=Value(at)),
            default=F("paused_at"),
        )
        noted = self._note(
            tested_at=at, refusals=F("refusals") + 1, refusal=error.code, paused_at=paused
        )
        return noted and self.paused_at == at

    def rest(self, *, until: datetime, reason: str) -> bool:
        """Send nothing with the key before this moment (429); a longer rest is not cut short."""
        longer = Q(resting_until=None) | Q(resting_until__lt=until)
        return self._note(longer, resting_until=until, rest_reason=reason)

    def wake(self) -> bool:
        """End a rest early: a person asked, or credits were bought (F19)."""
        return self._note(resting_until=None, rest_reason="")

    def note_unreadable(self, *, at: datetime) -> bool:
        """The ciphertext does not open; True the first time, so that it is audited once (K18)."""
        return self._note(Q(unreadable_at=None), unreadable_at=at)

    def replace(self, secret: str, *, at: datetime) -> bool:
        """Put another secret in, as new; raise SealError.

        False if somebody else replaced or archived it meanwhile.
        """
        self.seal(secret)
        return self._note(
            Q(archived_at=None),
            kid=self.kid,
            blob=self.blob,
            hint=self.hint,
            fingerprint=self.fingerprint,
            replaced_at=at,
            tested_at=None,
            accepted_at=None,
            refusals=0,
            refusal="",
            paused_at=None,
            resting_until=None,
            rest_reason="",
            unreadable_at=None,
        )

    def rename(self, label: str) -> None:
        """Give it another label; the database refuses one that the team has."""
        self.label = label
        self.save(update_fields=["label"])

    def archive(self, *, at: datetime) -> bool:
        """Use it no more and forget its secret; False if it was before. Its history stays."""
        # Whatever secret is in it by now: none is kept.
        row = ApiKey.objects.filter(pk=self.pk, archived_at=None)
        if not row.update(archived_at=at, kid="", blob=b"", fingerprint=""):
            return False
        self.archived_at, self.kid, self.blob, self.fingerprint = at, "", b"", ""
        return True

    def reseal(self) -> bool:
        """Seal it with the newest encryption key; False if it changed since. Raise SealError."""
        before = ApiKey.objects.filter(pk=self.pk, kid=self.kid, blob=bytes(self.blob))
        self.seal(self.open())
        sealed = {"kid": self.kid, "blob": self.blob}
        try:
            with transaction.atomic():
                return bool(before.update(**sealed, fingerprint=self.fingerprint))
        except IntegrityError:  # The team has this secret in another row, too.
            return bool(before.update(**sealed, fingerprint=""))

    def _note(self, *conditions: Q, **changes: object) -> bool:
        """Change the row, unless the secret in it is no longer the one that this was learnt of."""
        same_secret = ApiKey.objects.filter(*conditions, pk=self.pk, replaced_at=self.replaced_at)
        noted = bool(same_secret.update(**changes))
        if noted and any(hasattr(value, "resolve_expression") for value in changes.values()):
            self.refresh_from_db(fields=list(changes))
        elif noted:
            for name, value in changes.items():
                setattr(self, name, value)
        return noted


def _fingerprint_place(team: int) -> str:
    return f"{team}|apikey"
