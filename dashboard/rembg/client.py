"""The RemBG client: the one module that does HTTP upstream, and one method in it.

No redirects (`x-api-key` would travel along), no proxies or credentials from the environment, no
cookies, no retries; deadlines and caps on everything. Promises 2.6 and 5, "Client".
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn
from urllib.parse import urlencode

import requests
import requests.adapters
import requests.utils
import urllib3
import urllib3.exceptions

from dashboard.rembg import answer, apikey, errors, pictures, recognition, wire
from dashboard.rembg import usage as usages
from dashboard.rembg.address import base_of
from dashboard.rembg.answer import Removed
from dashboard.rembg.breaker import Breakers
from dashboard.rembg.files import Image, Target, reading_end, stored, writing_end
from dashboard.rembg.headers import AnswerHead
from dashboard.rembg.multipart import LARGE_BLOCK, MultipartBody
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import Picture
from dashboard.rembg.progress import Meter, Progress
from dashboard.rembg.usage import CyclesAnswer, Month, UsageAnswer
from dashboard.rembg.wire import Exchange, Timeouts

MAX_ANSWER = 100_000_000  # Bytes of a picture that comes back, decoded.
AGENT = "rembg-dashboard/0.1"
REMOVE, USAGE = "/rmbg", "/api/membership-usage"
BREAKERS = Breakers()
PASSING = (errors.OutcomeUnknown, errors.UpstreamError)  # Worth another look.


class TransferPhase(StrEnum):
    """Where a removal is."""

    SENDING = "sending"
    WAITING = "waiting"
    RECEIVING = "receiving"


class Client:
    """Speaks to RemBG, or to anything with its wire, for one key (see `apikey.clean`).

    Addresses are https, or loopback. `now` gives the moment in UTC; it is compared with upstream's
    clock and dates the pauses that upstream asks for. `owner` says for whom, as `breakers` count:
    the larger group first.
    """

    def __init__(
        self,
        key: str,
        *,
        api_url: str,
        site_url: str,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 (frozen)
        session: requests.Session | None = None,
        breakers: Breakers = BREAKERS,
        owner: tuple[str, ...] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._key = apikey.clean(key)
        self._api_url = base_of(api_url)
        self._site_url = base_of(site_url)
        self._timeouts = timeouts
        self._session = session or _shared_session()
        self._breakers = breakers
        self._owner = owner
        self._now = now

    def __repr__(self) -> str:
        return f"<Client of {self._api_url} and {self._site_url}>"

    def remove(
        self,
        image: Image,
        target: Target,
        asked: Parameters = Parameters(),  # noqa: B008 (frozen)
        *,
        picture: Picture | None = None,
        on_upload: Callable[[Progress], None] | None = None,
        on_download: Callable[[Progress], None] | None = None,
        on_phase: Callable[[TransferPhase], None] | None = None,
    ) -> Removed:
        """Send a picture and write what comes back to `target` (a path, or a file open for both).

        Costs one credit. Raises a leaf of `errors`, after which the target is as good as empty; ask
        the leaf whether it was `sent` and `charged`. `picture` is what `pictures.inspect` said.
        """
        phase = on_phase or (lambda _: None)
        with reading_end(image) as source, writing_end(target) as sink:
            picture = picture or pictures.inspect(source, filename="")
            body = MultipartBody(
                source,
                filename=f"image.{picture.extension}",
                content_type=picture.content_type,
                fields=asked.fields(),
            )
            body.on_read = _upload_reporter(Meter(on_upload, total=len(body), upload=True), phase)
            exchange = Exchange(self._timeouts, body)
            phase(TransferPhase.SENDING)
            with self._ask(exchange, "POST", self._api_url, REMOVE) as response:
                head = self._head(response)
                self._check_head(response, head, exchange, asked)
                phase(TransferPhase.RECEIVING)
                meter = Meter(on_download, total=head.size, upload=False)
                for piece in _pieces(response.raw, exchange, most=MAX_ANSWER):
                    sink.write(piece)
                    meter.at(sink.size)
                meter.at(sink.size, last=True)
                with stored():
                    verdict = answer.judge(
                        sink.finish(), asked=asked, source=picture, secrets=(self._key,)
                    )
            return Removed.of(verdict, head, asked=asked, size=sink.size, seconds=exchange.elapsed)

    def usage(self, window: Month | datetime | None = None, *, expand: bool = True) -> UsageAnswer:
        """Ask for an account's counters: of this calendar month, another, or a billing window.

        `window` is a Month, or the start of a billing window; the two cannot be mixed (P14).
        `expand` asks for the billing cycle, too. Raises a leaf of `errors`; costs nothing.
        """
        query = usages.query(window, expand=expand)
        body, head = self._read(query)
        found = usages.parse_usage(body, status=head.status, expand=expand, secrets=(self._key,))
        return usages.sourced(found, head, call=f"GET {_path(query)}")

    def cycles(self) -> CyclesAnswer:
        """Ask for all billing windows of the account. Raises a leaf of `errors`; costs nothing."""
        query = [("listBillingCycles", "1")]
        body, head = self._read(query)
        found = usages.parse_cycles(body, status=head.status, secrets=(self._key,))
        return usages.sourced(found, head, call=f"GET {_path(query)}")

    def _read(self, query: list[tuple[str, str]]) -> tuple[bytes, AnswerHead]:
        """Return an answer about the account, whatever its status; raise for any other answer."""
        exchange = Exchange(self._timeouts)
        try:
            with self._ask(exchange, "GET", self._site_url, _path(query)) as response:
                head = self._head(response)
                if head.status == 200:
                    return _whole(response.raw, exchange, most=usages.MAX_BODY), head
                body = _beginning(response.raw, exchange, most=recognition.MAX_BODY)
                if usages.is_plausible(body):
                    return body, head
                self._refuse(body, head)
        except errors.RembgError as error:
            error.charged = "no"  # Looking costs nothing, so it may be looked again.
            error.retriable = error.retriable or isinstance(error, PASSING)
            raise

    def _check_head(
        self, response: requests.Response, head: AnswerHead, exchange: Exchange, asked: Parameters
    ) -> None:
        """Raise unless status, type and announced size are those of a picture."""
        if head.status != 200 or not answer.is_expected_type(head.content_type, asked):
            body = _beginning(response.raw, exchange, most=recognition.MAX_BODY)
            self._refuse(body, head)
        if head.size is not None and head.size > MAX_ANSWER:
            raise errors.AnswerTooLarge(status=head.status)

    def _refuse(self, body: bytes, head: AnswerHead) -> NoReturn:
        raise recognition.recognise(
            head.status, head.headers, body, at=self._now(), secrets=(self._key,)
        )

    def _head(self, response: requests.Response) -> AnswerHead:
        return AnswerHead.of(
            response.status_code, response.headers, at=self._now(), secrets=(self._key,)
        )

    @contextmanager
    def _ask(
        self, exchange: Exchange, method: str, base: str, path: str
    ) -> Iterator[requests.Response]:
        """Send a request and lend the answer, its body unread; raise how it failed.

        The error is raised outside the handler: even as a context, the library's own would carry
        the key in its request.
        """
        token = wire.current.set(exchange)
        response: requests.Response | None = None
        error: errors.RembgError | None = None
        try:
            with self._breakers.watch(base, self._owner):
                try:
                    response = self._send(exchange, method, f"{base}{path}")
                except errors.RembgError as own:
                    error = own.with_traceback(None)
                except (urllib3.exceptions.HTTPError, HTTPException, OSError, UnicodeError):
                    error = recognition.fault(exchange)
                if response is None:
                    raise error or recognition.fault(exchange)
                exchange.is_answered = True
                yield response
        finally:
            wire.current.reset(token)
            if response is not None:
                response.close()

    def _send(self, exchange: Exchange, method: str, url: str) -> requests.Response:
        headers = {"x-api-key": self._key, "Accept": "*/*", "Accept-Encoding": "identity"}
        headers["User-Agent"] = AGENT
        if exchange.body is not None:
            headers["Content-Type"] = exchange.body.content_type
        # Without what a session merges in (cookies, .netrc, parameters): nothing of it is ours.
        request = requests.Request(method, url, data=exchange.body, headers=headers).prepare()
        return self._session.send(
            request,
            timeout=(min(self._timeouts.connect, self._timeouts.total), self._timeouts.read),
            allow_redirects=False,
            stream=True,
        )


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """See no redirects: even unfollowed, the library would read their whole body."""


class _Adapter(requests.adapters.HTTPAdapter):
    def __init__(self, tls: ssl.SSLContext, *, size: int) -> None:
        self._tls = tls
        super().__init__(pool_connections=4, pool_maxsize=size, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **kwargs: Any
    ) -> None:
        self.poolmanager = wire.pool_manager(tls=self._tls, pools=connections, size=maxsize)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Always verify; the context knows whom to trust, and is not filled anew each time."""
        conn.cert_reqs = "CERT_REQUIRED"


