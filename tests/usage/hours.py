"""An hour of RemBG's life, tick by tick: what it was asked meanwhile, and what people then see."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.core import mail
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from time_machine import Traveller

from dashboard.keys.models import Account
from dashboard.overview.models import Share, issue
from dashboard.teams.models import User
from dashboard.usage import tasks
from dashboard.usage.models import (
    AccountOutlook,
    CalendarMonth,
    Cycle,
    Snapshot,
)
from tests.rembg.hostile import Line, http
from tests.usage.answers import END, START, listed, usage

ELEVEN = datetime(2026, 11, 18, 11, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
# What no failed reading may change.
KEPT: tuple[type[Model], ...] = (Cycle, CalendarMonth, AccountOutlook)
Query = dict[str, str]
Script = Callable[[Line, Query], None]


def good(query: Query, *, app: int = 4200, api: int = 5100, left: int = 9200) -> Any:
    """A good answer to what was asked."""
    if "listBillingCycles" in query:
        return listed((START - timedelta(days=30), START, 120, 880), (START, END, app, api))
    return usage(app=app, api=api, usedIncludedCredits=app + api, remainingIncludedCredits=left)


@dataclass
class Weather:
    """RemBG as it is just now: well, unless a fault is set. It notes who asked, and when."""

    fault: Script | None = None
    numbers: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[datetime, str]] = field(default_factory=list)

    def __call__(self, line: Line) -> None:
        target, key = read(line)
        self.asked.append((timezone.now(), key))
        query = dict(parse_qsl(urlsplit(target).query))
        (self.fault or self.well)(line, query)

    def well(self, line: Line, query: Query) -> None:
        """Answer as RemBG does on a good day."""
        line.send(json_answer(good(query, **self.numbers)))

    def most_in_a_minute(self) -> int:
        """Return the most requests that came within any 60 seconds."""
        return most_in_a_minute([at for at, _ in self.asked])


def most_in_a_minute(times: list[datetime]) -> int:
    """Return the most of these moments that lie within any 60 seconds."""
    return max((sum(at <= one < at + MINUTE for one in times) for at in times), default=0)


def read(line: Line) -> tuple[str, str]:
    """Return what is asked and with which key."""
    first, *fields = line.head().decode("latin-1").split("\r\n")
    key = next((one[11:] for one in fields if one.lower().startswith("x-api-key: ")), "")
    return first.split(" ")[1], key


def json_answer(document: Any, status: int = 200, **headers: object) -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return http(status, body, **{"Content_Type": "application/json", **headers})


@dataclass
class Hour:
    """Acme's account, the clock, and a browser; `weather` is what RemBG is like."""

    account: Account
    clock: Traveller
    weather: Weather
    browser: Client
    token: str

    def pass_by(self, minutes: int, *, every: int = 5) -> None:
        """Let the time go by, with a tick of the poller every few minutes."""
        for _ in range(0, minutes, every):
            self.clock.shift(timedelta(minutes=every))
            tasks.poll_due.call_local()

    @property
    def last_good(self) -> Snapshot:
        return self.account.snapshots.good().latest("asked_at")

    def failed(self) -> list[Snapshot]:
        """Return the failed and invalid readings, oldest first."""
        usable = Snapshot.objects.usable().values("pk")
        return list(self.account.snapshots.exclude(pk__in=usable).order_by("asked_at"))

    def kept(self) -> list[list[dict[str, Any]]]:
        """Return every row that a failed reading must leave as it was."""
        rows = [list(model.objects.order_by("pk").values()) for model in KEPT]
        account = Account.objects.filter(pk=self.account.pk)
        standing = account.values("spendable_credits", "cycle_start_at", "cycle_end_at")
        return [*rows, list(standing), list(self.account.snapshots.good().order_by("pk").values())]

    def get(self, path: str) -> Any:
        answer = self.browser.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer

    @property
    def url(self) -> str:
        return f"/teams/acme/accounts/{self.account.pk}/"

    @property
    def statement_url(self) -> str:
        return f"/teams/acme/statements/{self.account.pk}/{int(START.timestamp())}-stripe"

    def figures(self) -> dict[str, Any]:
        """Return what programs and charts are told: every number that a failure may not move."""
        days = self.get(f"{self.url}days.json").json()
        cycle = self.get(f"{self.url}this-cycle.json").json()
        api = f"/api/v1/teams/acme/accounts/{self.account.pk}"
        return {
            "columns": [one["data"] for one in days["series"]],
            "left": [one["data"] for one in cycle["series"] if one["role"] == "left"],
            "stale": [self.listed()["stale"], days["stale"], cycle["stale"]],
            "account": {name: value for name, value in self.listed().items() if name != "stale"},
            "forecast": self.get(f"{api}/forecast").json(),
            "statement": self.get(f"{self.statement_url}.csv").text,
        }

    def listed(self) -> dict[str, Any]:
        """Return the account as the JSON API lists it."""
        found = self.get("/api/v1/teams/acme/accounts").json()["accounts"]
        return next(one for one in found if one["id"] == str(self.account.pk))

    def metrics(self) -> dict[str, float]:
        text = self.get("/metrics").text
        found = re.findall(r"^dashboard_(\w+)\{.*?\} (\S+)$", text, re.M)
        return {name: float(value) for name, value in found}

    def badge(self) -> str:
        return self.get(f"/shared/{self.token}/badge.svg").text

    def page(self, path: str) -> str:
        """Return what is to be read on a page, with the moments that it names for machines."""
        html = self.get(path).text
        assert "<script>alert" not in html
        text = re.sub(r'<time datetime="([^"]+)">', r" [\1] ", html)
        return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def shared_badge(account: Account, by: User, *, at: datetime) -> str:
    facts = {"account": None, "label": "Badge", "days": 30}
    return issue(account.team, shows=Share.Shows.BADGE, by=by, at=at, **facts)[1]


def nothing_was_sent() -> bool:
    """Say that nobody was written to."""
    return mail.outbox == []
