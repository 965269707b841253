"""Tags and filters that every template has: icons, badges, moments and numbers of credits.

In Python because a list has them in each row: an include for each icon took 70 µs.
"""

from datetime import datetime
from functools import lru_cache

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

SPRITE = "img/icons.svg"
BADGE_ICONS = {
    "ok": "circle-check",
    "warn": "triangle-alert",
    "bad": "circle-x",
    "busy": "loader",
    "info": "info",
}
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
    role = format_html('role="img" aria-label="{}"', label) if label else HIDDEN
    return format_html(
        '<svg class="{}" {}><use href="{}#{}"></use></svg>', look, role, sprite, name
    )


@register.simple_tag
def badge(kind: str, text: str, title: str = "", icon: str = "") -> SafeString:
    """Draw a badge of a kind, with the kind's icon or another; colour alone says nothing."""
    hint = format_html(' title="{}"', title) if title else ""
    look = _drawn(static(SPRITE), icon or BADGE_ICONS.get(kind, "circle"), "", "")
    return format_html('<span class="badge {}"{}>{}<span>{}</span></span>', kind, hint, look, text)


@register.simple_block_tag
def keep(content: SafeString) -> SafeString:
    """Render once what stands between the tags: `{% keep as pages %}…{% endkeep %}{{ pages }}`."""
    return content


@register.simple_tag
def moment(at: datetime) -> SafeString:
    """Write an aware moment as "3 minutes ago", and in the current zone to who points at it.

    Screen readers are told both.
    """
    local = timezone.localtime(at)
    exact = formats.date_format(local, "DATETIME_FORMAT")
    return format_html(
        '<time datetime="{}" data-relative title="{}">{}</time>'
        '<span class="visually-hidden"> ({})</span>',
        local.isoformat(),
        exact,
        naturaltime(at),
        exact,
    )


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
