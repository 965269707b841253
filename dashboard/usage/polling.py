"""Reading an account: every answer is a row as it came, and the rows it changes follow."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from dashboard.keys import locks
from dashboard.keys.models import Account, ApiKey
from dashboard.lib.sealing import SealError
from dashboard.rembg import errors
from dashboard.rembg.client import Client
from dashboard.rembg.errors import RembgError
from dashboard.rembg.usage import CyclesAnswer, Month, UsageAnswer
from dashboard.usage import bringing, readings, schedule
from dashboard.usage.models import Snapshot
from dashboard.usage.outlook import look_ahead
from dashboard.usage.readings import CURRENT, CYCLES, Asked, Mode, Question
from dashboard.usage.twins import look_for_twin

MOST_REQUESTS = 2
# A limit on removals does not keep us from reading; only so do we see that credits were bought.
READABLE_RESTS = (errors.RateDaily.code, errors.RateMonthly.code)
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
NO_KEY, LOCKED = "no_usable_key", "key_locked"
Answer = UsageAnswer | CyclesAnswer


def poll(account: Account, *, at: datetime) -> Snapshot:
    """Read the running cycle, and one more thing that is due; return the first reading.

    At most two requests. What RemBG, the way to it or the keys refuse is written down, not raised.
    """
    turn = Turn(account, at)
    snapshot = turn.read(CURRENT)
    if snapshot.is_good:
        _read_more(turn, renewal=snapshot.period_end_at)
        look_for_twin(account, at=at)
    schedule.settle(account, snapshot, at=at, not_before=turn.not_before)
    if snapshot.is_good:
        look_ahead(account, snapshot)
    return snapshot


def read_cycles(account: Account, *, at: datetime) -> Snapshot:
    """Read the list of cycles; one request a key, two at most."""
    return Turn(account, at).read(CYCLES)


def read_month(account: Account, month: Month, *, at: datetime) -> Snapshot:
    """Read one UTC calendar month; one request a key, two at most."""
    return Turn(account, at).read(Question(Mode.MONTH, month))


def read_window(account: Account, start: datetime, *, at: datetime) -> Snapshot:
    """Read the billing window that starts then; one request a key, two at most.

    Its `includedCredits` is today's allowance (contract 2), so no past cycle takes it over.
    """
    return Turn(account, at).read(Question(Mode.WINDOW, start))


def _read_more(turn: Turn, *, renewal: datetime | None) -> None:
    account, at = turn.account, turn.at
    if turn.requests_left == 0:
        return
    if account.cycles_due_at <= at:
        if turn.read(CYCLES).is_good:
            schedule.settle_cycles(account, at=at, renewal=renewal)
    elif month := schedule.month_due(account, at=at):
        turn.read(Question(Mode.MONTH, month))


@dataclass
class Turn:
    """One account's turn: its keys in order, and the requests that are left of the two."""

    account: Account
    at: datetime
    requests_left: int = MOST_REQUESTS
    not_before: datetime = field(init=False)
    began: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.not_before = self.at

    def read(self, question: Question) -> Snapshot:
        """Ask with one key after the other until one answers; return the last row written."""
        asked = Asked(self.account, None, question, self._now())
        newest: Snapshot | None = None
        for key in self._keys():
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
            newest = self._ask(client, asked)
            if newest.error not in TRY_ANOTHER_KEY:
                break
        return newest or self._unasked(asked)

    def _now(self) -> datetime:
        if self.requests_left == MOST_REQUESTS:
            return self.at
        return self.at + timedelta(seconds=time.monotonic() - self.began)

    def _keys(self) -> list[ApiKey]:
        awake = Q(resting_until=None) | Q(resting_until__lte=self.at)
        awake |= Q(rest_reason__in=READABLE_RESTS)
        keys = ApiKey.objects.active().filter(awake, account=self.account, paused_at=None)
        return list(keys.order_by("refusals", "added_at", "pk"))

    def _ask(self, client: Client, asked: Asked) -> Snapshot:
        try:
            answer = fetch(client, asked.question)
        except RembgError as error:
            self._note(asked, error)
            return readings.write_error(replace(asked, answered_at=self._now()), error)
        # An answer that is not RemBG's, a portal's page say, tells nothing about the key.
        if asked.api_key is not None and answer.is_usable:
            asked.api_key.note_accepted(at=asked.at)
        return keep(replace(asked, answered_at=self._now()), answer)

    def _note(self, asked: Asked, error: RembgError) -> None:
        """Let the key rest or pause as RemBG asks (F15-F21), and the account wait."""
        key = asked.api_key
        if key is None:
            return
        if isinstance(error, errors.AccountRefused):
            key.note_refused(error, at=asked.at)
        elif isinstance(error, errors.Limited):
            until = rest_until(self.account, error, at=asked.at)
            key.rest(until=until, reason=error.code)
            if not isinstance(error, errors.RateMonthly):
                self.not_before = until

    def _unasked(self, asked: Asked) -> Snapshot:
        locked = asked.api_key is not None
        return readings.write_failed(
            asked,
            code=LOCKED if locked else NO_KEY,
            message=_("The account's keys are locked.")
            if locked
            else _("The account has no key that can be used."),
        )


