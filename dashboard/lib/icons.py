"""Icons of the sprite, for templates: a page shows dozens, and an include for each took 70 µs."""

from functools import lru_cache

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

SPRITE = "img/icons.svg"
HIDDEN = SafeString('aria-hidden="true"')

register = template.Library()


@register.simple_tag
def icon(name: str, css: str = "", label: str = "") -> SafeString:
    """Draw an icon; hidden from screen readers unless it has a label."""
    return _drawn(static(SPRITE), name, css, label)


# Typed: a text that is to be escaped and the same one marked safe are not the same.
@lru_cache(maxsize=512, typed=True)
def _drawn(sprite: str, name: str, css: str, label: str) -> SafeString:
    look = format_html("icon {}", css) if css else "icon"
    told = format_html('role="img" aria-label="{}"', label) if label else HIDDEN
    return format_html(
        '<svg class="{}" {}><use href="{}#{}"></use></svg>', look, told, sprite, name
    )
