"""What RemBG counted of a window, and every sum that the house makes of it, read where people do.

Nothing of the house's own arithmetic is used here: pages, `.json`, files and the API are asked.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import time_machine
from django.test import Client

from dashboard.keys.models import Account
from dashboard.teams.models import Team
from dashboard.usage.polling.ask import poll
from tests.conftest import Sandbox

USAGE = "/api/membership-usage"
NUMBER = r"(?<![\d,])([\d,]+)(?![\d,])"
BETWEEN = "between readings too far apart to say when"
AFTER = "counted after its renewal: RemBG learnt of it late"
BESIDE = (BETWEEN, "RemBG corrected its counters", AFTER)
MORE = re.compile(rf"{NUMBER} (?:more|credits) were used {BETWEEN}")


@dataclass(frozen=True)
class World:
    """A team whose accounts the sandbox counts, with all clocks at one moment."""

    team: Team
    sandbox: Sandbox
    secrets: dict[str, str]
    at: datetime
    # Since when the accounts are read: before, an unused cycle is told by nobody.
    since: datetime | None = None

    @property
    def accounts(self) -> list[Account]:
        return [self.team.accounts.get(label=label) for label in self.secrets]

    def counted(self, account: Account) -> list[Counted]:
        """Ask the sandbox for each window of the account: the list, and each by its start.

        One without a credit used is not listed (contract 2); what runs, and what ran while the
        account was read, is asked for all the same.
        """
        secret = self.secrets[account.label]
        listed = self.sandbox.get(USAGE, secret, listBillingCycles=1)["billingCycles"]
        counted = [self._one(secret, one) for one in listed]
        running = _counted(self.sandbox.get(USAGE, secret, expand="billing_cycle"))
        known = {one.start: one for one in (running, *counted)}
        for one in list(known.values()):
            known.update(self._unused_after(secret, one, known))
        return sorted(known.values(), key=lambda one: one.start, reverse=True)

    def _unused_after(
        self, secret: str, one: Counted, known: dict[int, Counted]
    ) -> dict[int, Counted]:
        """Ask for the cycles that follow on one of Stripe's and are not listed."""
        found: dict[int, Counted] = {}
        while one.kind == "stripe" and self.since and utc(one.last + 1) < self.at:
            if one.last + 1 in known:
                break
            asked = {"periodStartUnix": one.last + 1, "expand": "billing_cycle"}
            one = _counted(self.sandbox.get(USAGE, secret, **asked))
            if one.kind == "stripe" and utc(one.last) > self.since:
                found[one.start] = one
        return found

    def _one(self, secret: str, listed: dict) -> Counted:
        start = listed["periodStartUnix"]
        answer = self.sandbox.get(USAGE, secret, periodStartUnix=start, expand="billing_cycle")
        # The list infers ends; its counters are the window's (contract 2).
        for name in ("periodStartUnix", "appUsage", "apiUsage"):
            assert answer["billingCycle"][name] == listed[name]
        return _counted(answer)

    def set_clocks(self, at: datetime) -> None:
        for secret in self.secrets.values():
            self.sandbox.set_clock(secret, at)

    def moved(self, by: timedelta) -> World:
        """Move all clocks on."""
        self.set_clocks(self.at + by)
        return replace(self, at=self.at + by)

    def poll(self, *, at: datetime) -> None:
        """Read all accounts as of a moment."""
        self.set_clocks(at)
        for account in self.accounts:
            read(account, at=at)

    def poll_one(self, label: str, *, at: datetime) -> None:
        """Read one account as of a moment."""
        self.sandbox.set_clock(self.secrets[label], at)
        read(self.team.accounts.get(label=label), at=at)

    def read(self, *, at: datetime) -> None:
        """Read all accounts as of a moment, the lists of cycles too."""
        self.team.accounts.update(cycles_due_at=at)
        self.poll(at=at)


def read(account: Account, *, at: datetime) -> None:
    """Read an account; an answer may be one that is not believed yet."""
    found = poll(account, at=at)
    assert found.is_good or found.is_doubted


@dataclass(frozen=True)
class Counted:
    """A window as RemBG counted it, in credits; `last` is its last second."""

    start: int
    last: int
    kind: str
    app: int
    api: int

    @property
    def key(self) -> str:
        return f"{self.start}-{self.kind}"

    @property
    def used(self) -> int:
        return self.app + self.api


def _counted(answer: dict) -> Counted:
    block = answer["billingCycle"]
    kind = "stripe" if block["stripeBillingSynced"] else "calendar"
    window = block["periodStartUnix"], block["periodEndUnix"]
    return Counted(*window, kind, block["appUsage"], block["apiUsage"])


