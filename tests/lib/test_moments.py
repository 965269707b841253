"""Moments in templates: relative to people, absolute to machines, in the zone that is current."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import time_machine
from django.template import engines
from django.utils import timezone

AT = datetime(2026, 11, 18, 12, 5, tzinfo=UTC)


def shown(at: datetime) -> str:
    return engines["django"].from_string("{% moment at %}").render({"at": at})


@time_machine.travel(datetime(2026, 11, 18, 12, 8, tzinfo=UTC), tick=False)
def test_a_moment_says_how_long_ago_and_when_in_the_teams_zone():
    with timezone.override(ZoneInfo("Europe/Istanbul")):
        html = shown(AT)

    assert html == (
        '<time datetime="2026-11-18T15:05:00+03:00" data-relative title="18 Nov 2026, 15:05">'
        "3\N{NO-BREAK SPACE}minutes ago</time>"
        '<span class="visually-hidden"> (18 Nov 2026, 15:05)</span>'
    )
