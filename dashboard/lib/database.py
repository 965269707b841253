"""The database beside its rows: connections given back early, and a cache that is one table."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.db import DatabaseCache
from django.db import OperationalError, connection


def release_connection() -> None:
    """Give this thread's connection back to the pool, for a long wait is ahead; not within atomic.

    PostgreSQL has fewer connections than we have threads. SQLite has no pool, and closing
    its last connection would cost a checkpoint.
    """
    if connection.vendor == "postgresql" and not connection.in_atomic_block:
        connection.close()


class LoudDatabaseCache(DatabaseCache):
    """Django's, but a write that the database could not do raises OperationalError.

    Django's own says nothing, so that a count of wrong passwords is lost; and where a lock is
    taken by `add`, a busy database reads as "somebody else has it": 429 to the right password.
    """

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Store a value unless there is one; return whether it was stored."""
        added: bool = super().add(key, value, timeout, version)
        if not added:
            _raise_if_failed()
        return added

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Store a value."""
        super().set(key, value, timeout, version)
        _raise_if_failed()


def _raise_if_failed() -> None:
    # Django notes here that a statement failed, whoever caught what it raised.
    if connection.errors_occurred:
        raise OperationalError("The cache's table is locked.")
