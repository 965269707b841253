"""Accounts of the sandbox: what they may spend, what they spent, and in which window.

They are kept, with every credit, in a SQLite file of the sandbox's own.
"""

import hashlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dashboard.sandbox import errors
from dashboard.sandbox.billing import STRIPE, Plan, Profile, Schedule, Window, month
from dashboard.sandbox.history import HOUR
from dashboard.sandbox.profiles import Key

QUARTER = 15 * 60
STALE = 2 * HOUR
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
class Account:
    """An account as stored, at one moment `at`: its test clock's, if it has one. Unix seconds."""

    profile: Profile
    at: int
    name: str
    seen_at: int
    membership: str
    included: int
    prepaid: int
    clock: int | None

    @property
    def plan(self) -> Plan:
        """Today's plan: the one that was set, or else what upgrades have made of it."""
        stored = Plan(self.membership, self.included)
        untouched = stored == self.profile.plan_at(self.seen_at, self.seen_at)
        return self.profile.plan_at(self.seen_at, self.at) if untouched else stored

    def schedule_at(self, at: int) -> Schedule:
        """How the account is billed at a moment; nobody knows yet what comes after its own."""
        return self.profile.schedule_at(self.seen_at, min(at, self.at))

    def current_window(self) -> Window:
        """The window that a removal is counted in now; its end may have passed."""
        return self.schedule_at(self.at).window_at(self.at - self.profile.late)


@dataclass(frozen=True)
class Counter:
    """Included credits used in a window, by the web editor and by API keys.

    One that stands at 0 may have `moved`.
    """

    window: Window
    app: int
    api: int
    moved: bool

    @property
    def used(self) -> int:
        return self.app + self.api


