"""Django's SQLite backend, whose writers take turns: first come, first served.

SQLite lets one writer in at a time and wakes the others by chance, after sleeps of up to 100 ms:
with 8 writers the unlucky ones wait ten times as long as the others. Here each waits in a queue
before it begins a transaction or writes outside of one, and leaves when that has ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import OperationalError

from dashboard.lib.queued_sqlite3.queue import WriteQueue, queue_of

NOTICED = 1.0  # seconds of waiting that are worth telling SQLite
WRITES = ("BEGIN", "INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER")


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that writes in its turn; after `timeout` seconds the database is "locked"."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._turn: WriteQueue | None = None
        self._patience = float(self.settings_dict["OPTIONS"].get("timeout", 5))
        self._waits = self._patience  # What the open connection waits for others, in seconds.
        self.execute_wrappers.append(self._execute)

    def commit(self) -> None:
        """Commit, and let the next one write; what fails is rolled back by whoever asked."""
        super().commit()
        self._leave()

    def rollback(self) -> None:
        """Roll back, and let the next one write."""
        try:
            super().rollback()
        finally:
            self._leave()

    def close(self) -> None:
        """Close, which rolls back, and let the next one write."""
        try:
            super().close()
        finally:
            self._leave()
            self._waits = self._patience

    def _execute(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        """Run a statement, in its turn if it writes; a transaction keeps the turn to its end."""
        if self._turn is not None or not sql.startswith(WRITES):
            return execute(sql, params, many, context)
        left = self._enter()
        try:
            # Of the time that a writer waits, a part has gone by.
            self._be_patient(left)
            result = execute(sql, params, many, context)
        except BaseException:
            self._leave()
            raise
        finally:
            self._be_patient(self._patience)
        if not sql.startswith("BEGIN"):
            self._leave()
        return result

    def _enter(self) -> float:
        """Wait for the turn; return the seconds that are left to wait for somebody else's lock."""
        queue = queue_of(str(self.settings_dict["NAME"]))
        if queue is None:
            return self._patience
        began = time.monotonic()
        if not queue.enter(self._patience):
            raise OperationalError("database is locked")
        self._turn = queue
        waited = time.monotonic() - began
        return self._patience - waited if waited > NOTICED else self._patience

    def _be_patient(self, seconds: float) -> None:
        if self.connection is not None and seconds != self._waits:
            self.connection.execute(f"PRAGMA busy_timeout = {max(0, round(seconds * 1000))}")
            self._waits = seconds

    def _leave(self) -> None:
        queue, self._turn = self._turn, None
        if queue is not None:
            queue.leave()
