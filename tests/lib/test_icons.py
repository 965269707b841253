"""Icons in templates: drawn from the sprite, hidden or labelled, with nothing in them unescaped."""

import pytest
from django.template import engines
from django.templatetags.static import static


def drawn(source: str, **context: str) -> str:
    return engines["django"].from_string(source).render(context)


def test_an_icon_is_hidden_from_screen_readers_unless_it_has_a_label():
    use = f'<use href="{static("img/icons.svg")}#plus"></use>'

    assert drawn('{% icon "plus" %}') == f'<svg class="icon" aria-hidden="true">{use}</svg>'
    assert drawn('{% icon "plus" css="large" label="Add" %}') == (
        f'<svg class="icon large" role="img" aria-label="Add">{use}</svg>'
    )


@pytest.mark.parametrize("first", ["safe", "text"])
def test_o2_a_label_is_escaped_whatever_was_drawn_before(first):
    safe = ('{% icon "plus" label="<b>" %}', '"<b>"')
    text = ('{% icon "plus" label=label %}', '"&lt;b&gt;"')

    for source, said in (safe, text) if first == "safe" else (text, safe):
        assert said in drawn(source, label="<b>")


def test_the_include_draws_the_same():
    with_tag = drawn('{% icon "plus" css="large" label="Add" %}')
    include = '{% include "components/icon.html" with name="plus" class="large" label="Add" only %}'

    assert drawn(include).strip() == with_tag
