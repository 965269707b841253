"""How many wrong passwords are taken: of an address, for an account from there, and for it at all.

Nothing is counted by Host, which whoever asks makes up (T25). Five from one address lock out that
address alone; the count over all addresses slows those who have many, and does not bind an address
from which the account was signed in to before, so that its owner is not locked out (T11).
"""

from __future__ import annotations

import hashlib
import ipaddress
import unicodedata
import uuid

from allauth.core import ratelimit
from django.core.cache import cache
from django.http import HttpRequest

from dashboard.teams.audit import address_of

# Names in settings.ACCOUNT_RATE_LIMITS, which says how many in which time.
OF_ADDRESS, FROM_HERE, FROM_ANYWHERE = (
    "wrong_passwords_of_address",
    "wrong_passwords_from_here",
    "wrong_passwords_from_anywhere",
)
KNOWN_SECONDS = 30 * 24 * 3600
FORGIVEN_SECONDS = 3600  # Longer than any count lasts.
NETWORK = 64  # bits of an IPv6 address that one customer has


def take_try(request: HttpRequest, login: str) -> bool:
    """Count a try before its password is looked at; False where there were too many."""
    account, place = _account(login), _place(request)
    # This one is counted when the password was wrong: an office may sign in at once.
    if not ratelimit.consume(request, action=OF_ADDRESS, dry_run=True):
        return False
    if not ratelimit.consume(request, action=FROM_HERE, key=f"{account} {place}"):
        return False
    if cache.get(_known(login, place)):
        return True
    return ratelimit.consume(request, action=FROM_ANYWHERE, key=account)


def note_wrong(request: HttpRequest) -> None:
    """Count a wrong password of this address, whoever it was for."""
    ratelimit.consume(request, action=OF_ADDRESS)


def note_right(request: HttpRequest, login: str) -> None:
    """Forget the wrong ones from here, and remember that the account is at home here."""
    account, place = _account(login), _place(request)
    ratelimit.clear(request, action=FROM_HERE, key=f"{account} {place}")
    ratelimit.clear(request, action=FROM_ANYWHERE, key=account)
    cache.set(_known(login, place), True, KNOWN_SECONDS)


def forgive(login: str) -> None:
    """Forget every wrong password for an account, from wherever: its password is a new one."""
    cache.set(_forgiven(login), uuid.uuid4().hex, FORGIVEN_SECONDS)


def _account(login: str) -> str:
    """Return what an account is counted under; another one after it was forgiven."""
    return f"{_digest(login)} {cache.get(_forgiven(login), '')}"


def _place(request: HttpRequest) -> str:
    """Return an address, or the network of one that IPv6 has too many of."""
    address = address_of(request) or ""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/{NETWORK}", strict=False))


def _forgiven(login: str) -> str:
    return f"sign-in-forgiven:{_digest(login)}"


def _known(login: str, place: str) -> str:
    return f"sign-in-known:{_digest(f'{_folded(login)} {place}')}"


def _digest(login: str) -> str:
    return hashlib.sha256(_folded(login).encode()).hexdigest()


def _folded(login: str) -> str:
    """Return the same for all spellings that may open the same account (`ı` is `I` is `i`)."""
    return unicodedata.normalize("NFKC", login).strip().upper().lower()
