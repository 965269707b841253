"""Accounts of the sandbox: what they may spend, what they spent, and in which window."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from dashboard.sandbox import messages
from dashboard.sandbox.calendar import STRIPE, Anchor, Epoch, Window, month
from dashboard.sandbox.history import History
from dashboard.sandbox.profiles import Key
from dashboard.sandbox.state import AccountRow, Charge, State


@dataclass(frozen=True)
class Counter:
    """Included credits used in a window, by the web editor and by API keys."""

    window: Window
    app: int
    api: int

    @property
    def used(self) -> int:
        return self.app + self.api


@dataclass(frozen=True)
class Account:
    """An account at one moment `at` (its test clock's, if it has one), Unix seconds."""

    key: Key
    row: AccountRow
    at: int

    @property
    def anchor(self) -> Anchor:
        return self.key.profile.anchor(self.row.seen_at)

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        return self.key.profile.epochs(self.row.seen_at)

    @property
    def history(self) -> History:
        return self.key.profile.history(self.row.name, self.row.seen_at)

    @property
    def begins_at(self) -> int:
        return self.key.profile.begins_at(self.row.seen_at)

    def current_window(self) -> Window:
        """The window that a removal is counted in now."""
        epoch = next(each for each in self.epochs if each.start <= self.at < each.end)
        return epoch.window_at(self.at, self.anchor)


class Accounts:
    """The accounts in the state file. Counters are computed, so two calls cannot disagree."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, key: Key, *, now: int) -> Account:
        """The account of a key as of its clock, or as of `now`; it begins when first seen."""
        row = self._state.account(key.account)
        if row is None:
            profile = key.profile
            fresh = AccountRow(
                key.account, now, profile.membership, profile.included, profile.prepaid, None
            )
            with self._state.transaction():
                self._state.add_account(fresh)
                row = self._state.account(key.account) or fresh
        return Account(key, row, now if row.clock is None else row.clock)

    def month(self, account: Account, year: int, number: int) -> Counter:
        """A UTC calendar month: everything used in it, whatever window it was counted in."""
        window = month(year, number)
        return Counter(window, *self._between(account, window.start, window.end))

    def counter(self, account: Account, window: Window) -> Counter:
        """A billing window: what was used while windows of its kind were the ones that counted.

        So an account that fell back to calendar months and came again has windows that overlap,
        and yet each credit in one of them only.
        """
        app = api = 0
        for epoch in account.epochs:
            if epoch.kind == window.kind:
                start, end = max(window.start, epoch.start), min(window.end, epoch.end)
                more = self._between(account, start, end)
                app, api = app + more[0], api + more[1]
        return Counter(window, app, api)

    def cycles(self, account: Account) -> list[Counter]:
        """Windows with usage and the current Stripe period, newest first."""
        current = account.current_window()
        counters = {}
        for window in self.windows(account):
            counter = self.counter(account, window)
            if counter.used or (window == current and window.kind == STRIPE):
                counters[window] = counter
        return sorted(counters.values(), key=lambda each: each.window, reverse=True)

    def windows(self, account: Account) -> list[Window]:
        """Every window since the account's history began, oldest first, each once."""
        entry = self._state.first_entry_at(account.row.name)
        first = min(account.begins_at, account.at if entry is None else entry, account.at)
        found = (
            window
            for epoch in account.epochs
            for window in epoch.windows(first, account.at, account.anchor)
        )
        return list(dict.fromkeys(found))

    def require_credit(self, account: Account) -> bool:
        """Say whether the next credit is a prepaid one; raises Refusal when none is left."""
        counter = self.counter(account, account.current_window())
        if counter.used < account.row.included:
            return False
        if account.row.prepaid < 1:
            raise messages.RATE_MONTHLY.refusal()
        return True

    def charge(self, key: Key, *, request_id: str, sha256: str, now: int) -> None:
        """Take one credit, included ones first; raises Refusal when none is left."""
        with self._state.transaction():
            account = self.find(key, now=now)
            prepaid = self.require_credit(account)
            self._state.charge(
                Charge(key.account, account.at, key.text, request_id, sha256, prepaid)
            )

    def set_clock(self, key: Key, clock: int | None, *, now: int) -> Account:
        """Let the account answer as of `clock`; one not seen before begins then."""
        with self._state.transaction():
            row = self.find(key, now=now if clock is None else clock).row
            self._state.change_account(replace(row, clock=clock))
            return self.find(key, now=now)

    def change(self, key: Key, changes: AccountChanges, *, now: int) -> Account:
        """Set an account's values; counters are those of the present window."""
        with self._state.transaction():
            account = self.find(key, now=now)
            row = replace(account.row, **changes.columns())
            self._state.change_account(row)
            counter = self.counter(account, account.current_window())
            app = 0 if changes.app_usage is None else changes.app_usage - counter.app
            api = 0 if changes.api_usage is None else changes.api_usage - counter.api
            if app or api:
                self._state.correct(row.name, account.at, app=app, api=api)
            return self.find(key, now=now)

    def _between(self, account: Account, start: int, end: int) -> tuple[int, int]:
        """Credits (app, API) of `[start, end)`, as far as the account's moment has come."""
        if start >= end or start > account.at:
            return 0, 0
        made_up = account.history.used(start, min(end, account.at))
        real = self._state.used(account.row.name, start, min(end, account.at + 1))
        return max(0, made_up[0] + real[0]), max(0, made_up[1] + real[1])


@dataclass(frozen=True)
class AccountChanges:
    """What a test sets on an account; None leaves it."""

    included_credits: int | None = None
    prepaid_credits: int | None = None
    membership: str | None = None
    app_usage: int | None = None
    api_usage: int | None = None

    def columns(self) -> dict[str, Any]:
        names = {
            "included": self.included_credits,
            "prepaid": self.prepaid_credits,
            "membership": self.membership,
        }
        return {name: value for name, value in names.items() if value is not None}
