"""The badge: one number, in any of its states, that fits and reads out."""

from __future__ import annotations

import uuid
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.overview.models import issue
from dashboard.overview.sharing import badges
from dashboard.usage.models import Snapshot
from dashboard.usage.standing import Standing
from tests.conftest import NOON

SVG = "{http://www.w3.org/2000/svg}"


def standing(**facts) -> Standing:
    known = {"included": 1000, "remaining": 600, "prepaid": 50, "as_of": NOON}
    return Standing(uuid.uuid4(), "Main", NOON, **(known | facts))


UNKNOWN = {"included": None, "remaining": None, "prepaid": None, "as_of": None}


@pytest.mark.parametrize(
    ("standings", "message", "state"),
    [
        pytest.param([standing()], "650", "ok", id="left"),
        pytest.param([standing(), standing(remaining=9000)], "9,700", "ok", id="sum"),
        pytest.param(
            [standing(), standing(twin_of="Main")], "≥ 650", "neutral", id="D14-twin-once"
        ),
        pytest.param([standing(remaining=20, prepaid=5)], "25", "warn", id="few"),
        pytest.param([standing(remaining=0, prepaid=0)], "0", "bad", id="none-left"),
        pytest.param([standing(stale=True)], "650 (stale)", "neutral", id="stale"),
        pytest.param([standing(**UNKNOWN)], "unknown", "neutral", id="unknown-is-no-0"),
        pytest.param([standing(prepaid=None)], "unknown", "neutral", id="prepaid-unknown"),
        pytest.param([standing(), standing(**UNKNOWN)], "≥ 650", "neutral", id="a-part-unknown"),
        pytest.param([], "unknown", "neutral", id="no-account"),
    ],
)
def test_the_badge_says_what_can_be_spent_and_how_sure_that_is(standings, message, state):
    assert badges.credits_left(standings) == ("RemBG credits", message, state)


def test_the_badge_carries_its_formula_and_its_age():
    told = badges.formula([standing(), standing(as_of=NOON - timedelta(hours=1))])
    picture = ElementTree.fromstring(badges.draw("A", "b", "ok", told))

    assert picture.find(f"{SVG}desc").text == told
    assert "Included credits left + prepaid credits, each account once." in told
    assert f"Read: {NOON - timedelta(hours=1):%-d %b %Y, %H:%M} UTC." in told
    assert "Read:" not in badges.formula([standing(**UNKNOWN)])


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=40))
def test_any_text_is_escaped_fits_and_is_the_title(message):
    picture = ElementTree.fromstring(badges.draw("A & <b>", message, "ok"))
    texts = picture.findall(f".//{SVG}text")

    assert picture.find(f"{SVG}title").text == f"A & <b>: {message}"
    assert picture.get("aria-label") == f"A & <b>: {message}"
    assert [(one.text or "") for one in texts] == ["A & <b>", message]
    ends = [float(one.get("x")) + float(one.get("textLength")) / 2 for one in texts]
    assert ends[1] <= float(picture.get("width"))
    assert picture.get("viewBox") == f"0 0 {picture.get('width')} 20"


def test_a_longer_number_makes_a_wider_badge():
    assert badges.width("1,000,000") > badges.width("1,000")


@pytest.fixture
def read(account) -> Account:
    """An account that was read five minutes ago."""
    Snapshot.objects.create(
        account=account,
        mode="current",
        outcome="ok",
        asked_at=timezone.now() - timedelta(minutes=5),
        included_credits=18_500,
        remaining_included_credits=9_200,
        prepaid_credits=100,
    )
    return account


@pytest.mark.parametrize("of_account", [True, False], ids=["one-account", "all"])
def test_the_badge_is_served_for_any_site(acme, alice, read, of_account):
    mine = read if of_account else None
    facts = {"account": mine, "label": "", "days": 30, "by": alice, "at": timezone.now()}
    secret = issue(acme, shows="badge", **facts)[1]

    answer = Client().get(f"/shared/{secret}/badge.svg")

    assert answer["Content-Type"] == "image/svg+xml; charset=utf-8"
    assert answer["Cache-Control"] == "public, max-age=300"
    assert answer["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert not answer.cookies
    assert "RemBG credits: 9,300" in answer.text
