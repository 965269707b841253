"""Numbers of credits in templates: with separators, or "unknown", which is never 0 or a dash."""

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def credits(value: int | None) -> SafeString:
    """Write a number of credits as "9,300"; what nobody knows is said so, in muted letters."""
    if value is None:
        return format_html('<span class="unknown">{}</span>', _("unknown"))
    return format_html("{}", intcomma(value))
