"""Keeping an answer: its row as it came, and the cycle and month that it brings up to date."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from django.db import transaction

from dashboard.keys.models import Account, ApiKey
from dashboard.rembg import errors
from dashboard.rembg.usage import CyclesAnswer, Month, UsageAnswer
from dashboard.usage import bringing, doubts, readings
from dashboard.usage.models import Snapshot
from dashboard.usage.readings import Asked, Mode

Answer = UsageAnswer | CyclesAnswer
# What `left` is made of, and what was bought.
BALANCE = (
    *("remaining_included_credits", "included_credits", "used_included_credits"),
    *("app_usage", "api_usage", "prepaid_credits"),
)


def keep(asked: Asked, answer: Answer) -> Snapshot:
    """Write an answer down with the cycles and the month that it brings up to date."""
    with transaction.atomic(savepoint=False):
        if isinstance(answer, CyclesAnswer):
            return _keep_cycles(asked, answer)
        snapshot = readings.write_usage(asked, answer)
        if snapshot.mode == Mode.CURRENT:
            _keep_current(asked.account, answer, snapshot)
        elif isinstance(asked.question.window, Month) and snapshot.is_good:
            bringing.bring_month(asked.account, asked.question.window, snapshot)
        elif isinstance(asked.question.window, datetime) and snapshot.is_good:
            bringing.bring_window(asked.account, asked.question.window, snapshot)
    return snapshot


def _keep_cycles(asked: Asked, answer: CyclesAnswer) -> Snapshot:
    doubted = doubts.doubts_of_list(asked.account, answer) if answer.is_usable else []
    noted = replace(answer, problems=(*doubted, *answer.problems))
    snapshot = readings.write_cycles(asked, noted)
    if snapshot.is_good:
        besides = {one.start_at for one in answer.windows if doubts.is_about(one, doubted)}
        bringing.bring_listed(asked.account, answer, snapshot, besides=besides)
    return snapshot


def _keep_current(account: Account, answer: UsageAnswer, snapshot: Snapshot) -> None:
    if not snapshot.is_good:
        return
    others = Snapshot.objects.filter(account=account).newest_good().exclude(pk=snapshot.pk)
    newest = others.only("account", "asked_at", "kind", "period_start_at", *BALANCE).first()
    doubts.judge(account, snapshot, newest)
    if snapshot.is_doubted:
        return
    if snapshot.adds_up and not (newest and newest.asked_at > snapshot.asked_at):
        wake_if_bought(account, snapshot, newest)
        account.note_standing(
            spendable=snapshot.spendable,
            cycle_start_at=snapshot.period_start_at,
            cycle_end_at=snapshot.period_end_at,
            asked_at=snapshot.asked_at,
        )
    bringing.bring_running(account, snapshot)
    if month := bringing.month_of(snapshot):
        bringing.bring_now(account, month, answer, snapshot)


def wake_if_bought(account: Account, snapshot: Snapshot, before: Snapshot | None) -> None:
    """End the rest of keys that ran out of credits once there are more than before (F19)."""
    credits = (snapshot.left or 0) + (snapshot.prepaid_credits or 0)
    if before is None or credits <= (before.left or 0) + (before.prepaid_credits or 0):
        return
    resting = ApiKey.objects.filter(account=account, rest_reason=errors.RateMonthly.code)
    for key in resting:
        key.wake()
