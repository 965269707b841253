"""How property tests choose their examples: the same ones at each run, or many others.

A run tries half of what a test names, CI's second run, on PostgreSQL, all (`EXAMPLES_TIMES=1`).
`EXAMPLES_TIMES=50 make test ARGS="tests/usage/test_random_sums.py"` tries fifty times as many,
other ones at each run; what it finds becomes a test of its own.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hypothesis import HealthCheck, Phase, settings

TIMES = float(os.environ.get("EXAMPLES_TIMES", "0.5"))
# Without the search for a smaller example, which costs minutes where each one writes rows.
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)

# How long an example takes is the machine's matter: neither that nor a deadline turns a test red.
SLOW = [HealthCheck.too_slow]


def times(count: int) -> int:
    """Return how many examples are tried of so many."""
    return max(1, round(count * TIMES))


settings.register_profile(
    "chosen",
    derandomize=TIMES <= 1,
    max_examples=times(100),
    deadline=None,
    suppress_health_check=SLOW,
    print_blob=True,
)
settings.load_profile("chosen")


def examples(count: int, *, but: Sequence[HealthCheck] = (), **more: Any) -> settings:
    """Return the settings of a test that tries so many, without the health checks in `but`."""
    return settings(max_examples=times(count), suppress_health_check=[*SLOW, *but], **more)
