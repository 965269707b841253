"""What went through us since RemBG was read is said beside every number of its (promises D21)."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.overview.models import issue as share
from dashboard.usage import tasks
from dashboard.usage.add_keys import add_key
from tests.gateway.conftest import PICTURE, issued
from tests.removals.conftest import desk_of

SENTENCE = "{} removals through this dashboard since that reading"
NUMBER = r"(\d[\d,]*)"


def words(answer) -> str:
    assert answer.status_code == 200, answer
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def whole(text: str) -> int:
    return int(text.replace(",", ""))


@dataclass(frozen=True)
class Told:
    """Everything that the house tells at one moment: to a person, a program and a visitor."""

    browser: Client
    account: Account
    secret: str
    links: dict[str, str]
    at: datetime

    def get(self, path: str, **query: object):
        with time_machine.travel(self.at, tick=False):
            return self.browser.get(path, query)

    def usage(self, **query: object):
        with time_machine.travel(self.at, tick=False):
            headers = {"x-api-key": self.secret}
            return Client().get("/api/membership-usage", query, headers=headers)

    def api(self, path: str):
        return self.get(f"/api/v1/teams/acme/{path}").json()

    def metrics(self, name: str) -> list[float]:
        found = re.findall(rf"^dashboard_{name}{{.*}} (\S+)$", self.get("/metrics").text, re.M)
        return [float(one) for one in found]

    @property
    def statement(self) -> str:
        [running] = [
            one
            for one in self.api(f"accounts/{self.account.pk}/statements")["statements"]
            if one["is_running"]
        ]
        return running["key"]

    @property
    def month(self) -> str:
        end = self.account.cycles.get(start_at__lte=self.at, end_at__gt=self.at).end_at
        return f"{end.astimezone(UTC) - timedelta(seconds=1):%Y-%m}"

    def pages(self) -> dict[str, str]:
        """Return every page that shows what RemBG counted, in words."""
        team, pk = "/teams/acme/", self.account.pk
        addresses = {
            "overview": team,
            "accounts": f"{team}accounts/",
            "account": f"{team}accounts/{pk}/",
            "statements": f"{team}statements/",
            "statement": f"{team}statements/{pk}/{self.statement}/",
            "month": reverse("overview:month", args=["acme", self.month]),
            "spendable, explained": f"{team}explain/spendable/",
            "used, explained": f"{team}explain/used/{pk}/",
            "statement, explained": f"{team}explain/statement/{pk}/?cycle={self.statement}",
            "month, explained": f"{team}explain/month/?month={self.month}",
            "shared overview": f"/shared/{self.links['overview']}/",
            "kiosk": f"/shared/{self.links['overview']}/?kiosk",
            "shared chart": f"/shared/{self.links['this_cycle']}/",
            "badge": f"/shared/{self.links['badge']}/badge.svg",
        }
        return {name: words(self.get(address)) for name, address in addresses.items()}

    def numbers(self) -> dict[str, int]:
        """Return how much each says that programs read was charged since."""
        pk, usage, listed = self.account.pk, self.usage(), self.usage(listBillingCycles=1)
        cycles = f"accounts/{pk}/statements"
        one = self.api(f"{cycles}/{self.statement}")
        [running] = [each for each in self.api(cycles)["statements"] if each["is_running"]]
        month = self.api(f"statements/{self.month}")
        [metric] = self.metrics("credits_since_reading")
        return {
            "accounts": self.api("accounts")["accounts"][0]["since_credits"],
            "metrics": int(metric),
            "membership-usage": usage.json()["sinceReading"]["credits"],
            "its header": int(usage["X-Credits-Since"]),
            "header of the list": int(listed["X-Credits-Since"]),
            "statements": running["since_credits"],
            "statement": one["since_credits"],
            "statement, by its older name": one["sent_since"],
            "month": month["since_credits"],
            "cycle of the month": month["statements"][0]["since_credits"],
        }


@pytest.fixture
def post(client, db, files_here, sandbox, mine) -> Callable[[], None]:
    """Send a picture as a program does."""
    _key, secret = issued(mine)

    def send() -> None:
        image = io.BytesIO(PICTURE)
        image.name = "cat.png"
        answer = Client().post("/rmbg", {"image": image}, headers={"x-api-key": secret})
        assert (answer.status_code, answer["X-Credits-Charged"]) == (200, "1")

    send.secret = secret
    return send


def added(sandbox, team, by, name: str, **counters: int) -> Account:
    sandbox.set_account(f"sandbox-{name}", **counters)
    label = name.title()
    return add_key(team, label=label, secret=f"sandbox-{name}", by=by, at=timezone.now()).account


@pytest.fixture
def told(sandbox, acme, alice, post) -> Callable[[], Told]:
    """An account with 600 of 1,000 credits left, read just now; call it for what is told now."""
    account = added(
        sandbox, acme, alice, "one", included_credits=1000, prepaid_credits=50, api_usage=400
    )
    browser = Client()
    browser.force_login(alice)
    common = {"label": "Wall", "days": 30, "by": alice, "at": timezone.now()}
    links = {
        shows: share(acme, shows=shows, account=of, **common)[1]
        for shows, of in (("overview", None), ("badge", None), ("this_cycle", account))
    }
    return lambda: Told(browser, account, post.secret, links, timezone.now())


def test_d21_eight_removals_are_said_beside_every_number_until_rembg_was_read(
    told, mel, post, sandbox
):
    desk = desk_of(mel)
    for _ in range(4):
        assert desk.remove(PICTURE).state == "done"
        post()
    last = timezone.now()

    before = told()

    sentence = SENTENCE.format(8)
    pages = before.pages().items()
    assert [name for name, text in pages if "+8 since" not in text or sentence not in text] == []
    assert [name for name, text in pages if "Nothing went through" in text] == []
    through = "0 of 400 credits went through this dashboard"
    assert re.search(rf"{through}[^.]*\. \+8 since: {sentence}\.", dict(pages)["statements"])
    assert set(before.numbers().values()) == {8}, before.numbers()
    assert before.api("accounts")["accounts"][0]["remaining_included_credits"] == 600
    account = before.account
    account.refresh_from_db()
    assert account.next_poll_at <= last + timedelta(minutes=1)

    with time_machine.travel(last + timedelta(minutes=1)):
        assert tasks.poll_due.call_local() == 1
        after = told()

    assert [name for name, text in after.pages().items() if re.search(r"\+\d+ since", text)] == []
    assert set(after.numbers().values()) == {0}
    assert after.api("accounts")["accounts"][0]["remaining_included_credits"] == 592
    assert "592 of 1,000" in after.pages()["overview"]


def test_d21_a_single_removal_is_said_in_the_singular(told, post):
    post()

    page = told().pages()["overview"]

    assert "+1 since (1 removal through this dashboard since that reading)" in page


def test_d21_in_the_table_of_many_accounts_each_has_its_own(told, post, acme, sandbox, alice):
    for number in range(6):
        few = {"included_credits": 100, "prepaid_credits": 0, "api_usage": 99}
        added(sandbox, acme, alice, f"more{number}", **few)
    post()

    page = told().pages()["overview"]

    others, mine = page.split(" Accounts Account ")[1].rsplit(" One ", 1)
    assert "+1 since (1 removal" in mine and "since" not in others
    # And once beside each of the three sums.
    assert page.count("+1 since") == 4


def test_d21_a_forecast_and_what_is_stored_do_not_move(told, post):
    before = told()
    forecast = before.api(f"accounts/{before.account.pk}/forecast")
    stored = list(before.account.cycles.values())

    post()

    after = told()
    assert after.api(f"accounts/{before.account.pk}/forecast") == forecast
    assert list(before.account.cycles.values()) == stored
    assert after.metrics("spendable_credits") == [650]


def test_page_api_metrics_badge_and_shared_page_tell_the_same_number_at_the_same_moment(
    told, post, sandbox, acme, alice
):
    added(sandbox, acme, alice, "two", included_credits=30_000, prepaid_credits=7, api_usage=100)
    for _ in range(3):
        post()

    now = told()

    pages = now.pages()
    spendable = rf"Spendable {NUMBER} credits Included left and prepaid together. Read .*?"
    since = rf"{spendable}\+{NUMBER} since"
    accounts = now.api("accounts")["accounts"]
    badge = re.search(rf"RemBG credits: {NUMBER}.*?\+{NUMBER} since", pages["badge"])
    numbers = {
        "page": re.search(since, pages["overview"]).groups(),
        "shared page": re.search(since, pages["shared overview"]).groups(),
        "kiosk": re.search(since, pages["kiosk"]).groups(),
        "badge": badge.groups(),
    }
    told_in_words = {name: tuple(map(whole, found)) for name, found in numbers.items()}
    sums = [sum(one[f"{name}_credits"] for one in accounts) for name in ("spendable", "since")]
    [spendable_metric] = now.metrics("spendable_credits")
    told_in_words |= {
        "API": tuple(sums),
        "metrics": (spendable_metric, sum(now.metrics("credits_since_reading"))),
    }
    assert set(told_in_words.values()) == {(30_557, 3)}, told_in_words
    # The account that would pay next is the one with most left: RemBG counted 100 of its credits.
    answer = now.usage(expand="billing_cycle").json()
    block = answer["billingCycle"]
    left = block["remainingIncludedCredits"] + block["prepaidCredits"]
    assert (left, answer["sinceReading"]["credits"]) == (29_907, 3)
