"""`GET /api/membership-usage` in all its modes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from dashboard.sandbox import errors
from dashboard.sandbox.accounts import Account, Accounts, Counter
from dashboard.sandbox.calendar import LAST_MOMENT, STRIPE, Window
from dashboard.sandbox.errors import Refusal

DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)
LIMITS = {"year": (1, 9999), "month": (1, 12), "periodStartUnix": (0, LAST_MOMENT)}


@dataclass(frozen=True)
class Question:
    """What a caller wants to know; None is "now"."""

    list_cycles: bool = False
    expand: bool = False
    year: int | None = None
    month: int | None = None
    period_start: int | None = None

    @classmethod
    def parse(cls, query: str) -> Question:
        """Read a query string; raises Refusal. A list of cycles ignores all the rest."""
        pairs = parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="replace")
        values = dict(reversed(pairs))
        if _is_set(values.get("listBillingCycles", "")):
            return cls(list_cycles=True)
        if "periodStartUnix" in values and ("year" in values or "month" in values):
            raise errors.PERIOD_CONFLICT.refusal()
        numbers = _numbers(values)
        flags = [flag.strip() for flag in values.get("expand", "").split(",")]
        return cls(
            expand="billing_cycle" in flags or _is_set(values.get("includeBillingCycle", "")),
            year=numbers.get("year"),
            month=numbers.get("month"),
            period_start=numbers.get("periodStartUnix"),
        )


def _is_set(text: str) -> bool:
    return text.lower() in ("1", "true")


def _numbers(values: dict[str, str]) -> dict[str, int]:
    problems = []
    numbers = {}
    for name, (least, most) in LIMITS.items():
        text = values.get(name)
        if text is None:
            continue
        if DIGITS.fullmatch(text) and least <= int(text) <= most:
            numbers[name] = int(text)
        else:
            limits = {"name": name, "least": least, "most": most, "text": errors.echo(text)}
            problems.append(errors.NOT_WHOLE.problem(name, **limits))
    if problems:
        raise Refusal(400, problems)
    return numbers


def answer(accounts: Accounts, account: Account, question: Question) -> dict[str, Any]:
    """The JSON answer for an account."""
    if question.list_cycles:
        return {"billingCycles": [_bounds(each) for each in accounts.cycles(account)]}
    if question.period_start is None:
        current = asked = accounts.counter(account, account.current_window())
        top = _calendar_month(accounts, account, question)
    else:
        asked = accounts.counter(account, _window(accounts, account, question.period_start))
        top = current = asked
    document = {
        "membership": account.plan.membership,
        "credits": account.plan.included,
        "prepaidCredits": account.row.prepaid,
        "app_usage": top.app,
        "api_usage": top.api,
    }
    if question.expand:
        document["billingCycle"] = _block(account, current)
    return document


def _calendar_month(accounts: Accounts, account: Account, question: Question) -> Counter:
    now = datetime.fromtimestamp(account.at, UTC)
    return accounts.month(account, question.year or now.year, question.month or now.month)


def _window(accounts: Accounts, account: Account, start: int) -> Window:
    """The window that begins at this second; for any other second one without usage."""
    natural = account.epoch_at(start).window_at(start)
    for window in (*accounts.windows(account), natural):
        if window.start == start:
            return window
    return Window(start, natural.end, "")


def _bounds(counter: Counter) -> dict[str, int]:
    return {
        "periodStartUnix": counter.window.start,
        "periodEndUnix": counter.window.last_second,
        "appUsage": counter.app,
        "apiUsage": counter.api,
    }


def _block(account: Account, counter: Counter) -> dict[str, Any]:
    included = account.plan.included
    return {
        **_bounds(counter),
        "includedCredits": included,
        "prepaidCredits": account.row.prepaid,
        "usedIncludedCredits": counter.used,
        "remainingIncludedCredits": max(0, included - counter.used),
        "stripeBillingSynced": counter.window.kind == STRIPE,
    }
