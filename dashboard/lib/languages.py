"""Texts in a reader's language, looked up once a process."""

from functools import lru_cache

from django.conf import settings
from django.utils.translation import trans_real

# More texts than the product has.
TEXTS = 8192


def remember_texts() -> None:
    """Let each language remember what it answered, for as long as the process runs.

    A text without a translation is looked for in eleven catalogs, each time, and a page has
    hundreds: that took a seventh of the overview of fifty accounts.
    """
    for code, _name in settings.LANGUAGES:
        catalog = trans_real.translation(code)
        catalog.gettext = lru_cache(TEXTS)(catalog.gettext)  # type: ignore[method-assign]
        catalog.ngettext = lru_cache(TEXTS)(catalog.ngettext)  # type: ignore[method-assign]
