"""RemBG's wire: who may call, which call it is, and what it answers."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dashboard.sandbox import controls, errors, exchange, membership, page, profiles
from dashboard.sandbox.accounts import Accounts
from dashboard.sandbox.errors import Problem, Refusal
from dashboard.sandbox.exchange import Request, Response
from dashboard.sandbox.faults import Faults
from dashboard.sandbox.form import read_form
from dashboard.sandbox.parameters import parse
from dashboard.sandbox.pictures import inspect
from dashboard.sandbox.profiles import Key
from dashboard.sandbox.rendering import TYPES, is_large, render
from dashboard.sandbox.segmentation import Segmenter
from dashboard.sandbox.settings import Settings
from dashboard.sandbox.state import State

# RemBG's own document, as its wire is described; the gateway's is made from the same file.
OPENAPI = (Path(__file__).parent.parent / "openapi.json").read_bytes()

# The span of the short-term limit, seconds.
SPAN = 10.0


class Sandbox:
    """A small RemBG: answers calls, from any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.segmenter = Segmenter(settings.model)
        self._state = State(settings.state_file)
        self._accounts = Accounts(self._state)
        self._faults = Faults(settings)
        self._limit = RateLimit(settings.rate_limit)
        self._alone = threading.BoundedSemaphore(1)
        self._seats = threading.BoundedSemaphore(settings.segmentations)
        self.routes: dict[str, dict[str, Callable[[Request], Response]]] = {
            "/": {"GET": self._page},
            "/page.css": {"GET": self._style},
            "/healthz": {"GET": self._health},
            "/rmbg": {"POST": self._remove},
            "/api/membership-usage": {"GET": self._usage},
            "/api/openapi": {"GET": self._openapi},
            "/sandbox/clock": {"PUT": self._set_clock},
            "/sandbox/accounts": {"PUT": self._change_account},
            "/sandbox/ledger": {"GET": self._ledger},
            "/sandbox/reset": {"POST": self._reset},
        }

    def close(self) -> None:
        self._state.close()

    def answer(self, request: Request) -> Response:
        """Answer a call; raises EOFError and TimeoutError when its body breaks off."""
        try:
            return self._route(request)(request)
        except Refusal as exc:
            return exchange.refusal(exc)

    def _route(self, request: Request) -> Callable[[Request], Response]:
        methods = self.routes.get(request.path)
        if methods is None:
            raise errors.plain(404, "There is nothing at this address.")
        wanted = "GET" if request.method == "HEAD" else request.method
        if wanted not in methods:
            allowed = (("Allow", ", ".join(methods)),)
            raise Refusal(405, errors.plain(405).problems, headers=allowed)
        if request.path.startswith("/sandbox/"):
            controls.require_loopback(request)
        return methods[wanted]

    def route_name(self, request: Request | None) -> str:
        """The address for the log, as long as it is one of ours: another might hold a secret."""
        return request.path if request and request.path in self.routes else "other"

    def _key(self, request: Request) -> Key:
        text = request.header("x-api-key")
        if text is not None and request.header("authorization") is not None:
            raise errors.TWO_CREDENTIALS.refusal()
        key = profiles.read(text or "")
        if key is None:
            raise errors.BAD_KEY.refusal()
        self._faults.at_the_door(key)
        time.sleep(self.settings.latency)
        return key

    def _remove(self, request: Request) -> Response:
        key = self._key(request)
        self._limit.count(key.text)
        form = read_form(request.body, request.header("content-type"))
        try:
            while request.body.read():
                pass
            self._faults.of_the_table(key)
            instead = self._faults.instead(key, "rmbg")
            if instead is not None:
                return instead
            upload = form.picture()
            picture = inspect(upload)
            parameters = self._faults.parameters(key, parse(form.fields), picture)
            self._accounts.require_credit(self._accounts.find(key, now=request.now))
            with self._seat(large=is_large(picture, parameters)):
                result = render(picture, parameters, self.segmenter)
            digest = upload.sha256
        finally:
            form.close()
        # Booked and on disk before the first byte goes out.
        self._accounts.charge(key, request_id=request.id, sha256=digest, now=request.now)
        return self._faults.on_the_way(key, Response(200, TYPES[parameters.format], result))

    @contextmanager
    def _seat(self, *, large: bool) -> Iterator[None]:
        """One of the few places to work on a picture; raises Refusal 503 after a long wait."""
        wait = self.settings.large_wait
        with ExitStack() as places:
            for place in (self._alone, self._seats) if large else (self._seats,):
                if not place.acquire(timeout=wait):
                    raise errors.busy("The sandbox is working on other large pictures.")
                places.callback(place.release)
            yield

    def _usage(self, request: Request) -> Response:
        key = self._key(request)
        instead = self._faults.instead(key, "usage")
        if instead is not None:
            return instead
        question = membership.Question.parse(request.query)
        account = self._accounts.answering(self._accounts.find(key, now=request.now))
        document = membership.answer(self._accounts, account, question)
        return self._faults.on_the_way(key, exchange.document(document))

    def _openapi(self, request: Request) -> Response:
        return Response(200, "application/json", OPENAPI)

    def _page(self, request: Request) -> Response:
        host = request.header("host") or f"{self.settings.host}:{self.settings.port}"
        content = page.render(host=host, model=self.segmenter.name)
        headers = (("Content-Security-Policy", page.POLICY),)
        return Response(200, "text/html; charset=utf-8", content, headers)

    def _style(self, request: Request) -> Response:
        return Response(200, "text/css; charset=utf-8", page.STYLE)

    def _health(self, request: Request) -> Response:
        return exchange.document({"status": "ok", "model": self.segmenter.name})

    def _set_clock(self, request: Request) -> Response:
        return controls.set_clock(self._accounts, request)

    def _change_account(self, request: Request) -> Response:
        return controls.change_account(self._accounts, request)

    def _ledger(self, request: Request) -> Response:
        return controls.ledger(self._state, request)

    def _reset(self, request: Request) -> Response:
        self._faults.forget()
        self._limit.forget()
        return controls.reset(self._state, request)


class RateLimit:
    """Counts removals per key; `most` in ten seconds, 0 for no limit (contract: about 200)."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = {}

    def count(self, key: str) -> None:
        """Count a call; raises Refusal with the seconds to wait when it is one too many."""
        if not self._most:
            return
        now = time.monotonic()
        with self._lock:
            calls = self._calls.setdefault(key, deque())
            while calls and calls[0] <= now - SPAN:
                calls.popleft()
            if len(calls) >= self._most:
                wait = str(max(1, round(calls[0] + SPAN - now)))
                row = errors.RATE_SHORT
                raise Refusal(row.status, [Problem(row.sentence)], headers=(("Retry-After", wait),))
            calls.append(now)

    def forget(self) -> None:
        with self._lock:
            self._calls.clear()
