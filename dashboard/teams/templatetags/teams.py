"""Filters for what people and teams did."""

from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.teams.audit import words

Text = str | Promise

register = template.Library()
register.filter("action_words", words)


DETAILS: dict[str, Text] = {
    "account": _("account"),
    "before": _("before"),
    "hard": _("stop at"),
    "likeness": _("likeness"),
    "new": _("new run"),
    "outcome": _("outcome"),
    "overlap_hours": _("hours until the old one ends"),
    "role": _("role"),
    "soft": _("warn at"),
    "twin": _("merged from"),
    "was": _("state before"),
}


@register.filter
def detail_word(name: str) -> Text:
    """Name a detail of an audit entry in words."""
    return DETAILS.get(name, name.replace("_", " "))


@register.filter
def detail(value: Any) -> str:
    """Write a detail of an audit entry; a pair is what was before and after."""
    if isinstance(value, list):
        return " → ".join(detail(part) for part in value)
    return str(_("none")) if value is None else str(value)