def fetch(client: Client, question: Question) -> Answer:
    """Ask one question; raise a RembgError. Never called inside a transaction."""
    if question.mode == Mode.CYCLES:
        return client.cycles()
    return client.usage(question.window, expand=question.expand)


def keep(asked: Asked, answer: Answer) -> Snapshot:
    """Write an answer down with the cycles and the month that it brings up to date."""
    with transaction.atomic():
        if isinstance(answer, CyclesAnswer):
            snapshot = readings.write_cycles(asked, answer)
            if snapshot.is_good:
                bringing.bring_listed(asked.account, answer, snapshot)
            return snapshot
        snapshot = readings.write_usage(asked, answer)
        if snapshot.mode == Mode.CURRENT:
            _keep_current(asked.account, answer, snapshot)
        elif isinstance(asked.question.window, Month) and snapshot.is_good:
            bringing.bring_month(asked.account, asked.question.window, snapshot)
    return snapshot


def _keep_current(account: Account, answer: UsageAnswer, snapshot: Snapshot) -> None:
    if not snapshot.is_good:
        return
    if not account.snapshots.good().filter(asked_at__gt=snapshot.asked_at).exists():
        wake_if_bought(account, snapshot)
        account.note_standing(
            spendable=snapshot.spendable,
            cycle_start_at=snapshot.period_start_at,
            cycle_end_at=snapshot.period_end_at,
        )
    bringing.bring_running(account, snapshot)
    if month := bringing.month_of(snapshot):
        bringing.bring_now(account, month, answer, snapshot)


def rest_until(account: Account, error: errors.Limited, *, at: datetime) -> datetime:
    """Return when a limit is over: after the pause it asks for, at 00:00 UTC, at the renewal."""
    if isinstance(error, errors.RateDaily):
        return schedule.end_of_day(at)
    if isinstance(error, errors.RateMonthly):
        renewal = (
            account.cycles.running(at=at).order_by("-start_at").values_list("end_at", flat=True)
        )
        return renewal.first() or schedule.end_of_day(at)
    return at + timedelta(seconds=error.retry_after or 30)


def wake_if_bought(account: Account, snapshot: Snapshot) -> None:
    """End the rest of keys that ran out of credits once there are more than before (F19)."""
    before = (
        Snapshot.objects.good()
        .filter(account=account, asked_at__lt=snapshot.asked_at)
        .newest_first()
        .defer("raw")
        .first()
    )
    credits = (snapshot.left or 0) + (snapshot.prepaid_credits or 0)
    if before is None or credits <= (before.left or 0) + (before.prepaid_credits or 0):
        return
    resting = ApiKey.objects.filter(account=account, rest_reason=errors.RateMonthly.code)
    for key in resting:
        key.wake()
