"""Markup that a page shows more than once, for templates."""

from django import template
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_block_tag
def keep(content: SafeString) -> SafeString:
    """Render once what stands between the tags: `{% keep as pages %}…{% endkeep %}{{ pages }}`."""
    return content
