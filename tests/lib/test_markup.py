"""Markup that is kept: rendered once, shown as often as it is named, escaped as it was."""

from django.template import engines


def test_what_is_kept_is_rendered_once():
    drawn: list[str] = []

    def name() -> str:
        drawn.append("once")
        return "<b>"

    page = engines["django"].from_string(
        "{% keep as part %}<i>{{ name }}</i>{% endkeep %}{{ part }}{{ part }}"
    )

    assert page.render({"name": name}) == "<i>&lt;b&gt;</i>" * 2
    assert drawn == ["once"]
