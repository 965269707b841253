"""The cores, for pixel work that lets go of Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Part = TypeVar("Part")
Done = TypeVar("Done")
CORES = os.cpu_count() or 1
_pool = ThreadPoolExecutor(CORES, thread_name_prefix="crew")


def together(work: Callable[[Part], Done], parts: Iterable[Part]) -> Iterator[Done]:
    """Do all parts at once, as far as there are cores; results in their order, when ready."""
    return _pool.map(work, parts)
