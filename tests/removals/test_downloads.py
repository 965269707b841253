"""Pictures behind addresses: who gets them, and with what headers (promises A12, O6)."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.removals.downloads import disposition
from dashboard.removals.models import Removal
from tests.removals.conftest import REMOVALS, desk_of, subject

FILES = ("result", "original", "thumbnail")


@pytest.fixture
def removal(desk, sandbox) -> Removal:
    return desk.remove(subject("JPEG"), "Gül & Öl.jpg", format="png")


@pytest.mark.parametrize("name", FILES)
def test_o6_a_picture_is_served_as_nothing_else(desk, removal, name):
    answer = desk.browser.get(f"{REMOVALS}{removal.pk}/{name}")

    assert b"".join(answer.streaming_content)
    assert answer["Content-Type"] in {"image/png", "image/jpeg", "image/webp"}
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Disposition"].startswith("inline;")


def test_o6_a_download_has_the_originals_name_and_the_results_extension(desk, removal):
    answer = desk.browser.get(f"{REMOVALS}{removal.pk}/result?download")

    header = answer["Content-Disposition"]
    assert header.startswith('attachment; filename="G_l & _l.png"; ')
    assert unquote(header.split("filename*=UTF-8''")[1]) == "Gül & Öl.png"
    assert len(b"".join(answer.streaming_content)) == removal.result_bytes
    assert int(answer["Content-Length"]) == removal.result_bytes


@pytest.mark.parametrize("name", ["", "status.json", *FILES])
def test_t1_a_stranger_finds_nothing(removal, mallory, name):
    browser = desk_of(mallory).browser

    assert browser.get(f"{REMOVALS}{removal.pk}/{name}").status_code == 404
    theirs = f"/teams/evil/removals/{removal.pk}/{name}"
    assert browser.get(theirs).status_code == 404


@pytest.mark.parametrize("name", ["result", "thumbnail"])
def test_a_picture_that_is_not_there_is_not_found(desk, name):
    waiting = desk.queue()

    answer = desk.browser.get(f"{REMOVALS}{waiting.pk}/{name}")

    assert answer.status_code == 404


@given(st.text(max_size=80))
def test_u25_no_name_breaks_out_of_its_header(name):
    header = disposition(name.encode(errors="replace").decode(), attached=True)

    assert header.isascii()
    assert header.isprintable()
    quoted = header.removeprefix('attachment; filename="').split('"; ')[0]
    assert '"' not in quoted and "\\" not in quoted
