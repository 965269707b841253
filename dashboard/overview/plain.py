"""Labels that leave the house: without e-mail addresses and without secrets."""

from dashboard.lib.redaction import redact


def plain(label: str, otherwise: str) -> str:
    """Return a label that a person wrote, or something else where it looks like an address."""
    return otherwise if "@" in label else redact(label)
