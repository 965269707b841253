"""Ask RemBG about an account, and write down what it answers.

What to ask with which key, step by step: the steps yield calls and take their outcomes, so that
somebody else decides when and where a call is made. A person's request makes it at once, a round
makes many at a time (`rounds`).
"""

from __future__ import annotations

import time
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from dashboard.keys import limits, locks
from dashboard.keys.models import Account, ApiKeyQuerySet
from dashboard.lib.sealing import SealError
from dashboard.rembg import errors
from dashboard.rembg.client import Client
from dashboard.rembg.errors import RembgError
from dashboard.rembg.usage import Month
from dashboard.usage.duplicates import look_for_twin
from dashboard.usage.likeness import CurrentReading
from dashboard.usage.models import Snapshot
from dashboard.usage.outlook import look_ahead
from dashboard.usage.polling import schedule, snapshots
from dashboard.usage.polling.record import Answer, keep
from dashboard.usage.polling.schedule import KEY_LOCKED, MOST_REQUESTS, NO_KEY
from dashboard.usage.polling.snapshots import CURRENT, CYCLES, Asked, Mode, Question
from dashboard.usage.since import charged_so_far

# The answer was about the key, so that another key of the account may do.
TRY_ANOTHER_KEY = frozenset(
    {
        errors.BadKey.code,
        errors.Unverified.code,
        errors.Forbidden.code,
        errors.AccountRefused.code,
        errors.TwoCredentials.code,
        errors.RateShort.code,
        errors.RateUnknown.code,
    }
)


def awake(account: Account, *, at: datetime) -> ApiKeyQuerySet:
    """Return an account's keys that may be asked with now, the one to begin with first."""
    keys = schedule.awake(at=at).filter(account=account)
    return keys.order_by("refusals", "added_at", "pk")


@dataclass(frozen=True)
class Call:
    """A question to be put to RemBG; whoever makes the call hands its outcome back."""

    client: Client
    question: Question

    def make(self) -> Outcome:
        """Ask, and return the answer or how it failed; never called inside a transaction."""
        try:
            return fetch(self.client, self.question)
        except RembgError as error:
            return error


Outcome = Answer | RembgError
Steps = Generator[Call, Outcome, Snapshot]


def fetch(client: Client, question: Question) -> Answer:
    """Ask one question; raise a RembgError. Never called inside a transaction."""
    if question.mode == Mode.CYCLES:
        return client.cycles()
    return client.usage(question.window, expand=question.expand)


@dataclass
class PollTurn:
    """One account's turn: its keys in order, and the requests that are left of the two."""

    account: Account
    at: datetime
    requests_left: int = MOST_REQUESTS
    not_before: datetime = field(init=False)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.not_before = self.at
        self._asked_once = False

    def steps(self) -> Steps:
        """Read the running cycle, and one more thing that is due; return the first reading."""
        account, at = self.account, self.at
        snapshot = yield from self.read(CURRENT)
        if snapshot.is_good:
            yield from self._read_more(renewal=snapshot.period_end_at)
            look_for_twin(account, CurrentReading.of(snapshot))
        if not snapshot.is_good or self.not_before > at:
            self._settle(snapshot)
        return snapshot

    def _settle(self, snapshot: Snapshot) -> None:
        schedule.settle(self.account, snapshot, at=self.at, not_before=self.not_before)

    def read(self, question: Question) -> Steps:
        """Ask with one key after the other until one answers; return the last row written."""
        asked = Asked(self.account, None, question, self._now())
        newest: Snapshot | None = None
        for key in awake(self.account, at=self.at):
            if self.requests_left == 0:
                break
            asked = Asked(self.account, key, question, self._now())
            try:
                client = key.client()
            except SealError:
                if not locks.locked():
                    locks.alarm(key, at=self.at)
                continue
            self.requests_left -= 1
            self._asked_once = True
            asked = replace(asked, removed_credits=charged_so_far(self.account.pk))
            outcome = yield Call(client, question)
            newest = self._keep(replace(asked, answered_at=self._now()), outcome)
            if newest.error not in TRY_ANOTHER_KEY:
                break
        return newest or self._unasked(asked)

    def _read_more(self, *, renewal: datetime | None) -> Generator[Call, Outcome, None]:
        if self.requests_left == 0:
            return
        if self.account.cycles_due_at <= self.at:
            if (yield from self.read(CYCLES)).is_good:
                schedule.settle_cycles(self.account, at=self.at, renewal=renewal)
        elif month := schedule.month_due(self.account, at=self.at):
            yield from self.read(Question(Mode.MONTH, month))
        elif start := schedule.window_due(self.account, at=self.at):
            yield from self.read(Question(Mode.WINDOW, start))

    def _now(self) -> datetime:
        if not self._asked_once:
            return self.at
        return self.at + timedelta(seconds=time.monotonic() - self.began)

    def _keep(self, asked: Asked, outcome: Outcome) -> Snapshot:
        if isinstance(outcome, RembgError):
            self._note(asked, outcome)
            return snapshots.write_error(asked, outcome)
        with transaction.atomic():
            # An answer that is not RemBG's, a portal's page say, tells nothing about the key.
            if asked.api_key is not None and outcome.is_usable:
                asked.api_key.note_accepted(at=asked.at)
            snapshot = keep(asked, outcome)
            if snapshot.is_good and asked.question == CURRENT:
                self._settle(snapshot)
        return snapshot

    def _note(self, asked: Asked, error: RembgError) -> None:
        """Let the key rest or pause as RemBG asks (F15-F21), and the account wait."""
        key = asked.api_key
        if key is None:
            return
        if isinstance(error, errors.AccountRefused):
            key.note_refused(error, at=asked.at)
        elif isinstance(error, errors.Limited):
            until = limits.note_limited(key, error, at=asked.at)
            if not isinstance(error, errors.RateMonthly):
                self.not_before = until

    def _unasked(self, asked: Asked) -> Snapshot:
        locked = asked.api_key is not None
        return snapshots.write_failed(
            asked,
            code=KEY_LOCKED if locked else NO_KEY,
            message=_("The account's keys are locked.")
            if locked
            else _("The account has no key that can be used."),
        )


def poll(account: Account, *, at: datetime, requests: int = MOST_REQUESTS) -> Snapshot:
    """Read the running cycle, and one more thing that is due; return the first reading.

    At most `requests`, two or fewer (`schedule.requests_left`). What RemBG, the way to it or the
    keys refuse is written down, not raised.
    """
    snapshot = finish(PollTurn(account, at, requests).steps())
    if snapshot.is_good:
        look_ahead(account, snapshot)
    return snapshot


def read_cycles(account: Account, *, at: datetime) -> Snapshot:
    """Read the list of cycles; one request a key, two at most."""
    return finish(PollTurn(account, at).read(CYCLES))


def read_month(account: Account, month: Month, *, at: datetime) -> Snapshot:
    """Read one UTC calendar month; one request a key, two at most."""
    return finish(PollTurn(account, at).read(Question(Mode.MONTH, month)))


def read_window(account: Account, start: datetime, *, at: datetime) -> Snapshot:
    """Read the billing window that starts then; one request a key, two at most.

    Its `includedCredits` is today's allowance (contract 2), so no past cycle takes it over.
    """
    return finish(PollTurn(account, at).read(Question(Mode.WINDOW, start)))


def finish(steps: Steps) -> Snapshot:
    """Make each call at once, until the steps are done."""
    try:
        call = next(steps)
        while True:
            call = steps.send(call.make())
    except StopIteration as end:
        snapshot: Snapshot = end.value
        return snapshot
