"""Filters for what people and teams did."""

from typing import Any

from django import template

from dashboard.teams.audit import words

register = template.Library()
register.filter("action_words", words)


@register.filter
def detail(value: Any) -> str:
    """Write a detail of an audit entry; a pair is what was before and after."""
    if isinstance(value, list):
        return " → ".join(str(part) for part in value)
    return str(value)
