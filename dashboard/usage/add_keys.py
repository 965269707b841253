"""Adding a key: ask RemBG first, then keep the key with all that can be read of its account.

Nothing is asked inside a transaction, and nothing is saved before RemBG has answered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction

from dashboard.keys import limits
from dashboard.keys.models import Account, ApiKey
from dashboard.lib.redaction import remember
from dashboard.rembg import errors
from dashboard.rembg.client import Client
from dashboard.rembg.errors import RembgError
from dashboard.rembg.usage import CyclesAnswer, Month, UsageAnswer
from dashboard.teams import audit
from dashboard.teams.models import Team, User
from dashboard.usage.duplicates import likeness_to, look_for_twin
from dashboard.usage.likeness import CurrentReading, Face, Likeness
from dashboard.usage.models import Snapshot
from dashboard.usage.polling import record, schedule, snapshots
from dashboard.usage.polling.ask import fetch
from dashboard.usage.polling.record import Answer, keep
from dashboard.usage.polling.snapshots import CURRENT, CYCLES, Asked, Mode, Question
from dashboard.usage.since import charged_so_far
from dashboard.usage.windows import months_before

# A person is waiting: the months that take longer than this are left to the poller.
PATIENCE = timedelta(seconds=8)


class NotAdded(Exception):
    """A key was not kept.

    NotAdded
    ├── AlreadyAdded  the team has this very key
    ├── KeyRefused    RemBG refused it, or could not be asked; a person may keep it all the same
    ├── OtherAccount  its answers are not those of the account it was to be filed under
    ├── NotSure       there is nothing to compare its answers with; a person has to say so
    └── Overtaken     somebody replaced or archived the key, or archived the account, meanwhile
    """


class AlreadyAdded(NotAdded):
    """The team has this very key; `key` is its row (K3)."""

    def __init__(self, key: ApiKey) -> None:
        self.key = key
        super().__init__(key.label)


class KeyRefused(NotAdded):
    """RemBG refused the key or could not be asked; `error` says which."""

    def __init__(self, error: RembgError) -> None:
        self.error = error
        super().__init__(error.message)


class OtherAccount(NotAdded):
    """The key's answers are not those of the account."""


class NotSure(NotAdded):
    """The key's answers can be neither matched nor told apart from the account's."""


class Overtaken(NotAdded):
    """Somebody replaced or archived the key, or archived its account, while RemBG was asked."""


@dataclass(frozen=True)
class AddedBy:
    """Who adds a key, when and from where, for the audit trail."""

    by: User
    at: datetime
    address: str | None


@dataclass(frozen=True)
class Answers:
    """What RemBG said about a secret, with the moment each question was put."""

    at: datetime
    current: UsageAnswer
    cycles: CyclesAnswer
    asked_at: dict[str, datetime] = field(default_factory=dict)
    removed_credits: int = 0

    @property
    def reading(self) -> CurrentReading:
        """Return what the answers say of the running cycle, as told."""
        facts = snapshots.usage_facts(self.current, expand=True)
        return CurrentReading.of(Snapshot(asked_at=self.asked_at[Mode.CURRENT], **facts))

    @property
    def face(self) -> Face:
        """Return what the answers tell of the account."""
        listing = Snapshot(asked_at=self.asked_at[Mode.CYCLES])
        windows = record.listed_windows(self.cycles, listing)
        return Face(tuple(windows), (self.reading,))


@dataclass(frozen=True)
class Added:
    """What became of adding a key; counts are of rows that were read."""

    key: ApiKey
    account: Account
    cycles: int = 0
    months: int = 0
    twin_of: Account | None = None
    refusal: RembgError | None = None


def ask(secret: str, account: Account | None = None, *, at: datetime) -> Answers:
    """Ask RemBG about a secret that is not kept yet (2 requests); raise KeyRefused.

    It is to be filed under the account; a new one has had no removals.
    """
    remember(secret)
    clock = _clock(at)
    removed_credits = charged_so_far(account.pk) if account else 0
    asked_at: dict[str, datetime] = {}
    try:
        client = Client(secret, api_url=settings.REMBG_API_URL, site_url=settings.REMBG_SITE_URL)
        asked_at[Mode.CURRENT] = clock()
        current = client.usage(expand=True)
        asked_at[Mode.CYCLES] = clock()
        cycles = client.cycles()
    except RembgError as error:
        raise KeyRefused(error) from None
    if not current.is_usable or not cycles.is_usable:
        raise KeyRefused(errors.WrongAnswer(status=current.status))
    return Answers(clock(), current, cycles, asked_at, removed_credits)


def add_key(
    team: Team,
    *,
    label: str,
    secret: str,
    account: Account | None = None,
    account_label: str = "",
    by: User,
    at: datetime,
    address: str | None = None,
    anyway: bool = False,
) -> Added:
    """Keep a key with its account's cycles and months; raise NotAdded or SealError.

    Without an account, one is made. With `anyway`, a key that RemBG refuses is kept as refused.
    """
    place = AddedBy(by, at, address)
    _refuse_double(team, secret)
    try:
        answers = ask(secret, account, at=at)
    except KeyRefused as refused:
        if not anyway or isinstance(refused.error, errors.MalformedKey):
            raise
        return _keep_refused(team, label, secret, account, account_label, place, refused.error)
    if account is not None and likeness_to(account, answers.face) is Likeness.DIFFERENT:
        raise OtherAccount
    with _only_once(team, secret):
        made = _account_for(team, account, account_label or label, at=at)
        key = _seal(made, label, secret, place=place)
        _keep_answers(made, key, answers)
    months = read_months(made, key, at=answers.at)
    twin_of = None if account else look_for_twin(made, answers.reading)
    return Added(key, made, len(answers.cycles.windows), months, twin_of)