def open_session(*, ca_file: str | None = None, size: int = 32) -> requests.Session:
    """Return a session for clients to share: at most `size` idle connections a host.

    It trusts the authorities in `ca_file`, by default those that `requests` ships.
    """
    session = _Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    tls = ssl.create_default_context(cafile=ca_file or requests.utils.DEFAULT_CA_BUNDLE_PATH)
    adapter = _Adapter(tls, size=size)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


@lru_cache(maxsize=1)
def _shared_session() -> requests.Session:
    return open_session()


def _upload_reporter(
    meter: Meter, phase: Callable[[TransferPhase], None]
) -> Callable[[int, int], None]:
    def report(sent: int, total: int) -> None:
        meter.at(sent, last=sent == total)
        if sent == total:
            phase(TransferPhase.WAITING)

    return report


def _path(query: list[tuple[str, str]]) -> str:
    return f"{USAGE}?{urlencode(query)}" if query else USAGE


def _pieces(answer: urllib3.BaseHTTPResponse, exchange: Exchange, *, most: int) -> Iterator[bytes]:
    """Yield the body as it comes; raise AnswerTooLarge beyond `most` bytes, or how it broke."""
    size = 0
    while piece := _piece(answer, exchange):
        size += len(piece)
        if size > most:
            raise errors.AnswerTooLarge(status=answer.status)
        yield piece


def _whole(answer: urllib3.BaseHTTPResponse, exchange: Exchange, *, most: int) -> bytes:
    """Return the body; raise as `_pieces` does."""
    return b"".join(_pieces(answer, exchange, most=most))


def _beginning(answer: urllib3.BaseHTTPResponse, exchange: Exchange, *, most: int) -> bytes:
    """Return what can be had of the first bytes of a body that explains a refusal; never raises."""
    found = bytearray()
    try:
        for piece in _pieces(answer, exchange, most=most):
            found += piece
    except errors.RembgError:
        pass  # A refusal is one, however its explanation ends.
    return bytes(found)


def _piece(answer: urllib3.BaseHTTPResponse, exchange: Exchange) -> bytes:
    broken = undecodable = False
    piece = b""
    try:
        piece = answer.read1(LARGE_BLOCK, decode_content=True)
    except urllib3.exceptions.DecodeError:
        undecodable = True
    except (urllib3.exceptions.HTTPError, HTTPException, OSError):
        broken = True
    if undecodable:
        raise errors.WrongAnswer(status=answer.status)
    if broken:
        error = recognition.fault(exchange)
        error.status = answer.status
        raise error
    return piece
