"""Moments in templates: how long ago, and the time itself; a list has one in each row."""

from datetime import datetime

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """Tell an aware moment as "3 minutes ago", and in the current zone to who points at it.

    Screen readers are told both.
    """
    local = timezone.localtime(at)
    told = formats.date_format(local, "DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}" data-relative title="{}">{}</time>'
        '<span class="visually-hidden"> ({})</span>',
        local.isoformat(),
        told,
        naturaltime(at),
        told,
    )
