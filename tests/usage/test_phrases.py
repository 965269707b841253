"""Numbers and days in the reader's language: as Django writes them, only sooner."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils.formats import date_format, number_format
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from dashboard.usage import formatting
from tests.conftest import NOON

LANGUAGES = st.sampled_from(["en-gb", "de", "fr", "en-in", "ja"])
MOMENTS = st.integers(946684800, 3786912000).map(lambda one: datetime.fromtimestamp(one, UTC))
ZONES = st.sampled_from(["UTC", "Europe/Istanbul", "Pacific/Kiritimati"]).map(ZoneInfo)


@given(st.integers(-(10**12), 10**12), LANGUAGES)
def test_a_number_is_written_as_django_writes_it(count, language):
    with override(language):
        assert formatting.number(count) == number_format(count, use_l10n=True, force_grouping=True)


@given(MOMENTS, LANGUAGES, ZONES)
def test_a_moment_is_written_as_django_writes_it(moment, language, zone):
    local = moment.astimezone(zone)
    pattern = "j M" if local.year == NOON.astimezone(zone).year else "j M Y"

    with override(language):
        assert formatting.day(moment, zone, at=NOON) == date_format(local, pattern)
        clock = formatting.clock(moment, zone, at=NOON)
        assert clock == f"{date_format(local, pattern)}, {date_format(local, 'H:i')}"


@pytest.mark.parametrize(("count", "said"), [(0, "0 days"), (1, "1 day"), (1000, "1000 days")])
def test_days_are_counted(count, said):
    assert formatting.days(count) == said


def test_an_unknown_number_is_unknown():
    assert formatting.number(None) == "unknown"
