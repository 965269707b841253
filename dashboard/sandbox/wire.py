"""RemBG's wire: who may call, which call it is, and what it answers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dashboard.sandbox import controls, membership, messages, page, profiles, responses
from dashboard.sandbox.accounts import Accounts
from dashboard.sandbox.faults import Faults
from dashboard.sandbox.limits import RateLimit
from dashboard.sandbox.messages import Refusal
from dashboard.sandbox.multipart import read_form
from dashboard.sandbox.pictures import inspect
from dashboard.sandbox.profiles import Key
from dashboard.sandbox.protocol import Body, Head
from dashboard.sandbox.rendering import TYPES, render
from dashboard.sandbox.responses import Response
from dashboard.sandbox.rules import parse
from dashboard.sandbox.segmentation import Segmenter
from dashboard.sandbox.settings import Settings
from dashboard.sandbox.state import State

# RemBG's own document, as its wire is described; the gateway's is made from the same file.
OPENAPI = (Path(__file__).parent.parent / "openapi.json").read_bytes()


@dataclass(frozen=True)
class Call:
    """One request, with what the connection knows about it; `now` in Unix seconds."""

    head: Head
    body: Body
    peer: str
    request_id: str
    now: int


class Sandbox:
    """A small RemBG: answers calls, from any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.segmenter = Segmenter(settings.model)
        self._state = State(settings.state_file)
        self._accounts = Accounts(self._state)
        self._faults = Faults(settings)
        self._limit = RateLimit(settings.rate_limit)
        self._seats = threading.BoundedSemaphore(settings.segmentations)
        self.routes: dict[str, dict[str, Callable[[Call], Response]]] = {
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

    def answer(self, call: Call) -> Response:
        """Answer a call; raises Gone when its body breaks off."""
        try:
            return self._route(call)(call)
        except Refusal as exc:
            return responses.refusal(exc)

    def _route(self, call: Call) -> Callable[[Call], Response]:
        methods = self.routes.get(call.head.path)
        if methods is None:
            raise messages.plain(404, "There is nothing at this address.")
        wanted = "GET" if call.head.method == "HEAD" else call.head.method
        if wanted not in methods:
            allowed = (("Allow", ", ".join(methods)),)
            raise Refusal(405, messages.plain(405).problems, headers=allowed)
        if call.head.path.startswith("/sandbox/"):
            controls.require_loopback(call.head, call.peer)
        return methods[wanted]

    def _key(self, call: Call) -> Key:
        text = call.head.header("x-api-key")
        if text is not None and call.head.header("authorization") is not None:
            raise messages.TWO_CREDENTIALS.refusal()
        key = profiles.read(text or "")
        if key is None:
            raise messages.BAD_KEY.refusal()
        self._faults.at_the_door(key)
        time.sleep(self.settings.latency)
        return key

    def _remove(self, call: Call) -> Response:
        key = self._key(call)
        self._limit.count(key.text)
        form = read_form(call.body, call.head.header("content-type"))
        try:
            while call.body.read():
                pass
            self._faults.of_the_table(key)
            instead = self._faults.instead(key, "rmbg")
            if instead is not None:
                return instead
            upload = form.picture()
            header = inspect(upload)
            parameters = self._faults.parameters(key, parse(form.fields), header)
            self._accounts.require_credit(self._accounts.find(key, now=call.now))
            with self._seats:
                result = render(upload.file, header, parameters, self.segmenter)
            digest = upload.sha256
        finally:
            form.close()
        # Booked and on disk before the first byte goes out.
        self._accounts.charge(key, request_id=call.request_id, sha256=digest, now=call.now)
        return self._faults.on_the_way(key, Response(200, TYPES[parameters.format], result))

    def _usage(self, call: Call) -> Response:
        key = self._key(call)
        instead = self._faults.instead(key, "usage")
        if instead is not None:
            return instead
        question = membership.Question.parse(call.head.query)
        account = self._accounts.answering(self._accounts.find(key, now=call.now))
        document = membership.answer(self._accounts, account, question)
        return self._faults.on_the_way(key, responses.document(document))

    def _openapi(self, call: Call) -> Response:
        return Response(200, "application/json", OPENAPI)

    def _page(self, call: Call) -> Response:
        host = call.head.header("host") or f"{self.settings.host}:{self.settings.port}"
        content = page.render(host=host, model=self.segmenter.name)
        headers = (("Content-Security-Policy", page.POLICY),)
        return Response(200, "text/html; charset=utf-8", content, headers)

    def _style(self, call: Call) -> Response:
        return Response(200, "text/css; charset=utf-8", page.STYLE)

    def _health(self, call: Call) -> Response:
        return responses.document({"status": "ok", "model": self.segmenter.name})

    def _set_clock(self, call: Call) -> Response:
        return controls.set_clock(self._accounts, call.head, call.body, now=call.now)

    def _change_account(self, call: Call) -> Response:
        return controls.change_account(self._accounts, call.head, call.body, now=call.now)

    def _ledger(self, call: Call) -> Response:
        return controls.ledger(self._state, call.head)

    def _reset(self, call: Call) -> Response:
        self._faults.forget()
        self._limit.forget()
        return controls.reset(self._state, call.head, call.body)
