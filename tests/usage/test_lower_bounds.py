"""While nobody has decided whether two accounts are one, every total is a lower bound (D19)."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.overview.models import issue
from dashboard.teams.models import Team, User
from tests.usage.conftest import MADE, START, listed, usage

UNUSED = {"app": 0, "api": 0, "usedIncludedCredits": 0, "remainingIncludedCredits": 18500}
PAST = (START - timedelta(days=30), START, 120, 880)
WHY = "“Copy” may be the same account as “Main” and is not counted until somebody decides."
GAUGE = "dashboard_spendable_is_lower_bound"


@dataclass
class House:
    """Acme's places where a total of credits stands."""

    client: Client
    acme: Team
    alice: User

    def text(self, path: str, *, of_team: bool = True) -> str:
        """Return what an address says, without tags."""
        answer = self.client.get(f"/teams/acme/{path}" if of_team else path)
        assert answer.status_code == 200, path
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())

    def json(self, path: str) -> dict:
        return self.client.get(f"/api/v1/teams/acme/{path}").json()

    def metric(self, name: str) -> list[float]:
        lines = self.client.get("/metrics").text.splitlines()
        return [float(line.split()[-1]) for line in lines if line.startswith(f"{name}{{")]

    def shared(self, shows: str, end: str = "") -> str:
        """Return what a link shows to somebody who never signed in."""
        facts = {"account": None, "label": "", "days": 1, "by": self.alice, "at": timezone.now()}
        secret = issue(self.acme, shows=shows, **facts)[1]
        answer = Client().get(f"/shared/{secret}/{end}")
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())

    def said(self) -> list[str]:
        """Return the sentence of every place that tells how much can be spent."""
        return [
            *(self.text(path) for path in ("", "accounts/", "explain/spendable/")),
            *(self.shared("overview", end) for end in ("", "?kiosk")),
            self.shared("badge", "badge.svg"),
        ]


@pytest.fixture
def house(noon, client, alice, acme, wire) -> House:
    """Two keys of one unused account of RemBG, added one after the other as new accounts."""
    wire.by_mode(current=usage(**UNUSED), cycles=listed(PAST))
    client.force_login(alice)
    for label, secret in (("Main", "first-key"), ("Copy", "second-key")):
        form = {"label": label, "secret": secret, "account": "new"}
        client.post("/teams/acme/keys/add/", form)
    return House(client, acme, alice)


def test_d19_pages_say_at_least_and_why_and_where_to_decide(house):
    overview, accounts, explained, shared, kiosk, _badge = house.said()
    copy = Account.objects.get(label="Copy")

    for page in (overview, shared, kiosk):
        assert "At least 20,500 credits can be spent now; Main renews in 15 days." in page
        assert "Spendable at least 20,500 credits" in page
        assert "Included in plans, left at least 18,500 credits" in page
        assert "Prepaid at least 2,000 credits" in page
        assert WHY in page
    assert "At least 20,500 credits can be spent now." in accounts and WHY in accounts
    assert "Result at least 20,500" in explained
    assert "Left out: it may be the same as Main." in explained
    decide = f'{WHY} <a href="/teams/acme/accounts/{copy.pk}/">Decide</a>'
    for path in ("/teams/acme/", "/teams/acme/accounts/"):
        assert decide in house.client.get(path).text


def test_d19_a_shared_page_says_why_and_leads_nowhere(house):
    assert WHY in house.shared("overview")
    assert "Decide" not in house.shared("overview") + house.shared("overview", "?kiosk")


def test_d19_the_badge_says_at_least(house):
    badge = house.shared("badge", "badge.svg")

    assert "RemBG credits: ≥ 20,500" in badge
    assert "An account that may be the same as another one is not counted." in badge


def test_d19_programs_are_told_the_bound_and_the_account_that_waits(house):
    found = house.json("accounts")
    main, copy = Account.objects.order_by("created_at")

    assert [one["id"] for one in found["accounts"]] == [str(main.pk)]
    [waits] = found["undecided"]
    assert (waits["id"], waits["same_as"]) == (str(copy.pk), str(main.pk))
    assert waits["spendable_credits"] == 20_500
    totals = found["totals"]
    assert (totals["spendable_credits"], totals["is_lower_bound"]) == (20_500, True)
    assert (totals["remaining_included_credits"], totals["prepaid_credits"]) == (18_500, 2_000)
    assert totals["as_of"] == found["accounts"][0]["as_of"] and totals["stale"] is False
    assert house.metric("dashboard_spendable_credits") == [20_500]
    assert house.metric(GAUGE) == [1]


def test_d19_the_month_of_all_accounts_says_at_least(house):
    page, month = house.text("statements/months/2026-11/"), house.json("statements/2026-11")
    book = house.client.get("/teams/acme/statements/months/2026-11.xlsx").content
    texts = zipfile.ZipFile(io.BytesIO(book)).read("xl/sharedStrings.xml").decode()

    assert "At least 1,000 credits." in page
    assert "The sums are lower bounds." in page
    assert "same account as another one, and not added until somebody decides: Copy." in page
    assert "Total counted by RemBG at least 1,000" in page
    assert "Result at least 1,000" in house.text("explain/month/?month=2026-11")
    assert (month["total"]["credits"], month["is_lower_bound"]) == (1000, True)
    assert "Lower bound" in texts


@pytest.mark.parametrize(
    ("deed", "credits", "used"), [("keep-apart", 41_000, 2000), ("join", 20_500, 1000)]
)
def test_d19_once_somebody_has_decided_totals_are_sums_again(house, deed, credits, used):
    copy = Account.objects.get(label="Copy")

    house.client.post(f"/teams/acme/accounts/{copy.pk}/{deed}/")

    for said in house.said():
        assert f"{credits:,}" in said
        assert not re.search("at least|lower bound|≥", said, re.IGNORECASE)
    found = house.json("accounts")
    assert (found["undecided"], found["totals"]["is_lower_bound"]) == ([], False)
    assert found["totals"]["spendable_credits"] == credits
    assert house.metric("dashboard_spendable_credits") == [credits]
    assert house.metric(GAUGE) == [0]
    month = house.json("statements/2026-11")
    assert (month["total"]["credits"], month["is_lower_bound"]) == (used, False)
    assert "least" not in house.text("statements/months/2026-11/")


def test_an_account_that_is_unknown_makes_the_sum_a_lower_bound_too(house, acme):
    Account.objects.update(same_as=None)
    Account.objects.create(team=acme, label="Dark", next_poll_at=MADE, cycles_due_at=MADE)

    assert "At least 41,000 credits can be spent now" in house.text("")
    assert "Not in these sums, because unknown: Dark." in house.text("")
    assert house.json("accounts")["totals"]["is_lower_bound"] is True
    assert house.metric("dashboard_spendable_credits") == []
    assert house.metric(GAUGE) == [1]
