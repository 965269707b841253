"""Where RemBG is: an https address, or loopback for the sandbox (promises A5)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

# What clients try in place of `/rmbg` (contract 4), as a regular expression without anchors.
WRONG_ADDRESSES = r"(?:(?:api/remove|api/rmbg|v1/removebg|v1\.0/removebg)/?|rmbg/+)"


def base_of(url: str) -> str:
    """Return the address without a trailing slash; raise ValueError for one not safe for a key."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("A RemBG address has no user, no query and no fragment.")
    if not host or not url.isascii() or any(character <= " " for character in url):
        raise ValueError("A RemBG address names a host, in ASCII.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise ValueError("A RemBG address is https; plain http is for loopback only.")
    port = f":{parts.port}" if parts.port else ""
    name = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{name}{port}{parts.path.rstrip('/')}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
