"""Numbers of credits on a page: unknown is said so, and 0 is a number."""

import pytest
from django.template import engines
from django.utils import translation

UNKNOWN = '<span class="unknown">unknown</span>'


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param(None, UNKNOWN, id="unknown-is-never-0"),
        pytest.param(0, "0", id="zero-is-known"),
        pytest.param(9300, "9,300", id="separators"),
        pytest.param(-1234567, "-1,234,567", id="a-correction"),
    ],
)
def test_credits_are_written_with_separators_or_as_unknown(value, said):
    template = engines["django"].from_string("{{ value|credits }}")

    assert template.render({"value": value}) == said


def test_credits_are_written_as_the_language_does():
    template = engines["django"].from_string("{{ value|credits }}")

    with translation.override("de"):
        assert template.render({"value": 9300}) == "9.300"
