"""`GET /api/membership-usage` in all its modes."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from dashboard.sandbox import errors
from dashboard.sandbox.accounts import Account, Accounts, Counter
from dashboard.sandbox.billing import LAST_MOMENT, STRIPE, Window
from dashboard.sandbox.errors import Refusal

DIGITS = re.compile(r"[0-9]{1,12}", re.ASCII)


def answer(accounts: Accounts, account: Account, query: str) -> dict[str, Any]:
    """The JSON answer for an account; raises Refusal. A list of cycles ignores all the rest."""
    # Of a repeated one the first counts.
    values = dict(reversed(parse_qsl(query, keep_blank_values=True)))
    if _is_set(values, "listBillingCycles"):
        return {"billingCycles": [_bounds(each) for each in accounts.cycles(account)]}
    top, cycle = _counters(accounts, account, values)
    document = {
        "membership": account.plan.membership,
        "credits": account.plan.included,
        "prepaidCredits": account.prepaid,
        "app_usage": top.app,
        "api_usage": top.api,
    }
    flags = [flag.strip() for flag in values.get("expand", "").split(",")]
    if "billing_cycle" in flags or _is_set(values, "includeBillingCycle"):
        document["billingCycle"] = _billing_cycle(account, cycle)
    return document


def _counters(
    accounts: Accounts, account: Account, values: dict[str, str]
) -> tuple[Counter, Counter]:
    """The counters of the month or window that is asked for, and of the cycle to go with it."""
    if "periodStartUnix" in values and values.keys() & {"year", "month"}:
        message = "Cannot use 'periodStartUnix' together with 'year' or 'month'."
        raise errors.plain(400, message)
    numbers, problems = errors.read_each(READERS, values)
    if problems:
        raise Refusal(400, problems)
    if "periodStartUnix" in numbers:
        asked = accounts.counter(account, _window(accounts, account, numbers["periodStartUnix"]))
        return asked, asked
    now = datetime.fromtimestamp(account.at, UTC)
    year, month = numbers.get("year", now.year), numbers.get("month", now.month)
    cycle = accounts.counter(account, account.current_window())
    return accounts.month(account, year, month), cycle


def _is_set(values: dict[str, str], name: str) -> bool:
    return values.get(name, "").lower() in ("1", "true")


def _whole(least: int, most: int, name: str, text: str) -> int:
    if not DIGITS.fullmatch(text) or not least <= int(text) <= most:
        message = f"'{name}' must be an integer between {least} and {most}, got: "
        raise errors.plain(400, f"{message}'{errors.echo(text)}'", name)
    return int(text)


READERS: dict[str, Callable[[str, str], int]] = {
    "year": partial(_whole, 1, 9999),
    "month": partial(_whole, 1, 12),
    "periodStartUnix": partial(_whole, 0, LAST_MOMENT),
}


def _window(accounts: Accounts, account: Account, start: int) -> Window:
    """The window that begins at this second; for any other second one without usage."""
    scheduled = account.schedule_at(start).window_at(start)
    for window in (*accounts.windows(account), scheduled):
        if window.start == start:
            return window
    return Window(start, scheduled.end, "")


def _bounds(counter: Counter) -> dict[str, int]:
    return {
        "periodStartUnix": counter.window.start,
        # The second before the next renewal.
        "periodEndUnix": counter.window.end - 1,
        "appUsage": counter.app,
        "apiUsage": counter.api,
    }


def _billing_cycle(account: Account, counter: Counter) -> dict[str, Any]:
    return {
        **_bounds(counter),
        "includedCredits": account.plan.included,
        "prepaidCredits": account.prepaid,
        "usedIncludedCredits": counter.used,
        "remainingIncludedCredits": max(0, account.plan.included - counter.used),
        "stripeBillingSynced": counter.window.kind == STRIPE,
    }
