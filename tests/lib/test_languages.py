"""Texts remembered by a language are the ones that it gives without."""

import pytest
from django.utils.translation import gettext, ngettext, override, trans_real

from dashboard.lib.languages import remember_texts


@pytest.fixture
def remembering(monkeypatch):
    """A language that remembers, for this test only."""
    monkeypatch.setattr(trans_real, "_translations", {})
    remember_texts()


def test_a_remembered_text_is_the_same(remembering):
    texts = ["Overview", "Sign Out", "%(count)s day", ""]
    with override("en-gb"):
        once = [gettext(text) for text in texts]
        again = [gettext(text) for text in texts]
        days = [ngettext("%(count)s day", "%(count)s days", count) for count in (1, 2, 1)]

    assert once == again == ["Overview", "Sign Out", "%(count)s day", ""]
    assert days == ["%(count)s day", "%(count)s days", "%(count)s day"]
    assert trans_real.translation("en-gb").gettext.cache_info().hits >= 3