class Accounts:
    """All accounts; safe from any thread, and what a call wrote is on disk when it returns.

    Counters are computed, so two calls cannot disagree.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()
        self._database = sqlite3.connect(
            path, timeout=20, isolation_level=None, check_same_thread=False
        )
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._database.close()

    def find(self, key: Key, *, now: int) -> Account:
        """The account of a key as of its clock, or as of `now`; it begins when first seen."""
        while not (rows := self._all("SELECT * FROM account WHERE name = ?", key.account)):
            plan = key.profile.plan_at(now, now)
            self._all(
                "INSERT INTO account VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (name) DO NOTHING",
                *(key.account, now, plan.membership, plan.included, key.profile.prepaid),
            )
        clock = rows[0]["clock"]
        return Account(key.profile, now if clock is None else clock, **rows[0])

    def answering(self, account: Account) -> Account:
        """The account that a question is answered from: now and then a replica, two hours old.

        Which answers are old is settled by the quarter of an hour: those whose number (Unix time
        divided by 900, in decimal digits) has a SHA-256 that begins with 0 or 1, one in eight.
        """
        quarter = str(account.at // QUARTER)
        old = hashlib.sha256(quarter.encode()).hexdigest()[0] in "01"
        at = account.at - STALE
        begins_at = account.profile.begins_at(account.seen_at)
        if not (account.profile.stale and old and at >= begins_at):
            return account
        _, _, spent, _ = self._entries(account, at + 1, account.at + 1)
        return replace(account, at=at, prepaid=account.prepaid + spent)

    def month(self, account: Account, year: int, number: int) -> Counter:
        """A UTC calendar month: everything used in it, whatever window it was counted in."""
        window = month(year, number)
        return self._counter(account, window, [range(window.start, window.end)])

    def counter(self, account: Account, window: Window) -> Counter:
        """A billing window: what was used while it was the one that counted.

        So windows may overlap, and yet each credit is counted in one of them only.
        """
        return self._counter(account, window, self.windows(account).get(window, []))

    def cycles(self, account: Account) -> list[Counter]:
        """What is listed: windows with a counter and the current Stripe period, newest first.

        Their ends are inferred, as RemBG's are: a window ends where the next listed one begins, of
        whatever kind and however late. The current Stripe period has its own end, and so has the
        newest window, which no other one follows.
        """
        current = account.current_window()
        running = current if current.kind == STRIPE else None
        counters = [self._counter(account, *each) for each in self.windows(account).items()]
        listed = [each for each in counters if each.moved or each.used or each.window == running]
        cycles, starts = [], [each.window.start for each in listed]
        for each in listed:
            window = each.window
            if window != running:
                later = (start for start in starts if start > window.start)
                window = replace(window, end=min(later, default=window.end))
            cycles.append(replace(each, window=window))
        return sorted(cycles, key=lambda each: each.window, reverse=True)

    def windows(self, account: Account) -> dict[Window, list[range]]:
        """Every window since the account's history began, with the seconds that it counted."""
        entry = self._all("SELECT min(at) FROM entry WHERE account = ?", account.name)[0][0]
        begins_at = account.profile.begins_at(account.seen_at)
        first = min(begins_at, account.at if entry is None else entry, account.at)
        found: dict[Window, list[range]] = {}
        for window, seconds in account.profile.spans(account.seen_at, first, account.at):
            found.setdefault(window, []).append(seconds)
        return found

    def require_credit(self, account: Account) -> bool:
        """Say whether the next credit is a prepaid one; raises Refusal when none is left."""
        counter = self.counter(account, account.current_window())
        if counter.used < account.plan.included:
            return False
        if account.prepaid < 1:
            raise errors.row("rate_monthly")
        return True

    def charge(self, key: Key, *, request_id: str, sha256: str) -> None:
        """Take one credit, included ones first; raises Refusal when none is left.

        A request id can be charged only once.
        """
        with self._transaction():
            # As of now and not of the request: what later ones took in the meantime counts, too.
            account = self.find(key, now=int(time.time()))
            prepaid = self.require_credit(account)
            self._all(
                "INSERT INTO entry (account, at, api, prepaid, key, request_id, sha256)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                *(account.name, account.at, not prepaid, prepaid, key.text, request_id, sha256),
            )
            self._all(
                "UPDATE account SET prepaid = prepaid - ? WHERE name = ?", prepaid, account.name
            )

    def set_clock(self, key: Key, clock: int | None, *, now: int) -> Account:
        """Let the account answer as of `clock`; one not seen before begins then."""
        with self._transaction():
            name = self.find(key, now=now if clock is None else clock).name
            self._all("UPDATE account SET clock = ? WHERE name = ?", clock, name)
            return self.find(key, now=now)

    def change(self, key: Key, changes: dict[str, Any], *, now: int) -> Account:
        """Set an account's values as a test names them; counters are those of its present window.

        Of a plan that is set in part, the rest is today's.
        """
        with self._transaction():
            account = self.find(key, now=now)
            sets_plan = "membership" in changes or "included_credits" in changes
            plan = account.plan if sets_plan else Plan(account.membership, account.included)
            self._all(
                "UPDATE account SET membership = ?, included = ?, prepaid = ? WHERE name = ?",
                changes.get("membership", plan.membership),
                changes.get("included_credits", plan.included),
                changes.get("prepaid_credits", account.prepaid),
                account.name,
            )
            counter = self.counter(account, account.current_window())
            app = changes.get("app_usage", counter.app) - counter.app
            api = changes.get("api_usage", counter.api) - counter.api
            if app or api:
                statement = "INSERT INTO entry (account, at, app, api) VALUES (?, ?, ?, ?)"
                self._all(statement, account.name, account.at, app, api)
            return self.find(key, now=now)

    def ledger(self, name: str | None) -> list[dict[str, Any]]:
        """The removals that cost a credit, oldest first; of all accounts without a name."""
        rows = self._all(
            "SELECT request_id, account, key, sha256, at,"
            " iif(prepaid, 'prepaid', 'included') AS paid_from FROM entry"
            " WHERE request_id IS NOT NULL AND (?1 IS NULL OR account = ?1) ORDER BY id",
            name,
        )
        return [dict(row) for row in rows]

    def forget(self, name: str | None) -> None:
        """Forget an account, or all of them without a name."""
        with self._transaction():
            self._all("DELETE FROM entry WHERE ?1 IS NULL OR account = ?1", name)
            self._all("DELETE FROM account WHERE ?1 IS NULL OR name = ?1", name)

    def _counter(self, account: Account, window: Window, spans: list[range]) -> Counter:
        """What was used in these seconds, as far as the account's moment has come."""
        history = account.profile.history(account.name, account.seen_at)
        app, api, moved = 0, 0, False
        for span in spans:
            made_up = history.used(span.start, min(span.stop, account.at))
            real = self._entries(account, span.start, min(span.stop, account.at + 1))
            app, api = app + made_up[0] + real[0], api + made_up[1] + real[1]
            moved = moved or bool(real[3])
        return Counter(window, max(0, app), max(0, api), moved)

    def _entries(self, account: Account, start: int, end: int) -> tuple[int, int, int, int]:
        """Credits (app, API, prepaid) of `[start, end)`, and whether a counter was moved."""
        row: tuple[int, int, int, int] = self._all(
            "SELECT coalesce(sum(app), 0), coalesce(sum(api), 0), coalesce(sum(prepaid), 0),"
            " coalesce(max(app <> 0 OR api <> 0), 0) FROM entry"
            " WHERE account = ? AND at >= ? AND at < ?",
            *(account.name, start, end),
        )[0]
        return row

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Do all of it or nothing; alone in this process and in the file."""
        with self._lock, self._database:
            self._database.execute("BEGIN IMMEDIATE")
            yield

    def _all(self, statement: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()
