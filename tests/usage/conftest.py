"""A little server that answers what a test wrote down for it, and remembers what it was asked."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.usage.models import CalendarMonth
from tests.conftest import add_key
from tests.rembg.hostile import hostile
from tests.usage.answers import END, MADE, START, listed, usage
from tests.usage.hours import ELEVEN, Hour, Weather, shared_badge

__all__ = ["END", "MADE", "START", "listed", "usage"]


@dataclass
class Answer:
    """What to answer: a document (or bytes), a status, headers, and a pause before it."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pause: float = 0.0

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Wire:
    """The server: `say` decides by the query; `asked` are (query, key) pairs in their order."""

    url: str
    say: Callable[[dict[str, str], str], Answer]
    asked: list[tuple[dict[str, str], str]] = field(default_factory=list)

    def always(self, body: Any, **more: Any) -> None:
        self.say = lambda query, key: Answer(body, **more)

    def by_mode(self, *, current: Any, cycles: Any = None, month: Any = None) -> None:
        """Answer each mode with its own document."""

        def say(query: dict[str, str], key: str) -> Answer:
            if "listBillingCycles" in query:
                return answer_of({"billingCycles": []} if cycles is None else cycles)
            if "year" in query:
                return answer_of({"app_usage": 1, "api_usage": 2} if month is None else month)
            return answer_of(current)

        self.say = say

    @property
    def modes(self) -> list[str]:
        return [
            "cycles" if "listBillingCycles" in query else "month" if "year" in query else "current"
            for query, _ in self.asked
        ]


def answer_of(found: Any) -> Answer:
    return found if isinstance(found, Answer) else Answer(found)


@pytest.fixture
def account(acme) -> Account:
    """The account of Acme, not read yet, of which everything is due."""
    return Account.objects.create(
        team=acme, label="Main", created_at=MADE, next_poll_at=MADE, cycles_due_at=MADE
    )


@pytest.fixture
def wire(settings) -> Iterator[Wire]:
    """A hostile RemBG in place of the sandbox."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            key = self.headers.get("x-api-key", "")
            wire.asked.append((query, key))
            answer = wire.say(query, key)
            time.sleep(answer.pause)
            self.send_response_only(answer.status)
            headers = {"Content-Type": "application/json", **answer.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", headers.get("Content-Length", str(len(answer.data))))
            self.end_headers()
            self.wfile.write(answer.data)
            self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    wire = Wire(f"http://127.0.0.1:{server.server_port}", lambda query, key: Answer(usage()))
    settings.REMBG_API_URL = settings.REMBG_SITE_URL = wire.url
    wire.by_mode(current=usage())
    yield wire
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_network_in_atomic(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Fail a call to the network that is made inside a transaction; list the calls made."""
    calls: list[bool] = []
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        calls.append(connection.in_atomic_block)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    return calls


@pytest.fixture
def hour(acme, alice, settings, client) -> Iterator[Hour]:
    """An account that was read well from 11:00 to 12:00; only its running cycle is due."""
    settings.POLL_THREADS, settings.REMBG_DEADLINE_SECONDS = 1, 60.0
    weather = Weather()
    with (
        time_machine.travel(ELEVEN - timedelta(minutes=5), tick=False) as clock,
        hostile(weather) as server,
    ):
        settings.REMBG_API_URL = settings.REMBG_SITE_URL = server.url
        account = Account.objects.create(
            team=acme, label="Main", created_at=MADE, next_poll_at=MADE, cycles_due_at=MADE
        )
        add_key(account, "canary-4f2a-secret")
        CalendarMonth.objects.bulk_create(
            CalendarMonth(account=account, year=2026, month=month, app_usage=1, asked_at=ELEVEN)
            for month in range(1, 12)
        )
        CalendarMonth.objects.create(account=account, year=2025, month=12, asked_at=ELEVEN)
        client.force_login(alice)
        badge = shared_badge(account, alice, at=timezone.now())
        hour = Hour(account, clock, weather, client, badge)
        hour.pass_by(65)
        yield hour
