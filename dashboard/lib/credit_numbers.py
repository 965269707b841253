"""Numbers of credits in templates: with separators, or "unknown", which is never 0 or a dash.

And what removals through us have charged since a number was read, said beside its age.
"""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()


@register.filter
def credits(value: int | None) -> str:
    """Write a number of credits as "9,300"; what nobody knows is said so, in muted letters."""
    if value is None:
        return format_html('<span class="unknown">{}</span>', _("unknown"))
    return str(intcomma(value))


@register.simple_tag
def since(count: int | None) -> SafeString:
    """Write "+8 since", with the sentence for who points at it or listens; nothing for 0."""
    if not count:
        return SafeString("")
    return format_html(
        '<span class="nowrap" title="{0}">{1}</span><span class="visually-hidden"> ({0})</span>',
        since_sentence(count),
        since_in_short(count),
    )


def since_in_short(count: int) -> str:
    """Return "+8 since", empty for 0."""
    return _("+%(count)s since") % {"count": intcomma(count)} if count else ""


def since_in_full(count: int) -> str:
    """Return "+8 since", and what it means, as a sentence; empty for 0."""
    return f"{since_in_short(count)}: {since_sentence(count)}." if count else ""


def since_sentence(count: int) -> str:
    """Return what "+8 since" means."""
    return ngettext(
        "%(count)s removal through this dashboard since that reading",
        "%(count)s removals through this dashboard since that reading",
        count,
    ) % {"count": intcomma(count)}
