"""`GET /api/membership-usage` in all its modes."""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from dashboard.sandbox import errors
from dashboard.sandbox.accounts import Account, Accounts, Counter
from dashboard.sandbox.calendar import LAST_MOMENT, STRIPE, Window
from dashboard.sandbox.errors import Refusal

DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)


def answer(accounts: Accounts, account: Account, query: str) -> dict[str, Any]:
    """The JSON answer for an account; raises Refusal. A list of cycles ignores all the rest."""
    # Of a repeated one the first counts.
    values = dict(reversed(parse_qsl(query, keep_blank_values=True)))
    if _is_set(values.get("listBillingCycles", "")):
        return {"billingCycles": [_bounds(each) for each in accounts.cycles(account)]}
    numbers = _numbers(values)
    if "periodStartUnix" in numbers:
        start = numbers["periodStartUnix"]
        top = current = accounts.counter(account, _window(accounts, account, start))
    else:
        now = datetime.fromtimestamp(account.at, UTC)
        year = numbers.get("year", now.year)
        top = accounts.month(account, year, numbers.get("month", now.month))
        current = accounts.counter(account, account.current_window())
    document = {
        "membership": account.plan.membership,
        "credits": account.plan.included,
        "prepaidCredits": account.prepaid,
        "app_usage": top.app,
        "api_usage": top.api,
    }
    if _asks_for_cycle(values):
        document["billingCycle"] = _block(account, current)
    return document


def _asks_for_cycle(values: dict[str, str]) -> bool:
    flags = [flag.strip() for flag in values.get("expand", "").split(",")]
    return "billing_cycle" in flags or _is_set(values.get("includeBillingCycle", ""))


def _is_set(text: str) -> bool:
    return text.lower() in ("1", "true")


def _numbers(values: dict[str, str]) -> dict[str, int]:
    if "periodStartUnix" in values and ("year" in values or "month" in values):
        message = "Cannot use 'periodStartUnix' together with 'year' or 'month'."
        raise errors.plain(400, message)
    numbers, problems = errors.read_each(READERS, values)
    if problems:
        raise Refusal(400, problems)
    return numbers


def _whole(least: int, most: int, name: str, text: str) -> int:
    if not DIGITS.fullmatch(text) or not least <= int(text) <= most:
        message = f"'{name}' must be an integer between {least} and {most}, got: "
        raise errors.plain(400, f"{message}'{errors.echo(text)}'", name)
    return int(text)


READERS = {
    "year": partial(_whole, 1, 9999),
    "month": partial(_whole, 1, 12),
    "periodStartUnix": partial(_whole, 0, LAST_MOMENT),
}


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
        # The second before the next renewal.
        "periodEndUnix": counter.window.end - 1,
        "appUsage": counter.app,
        "apiUsage": counter.api,
    }


def _block(account: Account, counter: Counter) -> dict[str, Any]:
    included = account.plan.included
    return {
        **_bounds(counter),
        "includedCredits": included,
        "prepaidCredits": account.prepaid,
        "usedIncludedCredits": counter.used,
        "remainingIncludedCredits": max(0, included - counter.used),
        "stripeBillingSynced": counter.window.kind == STRIPE,
    }
