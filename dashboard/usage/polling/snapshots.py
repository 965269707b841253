"""Writing readings down, as they came: a failed or an invalid one is a row too (promises 2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from urllib.parse import urlencode

from dashboard.keys.models import Account, ApiKey
from dashboard.lib.redaction import redact
from dashboard.rembg import usage
from dashboard.rembg.errors import RembgError
from dashboard.rembg.fields import Problem
from dashboard.rembg.usage import CyclesAnswer, Month, UsageAnswer
from dashboard.usage.models import Snapshot

Mode, Outcome = Snapshot.Mode, Snapshot.Outcome
MOST_PROBLEMS = 40


@dataclass(frozen=True)
class Question:
    """What is asked of membership-usage; `window` is a month or the start of a billing window."""

    mode: str
    window: Month | datetime | None = None

    @property
    def expand(self) -> bool:
        """Say whether the billing cycle is asked for."""
        return self.mode in (Mode.CURRENT, Mode.WINDOW)

    @property
    def query(self) -> str:
        """Return the parameters, as they stand in the address."""
        if self.mode == Mode.CYCLES:
            return "listBillingCycles=1"
        return urlencode(usage.query(self.window, expand=self.expand))


CURRENT = Question(Mode.CURRENT)
CYCLES = Question(Mode.CYCLES)


@dataclass(frozen=True)
class Asked:
    """A question put to an account with a key: when, and when the answer came.

    `removed_credits` is what had been charged through us just before (`since.charged_so_far`).
    """

    account: Account
    api_key: ApiKey | None
    question: Question
    at: datetime
    answered_at: datetime | None = None
    removed_credits: int | None = None


def write_failed(asked: Asked, *, code: str, message: str, status: int | None = None) -> Snapshot:
    """Write down that no answer about the account came."""
    return _write(
        asked,
        outcome=Outcome.FAILED,
        error=code,
        message=redact(message)[:300],
        status=status,
    )


def write_error(asked: Asked, error: RembgError) -> Snapshot:
    """Write down what RemBG, or the way to it, answered instead."""
    return _write(
        asked,
        outcome=Outcome.FAILED,
        error=error.code,
        message=redact(error.message)[:300],
        status=error.status,
        raw=redact(error.body_head),
    )


def write_cycles(asked: Asked, answer: CyclesAnswer) -> Snapshot:
    """Write down a list of cycles."""
    outcome = _outcome(usable=answer.is_usable, problems=answer.problems)
    return _write(asked, outcome=outcome, **_source(answer))


def write_usage(asked: Asked, answer: UsageAnswer) -> Snapshot:
    """Write down the counters of the running cycle, of one window or of a month."""
    outcome = _outcome(usable=_is_usable(asked.question, answer), problems=answer.problems)
    facts = usage_facts(answer, expand=asked.question.expand)
    return _write(asked, outcome=outcome, **_source(answer), **facts)


def usage_facts(answer: UsageAnswer, *, expand: bool) -> dict[str, object]:
    """Return what an answer says of credits, named as a Snapshot's fields are.

    With `expand` the counters are the billing cycle's, else those of the month asked for.
    """
    found: dict[str, object] = {
        "membership": answer.membership or "",
        "prepaid_credits": answer.prepaid_credits,
        "included_credits": answer.credits,
        "app_usage": answer.app_usage,
        "api_usage": answer.api_usage,
    }
    return found | _cycle(answer) if expand else found


def _cycle(answer: UsageAnswer) -> dict[str, object]:
    """Return what the `billingCycle` block says; the top-level counters are a month's, not its."""
    cycle = answer.cycle
    if cycle is None:
        return {"app_usage": None, "api_usage": None}
    included, prepaid = cycle.included_credits, cycle.prepaid_credits
    return {
        "included_credits": answer.credits if included is None else included,
        "prepaid_credits": answer.prepaid_credits if prepaid is None else prepaid,
        "used_included_credits": cycle.used_included_credits,
        "remaining_included_credits": cycle.remaining_included_credits,
        "app_usage": cycle.app_usage,
        "api_usage": cycle.api_usage,
        "period_start_at": cycle.start_at,
        "period_end_at": cycle.end_at,
        "synced": cycle.synced,
        "kind": usage.kind_of(cycle, synced=cycle.synced) if cycle.start_at else "",
    }


def _is_usable(question: Question, answer: UsageAnswer) -> bool:
    """Say whether the counters that were asked for can be shown."""
    if not question.expand:
        return answer.app_usage is not None or answer.api_usage is not None
    cycle = answer.cycle
    return cycle is not None and (
        cycle.used is not None or cycle.remaining_included_credits is not None
    )


def _outcome(*, usable: bool, problems: Sequence[Problem]) -> str:
    if not usable:
        return Outcome.INVALID
    return Outcome.PARTIAL if problems else Outcome.OK


def _source(answer: UsageAnswer | CyclesAnswer) -> dict[str, object]:
    return {
        "status": answer.status,
        "raw": redact(answer.raw),
        "problems": [asdict(problem) for problem in answer.problems[:MOST_PROBLEMS]],
        "clock_skew_seconds": answer.clock_skew,
    }


def _write(asked: Asked, **facts: object) -> Snapshot:
    return Snapshot.objects.create(
        account=asked.account,
        api_key=asked.api_key,
        mode=asked.question.mode,
        query=asked.question.query,
        asked_at=asked.at,
        answered_at=asked.answered_at,
        removed_credits=asked.removed_credits,
        **facts,
    )
