"""Badges in templates: a state as a coloured word with its icon; a list has one in each row."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard.lib.icons import icon as drawn

ICONS = {
    "ok": "circle-check",
    "warn": "triangle-alert",
    "bad": "circle-x",
    "busy": "loader",
    "info": "info",
}

register = template.Library()


@register.simple_tag
def badge(kind: str, text: str, title: str = "", icon: str = "") -> SafeString:
    """Draw a badge of a kind, with the kind's icon or another; colour alone says nothing."""
    told = format_html(' title="{}"', title) if title else ""
    look = drawn(icon or ICONS.get(kind, "circle"))
    return format_html('<span class="badge {}"{}>{}<span>{}</span></span>', kind, told, look, text)
