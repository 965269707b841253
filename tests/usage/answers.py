"""Good answers of membership-usage, with whatever a test wants to be different."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

START = datetime(2026, 11, 3, 9, 30, 12, tzinfo=UTC)
END = datetime(2026, 12, 3, 9, 30, 12, tzinfo=UTC)
MADE = datetime(2026, 11, 1, tzinfo=UTC)


def usage(
    *, app: Any = 4200, api: Any = 5100, start: datetime = START, end: datetime = END, **more: Any
) -> dict:
    """A good answer about the running cycle, with some fields of the block replaced."""
    block = {
        "periodStartUnix": int(start.timestamp()),
        "periodEndUnix": int(end.timestamp()) - 1,
        "appUsage": app,
        "apiUsage": api,
        "includedCredits": 18500,
        "prepaidCredits": 2000,
        "usedIncludedCredits": 9300,
        "remainingIncludedCredits": 9200,
        "stripeBillingSynced": True,
        **more,
    }
    block = {name: value for name, value in block.items() if value is not ...}
    return {
        "membership": "Premium-20000",
        "credits": 18500,
        "prepaidCredits": 2000,
        "app_usage": 8500,
        "api_usage": 10000,
        "billingCycle": block,
    }


def listed(*windows: tuple[datetime, datetime, int, int]) -> dict:
    """A list of cycles."""
    return {
        "billingCycles": [
            {
                "periodStartUnix": int(start.timestamp()),
                "periodEndUnix": int(end.timestamp()) - 1,
                "appUsage": app,
                "apiUsage": api,
            }
            for start, end, app, api in windows
        ]
    }
