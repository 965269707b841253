"""`/sandbox/...`: clocks, values and the ledger, for tests on the same machine."""

import ipaddress
import json
from typing import Any
from urllib.parse import parse_qs

from dashboard.sandbox import errors, profiles, usage
from dashboard.sandbox.accounts import Account, Accounts
from dashboard.sandbox.billing import LAST_MOMENT
from dashboard.sandbox.messages import Request

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


def set_clock(accounts: Accounts, request: Request) -> dict[str, Any]:
    """Let an account answer as of `now`; null is real time again."""
    content = _content(request, "key", "now")
    clock = content.get("now")
    if clock is not None:
        _require_whole("now", clock, most=LAST_MOMENT - 1)
    key = profiles.read(content.get("key"))
    return _account(accounts, accounts.set_clock(key, clock, now=request.now))


def change_account(accounts: Accounts, request: Request) -> dict[str, Any]:
    """Set an account's credits, label and counters of the present window; null leaves one."""
    content = _content(request, "key", "membership", *COUNTS)
    changes = {name: value for name, value in content.items() if value is not None}
    label = changes.get("membership")
    if label is not None and not (isinstance(label, str) and 0 < len(label) <= 100):
        raise errors.plain(400, "'membership' must be a text of at most 100 characters.")
    for name in COUNTS:
        _require_whole(name, changes.get(name, 0))
    key = profiles.read(changes.pop("key", None))
    return _account(accounts, accounts.change(key, changes, now=request.now))


def ledger(accounts: Accounts, request: Request) -> dict[str, Any]:
    """The removals that cost a credit, of one key's account or of all, oldest first."""
    text = parse_qs(request.query).get("key", [""])[0]
    charges = accounts.ledger(profiles.read(text).account if text else None)
    return {"charges": charges, "count": len(charges)}


def reset(accounts: Accounts, request: Request) -> dict[str, Any]:
    """Forget an account, or all of them: the next call begins anew."""
    text = _content(request, "key").get("key")
    accounts.forget(None if text is None else profiles.read(text).account)
    return {"reset": text}


def _content(request: Request, *known: str) -> dict[str, Any]:
    # A page of another site cannot send this type without asking first (CORS).
    if (request.header("content-type") or "").partition(";")[0].strip() != "application/json":
        raise errors.plain(415, "Send application/json.")
    text = b""
    while part := request.read():
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


def _require_whole(name: str, value: object, *, most: int = MAX_CREDITS) -> None:
    if type(value) is not int or not 0 <= value <= most:
        raise errors.plain(400, f"'{name}' must be a whole number from 0 to {most}.")


def _account(accounts: Accounts, account: Account) -> dict[str, Any]:
    return {
        "account": account.name,
        "seenAtUnix": account.seen_at,
        "clockUnix": account.clock,
        "nowUnix": account.at,
        **usage.answer(accounts, account, "expand=billing_cycle"),
    }
