"""What the sandbox remembers: accounts and every credit, in a SQLite file of its own."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
    name TEXT PRIMARY KEY, seen_at INTEGER NOT NULL, membership TEXT NOT NULL,
    included INTEGER NOT NULL CHECK (included >= 0),
    prepaid INTEGER NOT NULL CHECK (prepaid >= 0), clock INTEGER
) STRICT;
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, account TEXT NOT NULL REFERENCES account, at INTEGER NOT NULL,
    app INTEGER NOT NULL DEFAULT 0, api INTEGER NOT NULL DEFAULT 0,
    prepaid INTEGER NOT NULL DEFAULT 0, key TEXT, request_id TEXT UNIQUE, sha256 TEXT
) STRICT;
-- Counters: the entries of an account in a window.
CREATE INDEX IF NOT EXISTS entry_of_account ON entry (account, at);
"""


@dataclass(frozen=True)
class AccountRow:
    """An account as stored; `clock` is its test clock, Unix seconds."""

    name: str
    seen_at: int
    membership: str
    included: int
    prepaid: int
    clock: int | None


@dataclass(frozen=True)
class Charge:
    """A removal that cost a credit."""

    account: str
    at: int
    key: str
    request_id: str
    sha256: str
    prepaid: bool


class State:
    """The file; every call is safe from any thread, and what it wrote is on disk."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(
            path, timeout=20, isolation_level=None, check_same_thread=False
        )
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do all of it or nothing; alone in this process and in the file."""
        with self._lock:
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._database.execute("COMMIT")

    def account(self, name: str) -> AccountRow | None:
        rows = self._all(
            "SELECT name, seen_at, membership, included, prepaid, clock FROM account"
            " WHERE name = ?",
            name,
        )
        return AccountRow(*rows[0]) if rows else None

    def add_account(self, row: AccountRow) -> None:
        """Remember an account; nothing happens when it is known."""
        self._all(
            "INSERT INTO account (name, seen_at, membership, included, prepaid, clock)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            *(row.name, row.seen_at, row.membership, row.included, row.prepaid, row.clock),
        )

    def change_account(self, row: AccountRow) -> None:
        self._all(
            "UPDATE account SET membership = ?, included = ?, prepaid = ?, clock = ?"
            " WHERE name = ?",
            *(row.membership, row.included, row.prepaid, row.clock, row.name),
        )

    def used(self, name: str, start: int, end: int) -> tuple[int, int]:
        """Included credits (app, API) that the entries of `[start, end)` took."""
        rows = self._all(
            "SELECT coalesce(sum(app), 0), coalesce(sum(api), 0) FROM entry"
            " WHERE account = ? AND at >= ? AND at < ?",
            *(name, start, end),
        )
        return rows[0][0], rows[0][1]

    def has_counted(self, name: str, start: int, end: int) -> bool:
        """Say whether an entry of `[start, end)` moved a counter of included credits."""
        rows = self._all(
            "SELECT EXISTS (SELECT 1 FROM entry WHERE account = ? AND at >= ? AND at < ?"
            " AND (app <> 0 OR api <> 0))",
            *(name, start, end),
        )
        return bool(rows[0][0])

    def prepaid_used(self, name: str, start: int, end: int) -> int:
        """Prepaid credits that the entries of `[start, end)` took."""
        rows = self._all(
            "SELECT coalesce(sum(prepaid), 0) FROM entry WHERE account = ? AND at >= ? AND at < ?",
            *(name, start, end),
        )
        spent: int = rows[0][0]
        return spent

    def first_entry_at(self, name: str) -> int | None:
        moment: int | None = self._all("SELECT min(at) FROM entry WHERE account = ?", name)[0][0]
        return moment

    def correct(self, name: str, at: int, *, app: int, api: int) -> None:
        """Move the counters without a removal."""
        self._all(
            "INSERT INTO entry (account, at, app, api) VALUES (?, ?, ?, ?)", name, at, app, api
        )

    def charge(self, charge: Charge) -> None:
        """Book one credit; a request id can be charged only once."""
        self._all(
            "INSERT INTO entry (account, at, api, prepaid, key, request_id, sha256)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(charge.account, charge.at, int(not charge.prepaid), int(charge.prepaid)),
            *(charge.key, charge.request_id, charge.sha256),
        )
        self._all(
            "UPDATE account SET prepaid = prepaid - ? WHERE name = ?",
            *(int(charge.prepaid), charge.account),
        )

    def charges(self, name: str | None) -> list[Charge]:
        """The removals that cost a credit, oldest first; of all accounts without a name."""
        rows = self._all(
            "SELECT account, at, key, request_id, sha256, prepaid FROM entry"
            " WHERE request_id IS NOT NULL AND (?1 IS NULL OR account = ?1) ORDER BY id",
            name,
        )
        return [
            Charge(account, at, key, request_id, sha256, bool(prepaid))
            for account, at, key, request_id, sha256, prepaid in rows
        ]

    def forget(self, name: str | None) -> None:
        """Forget an account, or all of them without a name."""
        with self.transaction():
            self._all("DELETE FROM entry WHERE ?1 IS NULL OR account = ?1", name)
            self._all("DELETE FROM account WHERE ?1 IS NULL OR name = ?1", name)

    def _all(self, statement: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()