def replace_key(
    key: ApiKey,
    *,
    secret: str,
    by: User,
    at: datetime,
    address: str | None = None,
    confirmed: bool = False,
) -> Added:
    """Put a new secret into a key's row; raise NotAdded or SealError.

    It must answer for the same account; where that cannot be seen, a person confirms it.
    """
    answers = ask(secret, key.account, at=at)
    likeness = likeness_to(key.account, answers.face)
    if likeness is not Likeness.SAME and not confirmed:
        raise OtherAccount if likeness is Likeness.DIFFERENT else NotSure
    with _only_once(key.team, secret, besides=key):
        if not key.replace(secret, at=at):
            raise Overtaken
        key.note_accepted(at=at)
        _keep_answers(key.account, key, answers)
        audit.record(
            key.team,
            "key.replaced",
            at=at,
            user=by,
            subject=str(key),
            address=address,
            likeness=likeness.value,
        )
    return Added(key, key.account, len(answers.cycles.windows))


def read_months(account: Account, key: ApiKey, *, at: datetime) -> int:
    """Read the last 12 calendar months, newest first; return how many came.

    A failure ends it, and so does a reader's patience: the poller reads the rest.
    """
    client, clock, read = key.client(), _clock(at), 0
    for start in reversed(months_before(at, schedule.MONTHS)):
        if clock() - at > PATIENCE:
            break
        question = Question(Mode.MONTH, Month(start.year, start.month))
        asked = Asked(account, key, question, clock())
        try:
            answer = fetch(client, question)
        except RembgError as error:
            snapshots.write_error(replace(asked, answered_at=clock()), error)
            break
        read += keep(replace(asked, answered_at=clock()), answer).is_good
    return read


def _refuse_double(team: Team, secret: str, *, besides: ApiKey | None = None) -> None:
    """Raise AlreadyAdded if the team has this secret in another row (1 query)."""
    same = ApiKey.objects.with_secret(team, secret).first()
    if same is not None and same != besides:
        raise AlreadyAdded(same)


@contextmanager
def _only_once(team: Team, secret: str, *, besides: ApiKey | None = None) -> Iterator[None]:
    """Give a transaction in which the team gets this secret; raise AlreadyAdded (K3)."""
    try:
        with transaction.atomic():
            _refuse_double(team, secret, besides=besides)
            yield
    except IntegrityError:
        _refuse_double(team, secret, besides=besides)  # Somebody was faster by a moment.
        raise


def _keep_answers(account: Account, key: ApiKey, answers: Answers) -> None:
    at = answers.at
    found: tuple[tuple[Question, Answer], ...] = (
        (CURRENT, answers.current),
        (CYCLES, answers.cycles),
    )
    asked = Asked(account, key, CURRENT, at, at, answers.removed_credits)
    newest = [
        keep(replace(asked, question=question, at=answers.asked_at[question.mode]), answer)
        for question, answer in found
    ][0]
    schedule.settle(account, newest, at=at, not_before=at)
    schedule.settle_cycles(account, at=at, renewal=newest.period_end_at)


def _keep_refused(
    team: Team,
    label: str,
    secret: str,
    account: Account | None,
    account_label: str,
    place: AddedBy,
    error: RembgError,
) -> Added:
    with _only_once(team, secret):
        made = _account_for(team, account, account_label or label, at=place.at)
        key = _seal(made, label, secret, place=place)
        key.tested_at = key.accepted_at = None
        key.save(update_fields=["tested_at", "accepted_at"])
        if isinstance(error, errors.AccountRefused):
            key.note_refused(error, at=place.at)
        elif isinstance(error, errors.Limited):
            limits.note_limited(key, error, at=place.at)
        snapshots.write_error(Asked(made, key, CURRENT, place.at, place.at), error)
    return Added(key, made, refusal=error)


def _account_for(team: Team, account: Account | None, label: str, *, at: datetime) -> Account:
    """Return the account, locked until the key is in it, or a new one; raise Overtaken."""
    if account is None:
        return Account.objects.create(
            team=team, label=label, created_at=at, next_poll_at=at, cycles_due_at=at
        )
    try:
        return Account.objects.active().select_for_update().get(pk=account.pk)
    except Account.DoesNotExist:
        raise Overtaken from None


def _seal(account: Account, label: str, secret: str, *, place: AddedBy) -> ApiKey:
    key = ApiKey(
        team=account.team,
        account=account,
        label=label,
        added_by=place.by,
        added_at=place.at,
        tested_at=place.at,
        accepted_at=place.at,
    )
    key.seal(secret)
    key.save()
    audit.record(
        account.team,
        "key.added",
        at=place.at,
        user=place.by,
        subject=str(key),
        address=place.address,
        account=account.label,
    )
    return key


def _clock(at: datetime) -> Callable[[], datetime]:
    """Return a clock that starts at this moment: time comes in through the door."""
    began = time.monotonic()
    return lambda: at + timedelta(seconds=time.monotonic() - began)
