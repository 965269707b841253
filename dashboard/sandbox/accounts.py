"""Accounts of the sandbox: what they may spend, what they spent, and in which window."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any

from dashboard.sandbox import errors
from dashboard.sandbox.calendar import STRIPE, Epoch, Span, Window, month
from dashboard.sandbox.history import HOUR, History
from dashboard.sandbox.profiles import Key, Plan
from dashboard.sandbox.state import AccountRow, Charge, State

QUARTER = 15 * 60
STALE = 2 * HOUR


@dataclass(frozen=True)
class Counter:
    """Included credits used in a window, by the web editor and by API keys."""

    window: Window
    app: int
    api: int

    @property
    def used(self) -> int:
        return self.app + self.api

    def inferred(self, starts: list[int]) -> Counter:
        """The same with the end that the next of these starts (ascending) leaves the window."""
        end = next((each for each in starts if each > self.window.start), self.window.end)
        return replace(self, window=replace(self.window, end=end))


@dataclass(frozen=True)
class Account:
    """An account at one moment `at` (its test clock's, if it has one), Unix seconds."""

    key: Key
    row: AccountRow
    at: int

    @property
    def plan(self) -> Plan:
        """Today's plan: the one that was set, or else what upgrades have made of it."""
        profile, seen_at = self.key.profile, self.row.seen_at
        stored = Plan(self.row.membership, self.row.included)
        untouched = stored == profile.plan_at(seen_at, seen_at)
        return profile.plan_at(seen_at, self.at) if untouched else stored

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        return self.key.profile.epochs(self.row.seen_at)

    @property
    def history(self) -> History:
        return self.key.profile.history(self.row.name, self.row.seen_at)

    @property
    def begins_at(self) -> int:
        return self.key.profile.begins_at(self.row.seen_at)

    def epoch_at(self, at: int) -> Epoch:
        """How the account is billed at a moment; nobody knows yet what comes after its own."""
        moment = min(at, self.at)
        return next(each for each in self.epochs if each.start <= moment < each.end)

    def current_window(self) -> Window:
        """The window that a removal is counted in now."""
        return self.epoch_at(self.at).counting_at(self.at)


class Accounts:
    """The accounts in the state file. Counters are computed, so two calls cannot disagree."""

    def __init__(self, state: State) -> None:
        self._state = state

    def find(self, key: Key, *, now: int) -> Account:
        """The account of a key as of its clock, or as of `now`; it begins when first seen."""
        row = self._state.account(key.account)
        if row is None:
            plan, prepaid = key.profile.plan_at(now, now), key.profile.prepaid
            fresh = AccountRow(key.account, now, plan.membership, plan.included, prepaid, None)
            with self._state.transaction():
                self._state.add_account(fresh)
                row = self._state.account(key.account) or fresh
        return Account(key, row, now if row.clock is None else row.clock)

    def answering(self, account: Account) -> Account:
        """The account that a question is answered from: now and then a replica, two hours old.

        Which answers are old is settled by the quarter of an hour: those whose number (Unix time
        divided by 900, in decimal digits) has a SHA-256 that begins with 0 or 1, one in eight.
        """
        quarter = str(account.at // QUARTER)
        old = hashlib.sha256(quarter.encode()).hexdigest()[0] in "01"
        at = account.at - STALE
        if not (account.key.profile.stale and old and at >= account.begins_at):
            return account
        spent = self._state.prepaid_used(account.row.name, at + 1, account.at + 1)
        row = replace(account.row, prepaid=account.row.prepaid + spent)
        return replace(account, row=row, at=at)

    def month(self, account: Account, year: int, number: int) -> Counter:
        """A UTC calendar month: everything used in it, whatever window it was counted in."""
        window = month(year, number)
        return self._counter(account, window, [Span(window.start, window.end, window)])

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
        listed = []
        for window, spans in self.windows(account).items():
            counter = self._counter(account, window, spans)
            runs = window == current and window.kind == STRIPE
            if runs or counter.used or self._was_counted(account, spans):
                listed.append((counter, runs))
        starts = sorted(counter.window.start for counter, _ in listed)
        cycles = [each if runs else each.inferred(starts) for each, runs in listed]
        return sorted(cycles, key=lambda each: each.window, reverse=True)

    def windows(self, account: Account) -> dict[Window, list[Span]]:
        """Every window since the account's history began, with the spans that it counted."""
        entry = self._state.first_entry_at(account.row.name)
        first = min(account.begins_at, account.at if entry is None else entry, account.at)
        found: dict[Window, list[Span]] = {}
        for epoch in account.epochs:
            for span in epoch.spans(first, account.at):
                found.setdefault(span.window, []).append(span)
        return found

    def require_credit(self, account: Account) -> bool:
        """Say whether the next credit is a prepaid one; raises Refusal when none is left."""
        counter = self.counter(account, account.current_window())
        if counter.used < account.plan.included:
            return False
        if account.row.prepaid < 1:
            raise errors.RATE_MONTHLY.refusal()
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
            row = replace(account.row, **changes.columns(account.plan))
            self._state.change_account(row)
            counter = self.counter(account, account.current_window())
            app = 0 if changes.app_usage is None else changes.app_usage - counter.app
            api = 0 if changes.api_usage is None else changes.api_usage - counter.api
            if app or api:
                self._state.correct(row.name, account.at, app=app, api=api)
            return self.find(key, now=now)

    def _counter(self, account: Account, window: Window, spans: list[Span]) -> Counter:
        """What was used in these spans, as far as the account's moment has come."""
        app = api = 0
        for span in spans:
            made_up = account.history.used(span.start, min(span.end, account.at))
            end = min(span.end, account.at + 1)
            real = self._state.used(account.row.name, span.start, end)
            app, api = app + made_up[0] + real[0], api + made_up[1] + real[1]
        return Counter(window, max(0, app), max(0, api))

    def _was_counted(self, account: Account, spans: list[Span]) -> bool:
        """Say whether a counter that stands at 0 was ever moved."""
        return any(
            self._state.has_counted(account.row.name, span.start, min(span.end, account.at + 1))
            for span in spans
        )


@dataclass(frozen=True)
class AccountChanges:
    """What a test sets on an account; None leaves it."""

    included_credits: int | None = None
    prepaid_credits: int | None = None
    membership: str | None = None
    app_usage: int | None = None
    api_usage: int | None = None

    def columns(self, plan: Plan) -> dict[str, Any]:
        """What is to be stored; of a plan that is set in part, the rest is today's."""
        values: dict[str, Any] = {}
        if self.prepaid_credits is not None:
            values["prepaid"] = self.prepaid_credits
        if self.membership is not None or self.included_credits is not None:
            values["membership"] = self.membership or plan.membership
            values["included"] = (
                plan.included if self.included_credits is None else self.included_credits
            )
        return values
