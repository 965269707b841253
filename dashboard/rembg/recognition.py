"""Which error an answer or a broken request is.

An answer is recognised by its status and a keyword of its text, a broken request by how far it
came (promises F1-F9, F24). The texts are
the contract's error table; keywords, since one line of that table is garbled.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from dashboard.rembg import errors, strict_json, wording
from dashboard.rembg.errors import Fact, FieldProblem, RembgError
from dashboard.rembg.headers import retry_after
from dashboard.rembg.wire import Exchange

MAX_BODY = 2 * 1024 * 1024  # Bytes that are read of an error's body.
MAX_DETAILS = 40
# What the dashboard's gateway says of the cost; RemBG itself has no such header.
CHARGED: dict[str, Fact] = {"0": "no", "1": "yes", "unknown": "unknown"}

Pattern = tuple[re.Pattern[str], type[RembgError]]


def _patterns(leaves: Iterable[type[RembgError]]) -> tuple[Pattern, ...]:
    """Return how leaves are recognised in a text; the first that is found decides."""
    return tuple(
        (re.compile(leaf.pattern, re.IGNORECASE), leaf)
        for leaf in leaves
        if "pattern" in vars(leaf)
    )


REFUSALS = _patterns([*errors.Refused.family(), errors.TwoCredentials, errors.BadKey])
LIMITS = _patterns(errors.Limited.family())
UNVERIFIED = _patterns([errors.Unverified])


@dataclass(frozen=True)
class _Said:
    """What an error's body says, whatever its shape."""

    text: str
    details: tuple[FieldProblem, ...]


def recognise(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    at: datetime,
    secrets: Iterable[str] = (),
) -> RembgError:
    """Return the leaf that this answer means; never raises, whatever the body is."""
    secrets = tuple(secrets)
    said = _read(body[:MAX_BODY], secrets)
    leaf, field = _leaf(status, said)
    details = said.details
    if not details and field:
        details = (FieldProblem(field, said.text),)
    error = leaf(
        said.text if 400 <= status < 500 else "",  # Elsewhere our sentence says more.
        status=status,
        details=details,
        retry_after=_pause(leaf, status, _header(headers, "retry-after"), at),
        body_head=wording.head(body, secrets=secrets),
    )
    if charged := CHARGED.get(_header(headers, "x-credits-charged") or ""):
        error.charged = charged
        # A gateway that is busy says so, and that nothing was spent: then it may be asked again.
        error.retriable = error.retriable or (status == 503 and charged == "no")
    return error


def _leaf(status: int, said: _Said) -> tuple[type[RembgError], str | None]:
    if status == 429:
        return _first(LIMITS, said.text) or (errors.RateUnknown, None)
    if status == 401:
        return errors.BadKey, None
    if status == 403:
        return _first(UNVERIFIED, said.text) or (errors.Forbidden, None)
    if status == 402:
        return errors.RateMonthly, None
    if 400 <= status < 500:
        return _refusal(status, said)
    if status >= 500:
        return errors.UpstreamError, None
    return errors.Redirected if 300 <= status < 400 else errors.WrongAnswer, None


def _refusal(status: int, said: _Said) -> tuple[type[RembgError], str | None]:
    if len(said.details) > 1:
        return errors.InvalidFields, None
    if len(said.details) == 1:
        problem = said.details[0]
        found = _first(REFUSALS, problem.message)
        return (found[0] if found else errors.InvalidFields), problem.field or None
    if status == 413:
        return errors.FileTooLarge, None
    return _first(REFUSALS, said.text) or (errors.UnknownRefusal, None)


def _first(patterns: tuple[Pattern, ...], text: str) -> tuple[type[RembgError], str | None] | None:
    for pattern, leaf in patterns:
        found = pattern.search(text)
        if found:
            return leaf, found.groupdict().get("field") or leaf.field
    return None


def _read(body: bytes, secrets: tuple[str, ...]) -> _Said:
    try:
        document, _ = strict_json.parse(body)
    except strict_json.NotJson:
        return _Said(text=wording.message(_plain(body), secrets=secrets), details=())
    if isinstance(document, str):
        return _Said(text=wording.message(document, secrets=secrets), details=())
    if isinstance(document, list):
        document = {"errors": document}
    if not isinstance(document, dict):
        return _Said(text="", details=())
    details = _details(document, secrets)
    text = _text(document, secrets)
    return _Said(text=text or " ".join(d.message for d in details)[:300], details=details)


def _plain(body: bytes) -> str:
    """Return a body that is not JSON as a sentence; of a page of HTML, nothing is worth quoting."""
    text = body.decode("utf-8", "replace").strip()
    return "" if text.startswith(("<", "{", "[")) or "\ufffd" in text[:200] else text


def _text(document: dict[str, Any], secrets: tuple[str, ...]) -> str:
    for name in ("error", "message", "detail"):
        value = document.get(name)
        if isinstance(value, dict):
            value = value.get("message")
        if isinstance(value, str) and value.strip():
            return wording.message(value, secrets=secrets)
    return ""


def _details(document: dict[str, Any], secrets: tuple[str, ...]) -> tuple[FieldProblem, ...]:
    found: list[FieldProblem] = []
    for name in ("details", "errors"):
        items = document.get(name)
        if isinstance(items, str | dict):
            items = [items]
        for item in items[:MAX_DETAILS] if isinstance(items, list) else ():
            problem = _problem(item, secrets)
            if problem and problem not in found:
                found.append(problem)
    return tuple(found[:MAX_DETAILS])


def _problem(item: Any, secrets: tuple[str, ...]) -> FieldProblem | None:
    field = ""
    if isinstance(item, dict):
        field = item["field"] if isinstance(item.get("field"), str) else ""
        item = item.get("message") or item.get("error")
    if not isinstance(item, str) or not item.strip():
        return None
    message = wording.message(item, secrets=secrets)
    if not field:
        found = _first(REFUSALS, message)
        field = (found[1] if found else None) or ""
    return FieldProblem(field=wording.message(field, secrets=secrets)[:40], message=message)


def _pause(leaf: type[RembgError], status: int, header: str | None, at: datetime) -> int | None:
    """Return the seconds to wait, where waiting is an answer or the server says that it is."""
    if status not in (429, 503) or (header is None and not issubclass(leaf, errors.RateShort)):
        return None
    return retry_after(header, at=at)


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return next((value for key, value in headers.items() if key.lower() == name), None)


def fault(exchange: Exchange) -> RembgError:
    """Return the error of a broken request; `sent` is "no" only if no body byte can have left."""
    if not exchange.is_connected:
        return _never_connected(exchange)
    if exchange.body is not None and not exchange.body.has_started and not exchange.received:
        return errors.ConnectTimeout() if exchange.has_timed_out else errors.Unreachable()
    if exchange.body is not None and not exchange.body.is_handed_over:
        return errors.UploadCut()
    return _broken_answer(exchange)


def _never_connected(exchange: Exchange) -> RembgError:
    if exchange.has_tls_failed:
        return errors.TlsFailed()
    return errors.ConnectTimeout() if exchange.has_timed_out else errors.Unreachable()


def _broken_answer(exchange: Exchange) -> RembgError:
    if exchange.has_timed_out:
        drips = exchange.received and exchange.is_late
        return errors.DeadlinePassed() if drips else errors.AnswerTimeout()
    if not exchange.received:
        return errors.NoAnswer()
    return errors.ShortAnswer() if exchange.is_answered else errors.NotHttp()
