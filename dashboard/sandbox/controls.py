"""`/sandbox/...`: clocks, values and the ledger, for tests on the same machine."""

from __future__ import annotations

import ipaddress
import json
from typing import Any
from urllib.parse import parse_qs

from dashboard.sandbox import errors, exchange, membership, profiles
from dashboard.sandbox.accounts import Account, AccountChanges, Accounts
from dashboard.sandbox.calendar import LAST_MOMENT
from dashboard.sandbox.exchange import Request, Response
from dashboard.sandbox.profiles import Key
from dashboard.sandbox.state import State

MAX_DOCUMENT = 64 * 1024
MAX_CREDITS = 10**12
COUNTS = ("included_credits", "prepaid_credits", "app_usage", "api_usage")


def require_loopback(request: Request) -> None:
    """Refuse callers of other machines, those behind a proxy too."""
    address = ipaddress.ip_address(request.peer.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or address
    forwarded = request.header("x-forwarded-for") or request.header("forwarded")
    if not mapped.is_loopback or forwarded:
        raise errors.plain(403, "These controls answer this machine only.")


def set_clock(accounts: Accounts, request: Request) -> Response:
    """Let an account answer as of `now`; null is real time again."""
    content = _content(request, ("key", "now"))
    clock = content.get("now")
    if clock is not None:
        clock = _whole(content, "now", most=LAST_MOMENT - 1)
    return _account(accounts, accounts.set_clock(_key(content), clock, now=request.now))


def change_account(accounts: Accounts, request: Request) -> Response:
    """Set an account's credits, label and counters of the present window."""
    content = _content(request, ("key", "membership", *COUNTS))
    label = content.get("membership")
    if label is not None and not (isinstance(label, str) and 0 < len(label) <= 100):
        raise errors.plain(400, "'membership' must be a text of at most 100 characters.")
    values = {name: _whole(content, name) for name in COUNTS if content.get(name) is not None}
    changes = AccountChanges(membership=label, **values)
    return _account(accounts, accounts.change(_key(content), changes, now=request.now))


def ledger(state: State, request: Request) -> Response:
    """The removals that cost a credit, of one key's account or of all, oldest first."""
    text = parse_qs(request.query).get("key", [""])[0]
    key = profiles.read(text)
    if text and key is None:
        raise errors.BAD_KEY.refusal()
    charges = [
        {
            "request_id": each.request_id,
            "account": each.account,
            "key": each.key,
            "sha256": each.sha256,
            "at": each.at,
            "paid_from": "prepaid" if each.prepaid else "included",
        }
        for each in state.charges(key.account if key else None)
    ]
    return exchange.document({"charges": charges, "count": len(charges)})


def reset(state: State, request: Request) -> Response:
    """Forget an account, or all of them: the next call begins anew."""
    content = _content(request, ("key",))
    state.forget(None if content.get("key") is None else _key(content).account)
    return exchange.document({"reset": content.get("key")})


def _content(request: Request, known: tuple[str, ...]) -> dict[str, Any]:
    # A page of another site cannot send this type without asking first (CORS).
    if (request.header("content-type") or "").partition(";")[0].strip() != "application/json":
        raise errors.plain(415, "Send application/json.")
    text = b""
    while part := request.body.read():
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


def _key(content: dict[str, Any]) -> Key:
    text = content.get("key")
    key = profiles.read(text) if isinstance(text, str) else None
    if key is None:
        raise errors.BAD_KEY.refusal()
    return key


def _whole(content: dict[str, Any], name: str, *, most: int = MAX_CREDITS) -> int:
    value = content[name]
    if type(value) is not int or not 0 <= value <= most:
        raise errors.plain(400, f"'{name}' must be a whole number from 0 to {most}.")
    return value


def _account(accounts: Accounts, account: Account) -> Response:
    question = membership.Question(expand=True)
    return exchange.document(
        {
            "account": account.row.name,
            "seenAtUnix": account.row.seen_at,
            "clockUnix": account.row.clock,
            "nowUnix": account.at,
            **membership.answer(accounts, account, question),
        }
    )
