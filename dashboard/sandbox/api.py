"""RemBG's wire: who may call, which call it is, and what it answers."""

import hashlib
import html
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from string import Template
from typing import Any

from dashboard.sandbox import controls, errors, messages, profiles, usage
from dashboard.sandbox.accounts import Accounts
from dashboard.sandbox.errors import Refusal
from dashboard.sandbox.faults import Faults
from dashboard.sandbox.form import Form, read_form
from dashboard.sandbox.messages import Request, Response
from dashboard.sandbox.parameters import parse
from dashboard.sandbox.pictures import inspect
from dashboard.sandbox.profiles import Key
from dashboard.sandbox.rendering import TYPES, is_large, render
from dashboard.sandbox.segmentation import NO_MODEL, Segmenter
from dashboard.sandbox.settings import Settings

FOLDER = Path(__file__).parent
# RemBG's own document, as its wire is described; the gateway's is made from the same file.
OPENAPI = Response(200, "application/json", (FOLDER.parent / "openapi.json").read_bytes())
PAGE = Template((FOLDER / "page.html").read_text(encoding="utf-8"))
STYLE = Response(200, "text/css; charset=utf-8", (FOLDER / "page.css").read_bytes())
POLICY = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)


class Sandbox:
    """A small RemBG: answers calls, from any number of threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.segmenter = Segmenter(settings.model)
        self._accounts = Accounts(settings.state_file)
        self._faults = Faults(settings)
        self._alone = threading.BoundedSemaphore(1)
        self._seats = threading.BoundedSemaphore(settings.segmentations)
        self.routes: dict[str, tuple[str, Callable[[Request], Response | dict[str, Any]]]] = {
            "/": ("GET", self._page),
            "/page.css": ("GET", lambda _: STYLE),
            "/healthz": ("GET", lambda _: {"status": "ok", "model": self.segmenter.name}),
            "/rmbg": ("POST", self._remove),
            "/api/membership-usage": ("GET", self._usage),
            "/api/openapi": ("GET", lambda _: OPENAPI),
            "/sandbox/clock": ("PUT", partial(controls.set_clock, self._accounts)),
            "/sandbox/accounts": ("PUT", partial(controls.change_account, self._accounts)),
            "/sandbox/ledger": ("GET", partial(controls.ledger, self._accounts)),
            "/sandbox/reset": ("POST", self._reset),
        }

    def close(self) -> None:
        self._accounts.close()

    def answer(self, request: Request) -> Response:
        """Answer a call; raises Refusal, EOFError and TimeoutError when its body breaks off."""
        if request.path not in self.routes:
            raise errors.plain(404, "There is nothing at this address.")
        method, route = self.routes[request.path]
        if method != ("GET" if request.method == "HEAD" else request.method):
            raise Refusal(405, errors.plain(405).problems, (("Allow", method),))
        if request.path.startswith("/sandbox/"):
            controls.require_loopback(request)
        found = route(request)
        return found if isinstance(found, Response) else messages.document(found)

    def route_name(self, request: Request | None) -> str:
        """The address for the log, as long as it is one of ours: another might hold a secret."""
        return request.path if request and request.path in self.routes else "other"

    def _key(self, request: Request) -> Key:
        text = request.header("x-api-key")
        if text is not None and request.header("authorization") is not None:
            raise errors.row("two_credentials")
        key = profiles.read(text)
        self._faults.at_once(key)
        time.sleep(self.settings.latency)
        return key

    def _remove(self, request: Request) -> Response:
        key = self._key(request)
        self._faults.limit(key)
        form = read_form(request)
        try:
            while request.read():
                pass
            return self._faults.instead(key, "rmbg") or self._removed(key, form, request)
        finally:
            form.close()

    def _removed(self, key: Key, form: Form, request: Request) -> Response:
        picture = inspect(form)
        parameters = self._faults.parameters(key, parse(form.fields), picture)
        self._accounts.require_credit(self._accounts.find(key, now=request.now))
        with self._seat(large=is_large(picture, parameters)):
            result = render(picture, parameters, self.segmenter)
        picture.file.seek(0)
        digest = hashlib.sha256(picture.file.read()).hexdigest()
        # Booked and on disk before the first byte goes out.
        self._accounts.charge(key, request_id=request.id, sha256=digest, now=request.now)
        return self._faults.on_the_way(key, Response(200, TYPES[parameters.format], result))

    @contextmanager
    def _seat(self, *, large: bool) -> Iterator[None]:
        """One of the few places to work on a picture; raises Refusal 503 after a long wait."""
        with ExitStack() as places:
            for place in (self._alone, self._seats) if large else (self._seats,):
                if not place.acquire(timeout=self.settings.large_wait):
                    raise errors.busy("The sandbox is working on other large pictures.")
                places.callback(place.release)
            yield

    def _usage(self, request: Request) -> Response:
        key = self._key(request)
        instead = self._faults.instead(key, "usage")
        if instead is not None:
            return instead
        account = self._accounts.answering(self._accounts.find(key, now=request.now))
        document = usage.answer(self._accounts, account, request.query)
        return self._faults.on_the_way(key, messages.document(document))

    def _page(self, request: Request) -> Response:
        """The start page: says what this is, and which keys do what."""
        model = f"Model: {html.escape(self.segmenter.name)}. To fetch it anew:"
        is_missing = self.segmenter.name == NO_MODEL
        missing = "No model: pictures get a plain cut. Fetch the model with"
        content = PAGE.substitute(
            host=html.escape(request.header("host") or ""),
            model_class="missing" if is_missing else "ready",
            model=missing if is_missing else model,
            table="\n".join(
                f'<tr><th scope="row"><code>sandbox-fault-{name}</code></th>'
                f"<td>{row.status} · {html.escape(row.sentence)}</td></tr>"
                for name, row in errors.TABLE.items()
            ),
        )
        headers = (("Content-Security-Policy", POLICY),)
        return Response(200, "text/html; charset=utf-8", content.encode(), headers)

    def _reset(self, request: Request) -> dict[str, Any]:
        self._faults.forget()
        return controls.reset(self._accounts, request)
