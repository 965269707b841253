"""JSON from a stranger: no crash, no NaN, no silent double (promises 0.14, D2-D4)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any


class NotJson(ValueError):
    """The text is not JSON that we would read."""


def parse(body: bytes) -> tuple[Any, tuple[str, ...]]:
    """Return the value, and the keys that stood twice in one object (the last one won).

    NaN and Infinity are read as None-like texts: a number is finite or it is not a number.
    """
    doubles: dict[str, None] = {}

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counts = Counter(name for name, _ in pairs)
        doubles.update({name: None for name, count in counts.items() if count > 1})
        return dict(pairs)

    try:
        value = json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=unique,
            parse_constant=str,
            parse_int=_integer,
        )
    except (ValueError, RecursionError):
        raise NotJson("This is not JSON.") from None
    return value, tuple(doubles)


def _integer(digits: str) -> int | str:
    """Leave a number of absurd length as text; `int` itself gives up at 4300 digits."""
    return int(digits) if len(digits) <= 40 else digits[:40] + "…"
