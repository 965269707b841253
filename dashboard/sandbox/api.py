"""The sandbox's addresses: RemBG's calls, the start page, and the controls for tests."""

import hashlib
import html
import ipaddress
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs

from dashboard.sandbox import errors, messages, profiles, usage
from dashboard.sandbox.accounts import Account, Accounts
from dashboard.sandbox.billing import LAST_MOMENT
from dashboard.sandbox.faults import Faults
from dashboard.sandbox.form import Form
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
MAX_DOCUMENT = 64 * 1024
MAX_CREDITS = 10**12
COUNTS = ("included_credits", "prepaid_credits", "app_usage", "api_usage")


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
            "/sandbox/clock": ("PUT", self._set_clock),
            "/sandbox/accounts": ("PUT", self._change_account),
            "/sandbox/ledger": ("GET", self._ledger),
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
            raise errors.plain(405, headers=(("Allow", method),))
        if request.path.startswith("/sandbox/"):
            _require_loopback(request)
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
        with closing(Form()) as form:
            form.read(request)
            # What follows the form is read and dropped.
            for _ in request.body:
                pass
            return self._faults.instead(key, "rmbg") or self._removed(key, form, request)

    def _removed(self, key: Key, form: Form, request: Request) -> Response:
        picture = inspect(form)
        parameters = self._faults.parameters(key, parse(form.fields), picture)
        self._accounts.require_credit(self._accounts.find(key, now=request.now))
        with self._seat(large=is_large(picture, parameters)):
            result = render(picture, parameters, self.segmenter)
        picture.file.seek(0)
        digest = hashlib.sha256(picture.file.read()).hexdigest()
        # Booked and on disk before the first byte goes out.
        self._accounts.charge(key, request_id=request.id, sha256=digest)
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
        is_missing = self.segmenter.name == NO_MODEL
        content = PAGE.substitute(
            host=html.escape(request.header("host") or ""),
            model_class="missing" if is_missing else "ready",
            model="No model: pictures get a plain cut. Fetch the model with"
            if is_missing
            else f"Model: {html.escape(self.segmenter.name)}. To fetch it anew:",
            table="\n".join(
                f'<tr><th scope="row"><code>sandbox-fault-{name}</code></th>'
                f"<td>{row.status} · {html.escape(row.sentence)}</td></tr>"
                for name, row in errors.TABLE.items()
            ),
        )
        headers = (("Content-Security-Policy", POLICY),)
        return Response(200, "text/html; charset=utf-8", content.encode(), headers)

    def _set_clock(self, request: Request) -> dict[str, Any]:
        """Let an account answer as of `now`; null is real time again."""
        content = _content(request, "key", "now")
        clock = content.get("now")
        if clock is not None:
            _require_whole("now", clock, most=LAST_MOMENT - 1)
        key = profiles.read(content.get("key"))
        return self._account(self._accounts.set_clock(key, clock, now=request.now))

    def _change_account(self, request: Request) -> dict[str, Any]:
        """Set an account's credits, label and counters of the present window; null leaves one."""
        content = _content(request, "key", "membership", *COUNTS)
        changes = {name: value for name, value in content.items() if value is not None}
        label = changes.get("membership", "unchanged")
        if not (isinstance(label, str) and 0 < len(label) <= 100):
            raise errors.plain(400, "'membership' must be a text of at most 100 characters.")
        for name in COUNTS:
            _require_whole(name, changes.get(name, 0), most=MAX_CREDITS)
        key = profiles.read(changes.pop("key", None))
        return self._account(self._accounts.change(key, changes, now=request.now))

    def _account(self, account: Account) -> dict[str, Any]:
        return {
            "account": account.name,
            "seenAtUnix": account.seen_at,
            "clockUnix": account.clock,
            "nowUnix": account.at,
            **usage.answer(self._accounts, account, "expand=billing_cycle"),
        }

    def _ledger(self, request: Request) -> dict[str, Any]:
        """The removals that cost a credit, of one key's account or of all, oldest first."""
        text = parse_qs(request.query).get("key", [""])[0]
        charges = self._accounts.ledger(profiles.read(text).account if text else None)
        return {"charges": charges, "count": len(charges)}

    def _reset(self, request: Request) -> dict[str, Any]:
        """Forget an account, or all of them: the next call begins anew."""
        self._faults.forget()
        text = _content(request, "key").get("key")
        self._accounts.forget(None if text is None else profiles.read(text).account)
        return {"reset": text}


def _require_loopback(request: Request) -> None:
    """Refuse callers of other machines, those behind a proxy too."""
    address = ipaddress.ip_address(request.peer.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    forwarded = request.header("x-forwarded-for") or request.header("forwarded")
    if not mapped.is_loopback or forwarded:
        raise errors.plain(403, "These controls answer this machine only.")


def _content(request: Request, *known: str) -> dict[str, Any]:
    # A page of another site cannot send this type without asking first (CORS).
    if (request.header("content-type") or "").partition(";")[0].strip() != "application/json":
        raise errors.plain(415, "Send application/json.")
    text = b""
    for part in request.body:
        text += part
        if len(text) > MAX_DOCUMENT:
            raise errors.plain(413)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.plain(400, "The body is not JSON.") from None
    if not isinstance(content, dict) or set(content) - set(known):
        raise errors.plain(400, f"Send an object with some of: {', '.join(known)}.")
    return content


def _require_whole(name: str, value: object, *, most: int) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise errors.plain(400, f"'{name}' must be a whole number from 0 to {most}.")
