"""Authenticate a virtual key by the headers alone, before the body is read (promises 0.8)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from dashboard.gateway import queries, refusals
from dashboard.gateway.models import VirtualKey
from dashboard.gateway.refusals import GatewayRefusal
from dashboard.lib.redaction import remember
from dashboard.lib.tokens import digest, looks_valid
from dashboard.rembg.errors import BadKey
from dashboard.teams import audit
from dashboard.teams.models import Role

LONGEST = 256
IN_QUERY = ("api_key", "apikey", "key", "x-api-key")
REMBG_KEY = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def authenticate(request: HttpRequest, *, at: datetime) -> VirtualKey:
    """Return the virtual key of a request; raise GatewayRefusal or BadKey (K9).

    Cookies and `Authorization` do not count here (T16, P13). Nothing is cached: what was revoked,
    and who left, is out at the next call (T6, T7, promises 0.17).
    """
    secret = _secret(request)
    # Account and parent, which few keys have, are asked for when they are wanted.
    key = queries.virtual_key(digest(secret), at=at)
    if settings.HTTPS and not request.is_secure():
        _note_sent_in_clear(request, key, at=at)
        raise refusals.HttpsNeeded
    if key is None:
        raise BadKey
    refusal = refusal_of(key, at=at)
    if refusal:
        raise refusal
    key.note_used(at=at)
    return key


def may_open(environ: dict[str, Any]) -> bool:
    """Say whether the body of a WSGI request is worth reading: at `/rmbg`, not without a key.

    The database is not asked; a secret of another shape, or a false checksum, is enough (K9).
    """
    secret = environ.get("HTTP_X_API_KEY", "").strip()
    return environ["PATH_INFO"] != "/rmbg" or looks_valid(secret, VirtualKey.PREFIX)


def refusal_of(key: VirtualKey, *, at: datetime) -> GatewayRefusal | None:
    """Return why a key opens nothing at this moment, None if it does. It must have its parent."""
    membership = key.membership
    if membership is None or not membership.user.is_active:
        return refusals.KeyRevoked()
    for each in filter(None, (key, key.parent)):
        if each.revoked_at is not None:
            return refusals.KeyRevoked()
        if each.expires_at is not None and each.expires_at <= at:
            return refusals.KeyExpired()
        if each.paused_at is not None:
            return refusals.KeyPaused()
    return None if membership.may(Role.MEMBER) else refusals.RoleTooLow()


def _secret(request: HttpRequest) -> str:
    if any(name.lower() in IN_QUERY for name in request.GET):
        raise refusals.KeyInQuery
    secret = request.headers.get("x-api-key", "").strip()
    if not secret:
        raise refusals.MissingKey
    if "," in secret:  # How the server joins two headers of one name.
        raise refusals.TwoKeys
    if REMBG_KEY.fullmatch(secret):
        remember(secret)
        raise refusals.RembgKey
    if len(secret) > LONGEST or not looks_valid(secret, VirtualKey.PREFIX):
        raise BadKey
    remember(secret)
    return secret


def _note_sent_in_clear(request: HttpRequest, key: VirtualKey | None, *, at: datetime) -> None:
    if key is not None and key.note_sent_in_clear(at=at):
        audit.record(
            key.team,
            "virtual_key.sent_in_clear",
            at=at,
            user=key.membership.user if key.membership else None,
            subject=str(key),
            address=audit.address_of(request),
        )
