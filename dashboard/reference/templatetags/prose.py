"""The texts of an OpenAPI document on a page: the little of Markdown that ours are written in."""

import re

from django import template
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def inline(text: str) -> SafeString:
    """Show `code` and **weight** within a line; everything else is text."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", conditional_escape(text))
    return mark_safe(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", coded))  # noqa: S308


@register.filter
def prose(text: str) -> SafeString:
    """Show paragraphs, and tables of two columns as terms."""
    return format_html_join("", "{}", ((_block(block),) for block in text.split("\n\n")))


def _block(block: str) -> SafeString:
    if not block.startswith("|"):
        return format_html("<p>{}</p>", inline(block))
    _head, _rule, *rows = block.splitlines()
    cells = ([inline(cell.strip()) for cell in row.strip("|").split("|")] for row in rows)
    terms = format_html_join("", "<div><dt>{}</dt><dd>{}</dd></div>", cells)
    return format_html('<dl class="facts terms">{}</dl>', terms)
