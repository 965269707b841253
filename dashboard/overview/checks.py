"""What `manage.py check --deploy` says about the machine that this runs on."""

import math
import sqlite3
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Info, Tags, Warning, register

from dashboard.removals.sending import GRACE

# Before it, two connections that write while a third checkpoints may damage the file (WAL reset).
SOUND_SQLITE = (3, 51, 3)


@register(Tags.database, deploy=True)
def sqlite_is_sound(**kwargs: Any) -> list[CheckMessage]:
    """Warn of a SQLite that may, rarely, damage a database that several connections write to."""
    if not settings.SQLITE or sqlite3.sqlite_version_info >= SOUND_SQLITE:
        return []
    message = (
        f"SQLite {sqlite3.sqlite_version} is older than 3.51.3: in rare cases it damages a "
        "database that several connections write to."
    )
    hint = "Use a Python with a newer SQLite, or PostgreSQL (DATABASE_URL); keep nightly backups."
    return [Warning(message, hint=hint, id="overview.W001")]


@register(Tags.security, deploy=True)
def proxy_waits_long_enough(**kwargs: Any) -> list[CheckMessage]:
    """Say how long the proxy must wait for an answer, which cannot be seen from here."""
    if not settings.BEHIND_PROXY:
        return []
    message = (
        f"The proxy in front must wait at least {longest_call()} seconds for an answer: who gives "
        "up sooner pays for pictures that nobody gets."
    )
    hint = "nginx: proxy_read_timeout and proxy_send_timeout; see docs/nginx.conf, docs/Caddyfile."
    return [Info(message, hint=hint, id="overview.I001")]


def longest_call() -> int:
    """Return how many seconds a call of the gateway may take."""
    return math.ceil(settings.REMBG_DEADLINE_SECONDS + GRACE.total_seconds())