@dataclass(frozen=True)
class Shown:
    """What the house says of one account to somebody who is signed in."""

    client: Client
    account: Account
    at: datetime

    def get(self, path: str, **query: object):
        with time_machine.travel(self.at, tick=False):
            answer = self.client.get(path, query)
        assert answer.status_code == 200, path
        return answer

    @property
    def page(self) -> str:
        return f"/teams/{self.account.team.slug}/accounts/{self.account.pk}/"

    @property
    def statements(self) -> str:
        return f"/teams/{self.account.team.slug}/statements/{self.account.pk}/"

    @property
    def api(self) -> str:
        return f"/api/v1/teams/{self.account.team.slug}/accounts/{self.account.pk}/"

    def rows(self) -> Counter[Counted]:
        """Return the cycles that the API lists."""
        names = ("period_start_unix", "period_end_unix", "kind", "app_usage", "api_usage")
        listed = self.get(f"{self.api}cycles").json()["cycles"]
        return Counter(Counted(*(one[name] for name in names)) for one in listed)

    def said(self, key: str) -> tuple[int, int, int]:
        """Return app, API and used credits as the account's page says them in words."""
        page = words(self.get(self.page, cycle=key).text)
        past = rf"Credits used {NUMBER}.*? In the app {NUMBER}.*? By API {NUMBER}"
        if found := re.search(past, page):
            used, app, api = found.groups()
        else:
            app, api, used = re.search(rf"App {NUMBER} API {NUMBER} Used {NUMBER}", page).groups()
        return whole(app), whole(api), whole(used)

    def columns(self, kind: str) -> dict[str, tuple[int, int]]:
        """Return app and API credits of every column of the chart of cycles, by its key."""
        chart = self.get(f"{self.page}cycles.json", kind=kind).json()
        app, api = (one["data"] for one in chart["series"][:2])
        keys = [link and link.split("cycle=")[1] for link in chart["links"]]
        return dict(zip(keys, zip(app, api, strict=True), strict=True))

    def days(self, key: str) -> tuple[int, int]:
        """Return the sums of a cycle's days: columns and gaps, less corrections (app, API)."""
        chart = self.get(f"{self.page}days.json", cycle=key).json()
        assert chart["time_zone"] == self.account.team.time_zone
        columns = [[one or 0 for one in series["data"]] for series in chart["series"]]
        assert min(map(min, columns)) >= 0
        rows = chart["table"]["rows"]
        beside = [row for row in rows if row[-1] in BESIDE]
        assert len(rows) == len(chart["x"]["labels"]) + len(beside)
        assert not [row for row in beside if None in row], (key, beside)
        app, api = (sum(part) + sum(row[n] for row in beside) for n, part in enumerate(columns, 1))
        between = sum(row[3] for row in beside if row[-1] == BETWEEN)
        assert between == sum(whole(found) for found in MORE.findall(chart["summary"]))
        return app, api

    def history(self, first: datetime) -> dict[str, tuple[int, int]]:
        """Return the API's sums since a window began, by kind: days and gaps, less corrections."""
        zone = self.account.team.zone
        since, until = (at.astimezone(zone).date().isoformat() for at in (first, self.at))
        found = self.get(f"{self.api}days", since=since, until=until).json()
        began = [one for one in found["gaps"] if datetime.fromisoformat(one["start_at"]) >= first]
        sums = {one["kind"]: Counter(app=0, api=0) for one in found["use"]}
        for one in (*found["use"], *began):
            mine = sums[one["kind"]]
            mine.update({name: one[f"{name}_usage"] or 0 for name in mine})
            mine.subtract({name: one.get(f"{name}_corrected") or 0 for name in mine})
        return {kind: (mine["app"], mine["api"]) for kind, mine in sums.items()}

    def use(self, day: str) -> list[dict]:
        """Return what the API says of a day, for each kind of windows that was read in it."""
        found = self.get(f"{self.api}days", since=day, until=day).json()["use"]
        return [one for one in found if one["app_usage"] is not None]

    def through(self, key: str) -> int:
        """Return what a statement says went through the house."""
        return self.get(f"{self.api}statements/{key}").json()["through"]["credits"]

    def statement(self, key: str) -> int:
        """Return a statement's total, once API, file and page agree on it and its lists close."""
        told = self.get(f"{self.api}statements/{key}").json()
        names = ("through", "outside_app", "outside_api", "discrepancy")
        parts = [told[name]["credits"] for name in names if told[name]]
        assert sum(parts) == told["total"]["credits"]
        for name in ("members", "virtual_keys", "tags"):
            assert sum(one["credits"] for one in told[name]) == told["through"]["credits"]
        file = self.get(f"{self.statements}{key}.csv").content.decode("utf-8-sig")
        rows = [row for row in csv.DictReader(io.StringIO(file)) if row["Section"] == "Summary"]
        *lines, total = (int(row["Credits"]) for row in rows)
        assert sum(lines) == total == told["total"]["credits"]
        said = re.search(
            rf"Total counted by RemBG {NUMBER}", words(self.get(f"{self.statements}{key}/").text)
        )
        assert whole(said[1]) == total
        return total

    def months(self) -> tuple[int, set[str]]:
        """Return the sum of the team's statements by month, and why cycles are left out of it."""
        root = f"/api/v1/teams/{self.account.team.slug}/statements"
        found = [self.get(f"{root}/{one}").json() for one in self.get(root).json()["months"]]
        left_out = {one["left_out"] for month in found for one in month["statements"]}
        return sum(one["total"]["credits"] or 0 for one in found), left_out

    def corrections(self, key: str) -> list[str]:
        """Return the marks of corrections in the chart of a cycle's days."""
        marks = self.get(f"{self.page}days.json", cycle=key).json()["marks"]
        return [one["label"] for one in marks if one["role"] == "correction"]

    def runs(self) -> list[int]:
        """Return where each line of the comparison ends: this cycle, then the last twelve."""
        chart = self.get(f"{self.page}compare.json", last=12).json()
        lines = ([one for one in line["data"] if one is not None] for line in chart["series"])
        return [line[-1] for line in lines]

    def cut(self, kind: str) -> list[int]:
        """Return what the columns of the statements' chart add up to, oldest first."""
        chart = self.get(f"{self.statements}cycles/{kind}.json").json()
        return [sum(parts) for parts in zip(*(s["data"] for s in chart["series"]), strict=True)]


def words(text: str) -> str:
    """Return a page without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def whole(number: str) -> int:
    return int(number.replace(",", ""))


def utc(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)
