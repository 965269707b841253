"""Badges in templates: an icon and a word, and nothing in them unescaped."""

import pytest
from django.template import engines


def drawn(source: str, **context: str) -> str:
    return engines["django"].from_string(source).render(context)


@pytest.mark.parametrize(
    ("kind", "icon"), [("ok", "circle-check"), ("bad", "circle-x"), ("neutral", "circle")]
)
def test_a_badge_has_the_icon_of_its_kind_and_a_word(kind, icon):
    html = drawn("{% badge kind 'Fine' %}", kind=kind)

    assert html.startswith(f'<span class="badge {kind}"><svg class="icon" aria-hidden="true">')
    assert f'#{icon}"' in html
    assert html.endswith("</svg><span>Fine</span></span>")


def test_another_icon_and_a_title_are_taken():
    html = drawn("{% badge 'warn' 'Same' title='Why' icon='copy' %}")

    assert 'class="badge warn" title="Why"' in html
    assert '#copy"' in html


def test_o2_what_upstream_said_is_escaped():
    html = drawn("{% badge 'bad' text title=title %}", text="<b>", title='" onclick="x')

    assert "<span>&lt;b&gt;</span>" in html
    assert 'title="&quot; onclick=&quot;x"' in html
