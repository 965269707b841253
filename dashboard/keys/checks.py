"""What `manage.py check` says about encryption keys."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections

from dashboard.keys.encryption import ring
from dashboard.keys.locks import locked
from dashboard.keys.models import ApiKey, KeyCheck


@register(Tags.security)
def encryption_keys_are_sound(**kwargs: Any) -> list[CheckMessage]:
    """Refuse a malformed key, the same id twice, and the one that signs sessions."""
    try:
        keys = ring().keys
    except ValueError as exc:
        return [Error(str(exc), id="keys.E001")]
    found: list[CheckMessage] = []
    if len({kid for kid, _key in keys}) < len(keys):
        found.append(Error("ENCRYPTION_KEYS names an id twice.", id="keys.E002"))
    entries = {entry.strip().partition(":")[2] for entry in settings.ENCRYPTION_KEYS}
    if settings.SECRET_KEY in entries:
        message = "SECRET_KEY is an encryption key too; they must be changeable one by one (K20)."
        found.append(Error(message, id="keys.E003"))
    return found


@register(Tags.database)
def encryption_keys_fit(databases: Sequence[str] | None = None, **kwargs: Any) -> list[Warning]:
    """Say it at the start when what is sealed does not open (K15, K16, K19)."""
    if not databases or "default" not in databases:
        return []
    tables = set(connections["default"].introspection.table_names())
    if not {ApiKey._meta.db_table, KeyCheck._meta.db_table} <= tables:
        return []
    sentence = locked()
    return [Warning(sentence, id="keys.W001")] if sentence else []
