"""One click on any number: the reading it came in, or the formula and what stood in it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.utils import timezone

from dashboard.gateway.issuing import Terms, issue
from dashboard.keys.models import Account
from dashboard.keys.pricing import CreditPrice
from dashboard.overview.explain import EXPLAINED, TOTALS
from dashboard.overview.month_statements import TeamCycles
from dashboard.removals import budgets
from dashboard.removals.models import Charged, Removal, State, Subject
from dashboard.usage.models import Snapshot
from dashboard.usage.polling.ask import poll
from tests.conftest import add_key
from tests.usage.conftest import listed, usage, wire  # noqa: F401

HTMX = {"HX-Request": "true"}
PROVENANCE_DOC = Path(__file__).resolve().parents[2] / "docs" / "provenance.md"
VOID = {"meta", "link", "input", "img", "br", "hr", "rect", "use", "path", "source", "col"}
SOURCE = re.compile(
    r"/(removals/[0-9a-f-]{36}|readings/[0-9a-f-]{36}|explain/[a-z-]+(/[0-9a-f-]{36})?)/"
)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass
class Node:
    """An element of a page."""

    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    parent: Node | None = None
    said: list[str | Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.said)

    @property
    def elements(self) -> list[Node]:
        return [node for one in self.said if isinstance(one, Node) for node in (one, *one.elements)]

    @property
    def credit(self) -> Node | None:
        """The nearest element around it that says that credits stand in it."""
        if "data-credit" in self.attributes:
            return self
        return self.parent.credit if self.parent else None

    @property
    def sources(self) -> list[str]:
        hrefs = [one.attributes.get("href") or "" for one in self.elements]
        return [href for href in hrefs if SOURCE.search(href)]


class Page(HTMLParser):
    """A page as a tree."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.root = self.here = Node("")
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs), self.here)
        self.here.said.append(node)
        if tag not in VOID:
            self.here = node

    def handle_endtag(self, tag: str) -> None:
        node = self.here
        while node.parent and node.tag != tag:
            node = node.parent
        if node.parent:
            self.here = node.parent

    def handle_data(self, data: str) -> None:
        self.here.said.append(data)


# What RemBG says of the accounts below and what follows of it, as pages write them.
CREDITS = ("9,200", "9,300", "2,000", "11,200", "4,200", "5,100", "18,400", "4,000", "22,400")
SAID = re.compile(rf"(?<![\d,])({'|'.join(CREDITS)}|1 credit\b)(?![\d,])")


def readings(account: Account, start: datetime, *, until: datetime, every: timedelta) -> None:
    """Write down readings of counters that rise; a day in the middle has none."""
    facts = {"mode": "current", "outcome": "ok", "query": "expand=billing_cycle", "status": 200}
    facts |= {"included_credits": 18500, "prepaid_credits": 2000, "membership": "Premium-20000"}
    facts |= {"period_start_at": start, "period_end_at": start + 30 * DAY}
    facts |= {"synced": True, "kind": "stripe"}
    moments = [start + n * every for n in range(1, int((until - start) / every))]
    Snapshot.objects.bulk_create(
        Snapshot(
            account=account,
            asked_at=at,
            app_usage=int((at - start) / HOUR * 7),
            api_usage=int((at - start) / HOUR * 8),
            **facts,
        )
        for at in moments
        if not 5 * DAY < at - start < 6 * DAY
    )


@pytest.fixture
def told(noon, acme, alice, wire, settings) -> list[Account]:  # noqa: F811
    """Two accounts that were read, a budget of each kind, and a picture that cost a credit."""
    now = timezone.now()
    start, end = now - timedelta(days=20), now + timedelta(days=10)
    current = usage(start=start, end=end)
    current |= {"app_usage": 1, "api_usage": 1}
    past = (start - timedelta(days=30), start, 4000, 0)
    accounts = []
    for label, earlier in (("Main", past), ("Shop", (past[0] + timedelta(days=1), start, 4000, 0))):
        account = Account.objects.create(
            team=acme, label=label, known_apart_at=now, next_poll_at=now, cycles_due_at=now
        )
        add_key(account, f"sandbox-{label.lower()}", label)
        wire.by_mode(current=current, cycles=listed(earlier, (start, end, 4200, 5100)))
        if label == "Main":
            readings(account, start - 30 * DAY, until=start, every=6 * HOUR)
            readings(account, start, until=now, every=2 * HOUR)
        assert poll(account, at=now).is_good
        accounts.append(account)
    CreditPrice.objects.create(
        account=accounts[0], amount="0.02", currency="EUR", from_at=past[0] - 90 * DAY, set_at=now
    )
    member = acme.memberships.get(user=alice)
    issue(member, Terms("Script", account=accounts[0]), at=now)
    for charged, state in ((Charged.YES, State.FAILED), (Charged.UNKNOWN, State.UNKNOWN)):
        Removal.objects.create(
            team=acme, user=alice, member=str(alice), account=accounts[0], nonce=state,
            filename="a.png", picture="pictures/none.png", picture_type="image/png",
            picture_bytes=10, width=4, height=3, parameters={"format": "png"}, state=state,
            charged=charged, queued_at=now, not_before_at=now, tag="spring",
            keep_until=now + timedelta(days=30),
        )  # fmt: skip
    for kind, subject in ((Subject.MEMBER, str(alice.pk)), (Subject.TAG, "spring")):
        budgets.put(acme, kind, subject, name=subject, soft=5, hard=10, account=None, at=now)
    return accounts


@pytest.fixture
def many(told, acme) -> list[Account]:
    """More accounts than the overview has cards for."""
    now = timezone.now()
    for number in range(6):
        account = Account.objects.create(
            team=acme, label=f"Other {number}", known_apart_at=now, next_poll_at=now
        )
        readings(account, now - 3 * DAY, until=now, every=HOUR)
    return told


def cycle_keys(account: Account) -> list[str]:
    """Return the names of the running cycle and of the past one."""
    starts = account.cycles.order_by("-start_at").values_list("start_at", flat=True)
    return [f"{int(start.timestamp())}-stripe" for start in starts]


def months(account: Account) -> list[str]:
    """Return the months in which a cycle of the team ends."""
    return [f"{month:%Y-%m}" for month in TeamCycles(account.team).months]


def pages(accounts: list[Account]) -> list[str]:
    one = f"/teams/acme/accounts/{accounts[0].pk}/"
    names = ("", "accounts/", "keys/", "removals/", "virtual-keys/", "budgets/", "members/")
    key, pk = accounts[0].team.virtual_keys.get().pk, accounts[0].pk
    running, past = cycle_keys(accounts[0])
    today = timezone.now().date()
    spans = ("span=30", "span=90", "span=48", f"day={today - DAY}", f"day={today}")
    return [
        *(f"/teams/acme/{name}" for name in names),
        f"/teams/acme/virtual-keys/{key}/",
        one,
        f"{one}?cycle={past}",
        *(f"{one}days/?{query}" for query in ("", *spans, f"cycle={past}")),
        *(f"{one}compare/?last={count}" for count in (1, 3, 12)),
        "/teams/acme/compare/",
        f"/teams/acme/statements/?account={pk}",
        *(f"/teams/acme/statements/{pk}/{cycle}/" for cycle in (running, past)),
        *(f"/teams/acme/statements/months/{month}/" for month in months(accounts[0])),
        "/teams/acme/explain/by-day/",
        "/teams/acme/explain/spendable/",
        f"/teams/acme/explain/spendable/{accounts[0].pk}/",
    ]


def unsourced(page: str) -> list[str]:
    """List the numbers of the page that no source stands beside."""
    found = []
    main = next(one for one in Page(page).root.elements if one.attributes.get("id") == "main")
    for node in main.elements:
        own = "".join(one for one in node.said if isinstance(one, str))
        said = SAID.findall(own)
        if said and (node.credit is None or not node.credit.sources):
            found += [f"{number} in <{node.tag}>: {own.strip()}" for number in said]
    return found


def is_figure(node: Node) -> bool:
    """Say whether this is where pages put numbers: a table's number, a key figure, a lead."""
    classes = (node.attributes.get("class") or "").split()
    if node.tag == "td" and "num" in classes:
        return True
    if "figure-value" in classes or "lead" in classes:
        return True
    stats = node.parent and node.parent.parent
    return bool(node.tag == "dd" and stats and stats.attributes.get("class") == "stats")


def bare_figures(page: str) -> list[str]:
    """List the numbers in tables, figures and leads that no `data-credit` with a source holds."""
    main = next(one for one in Page(page).root.elements if one.attributes.get("id") == "main")
    return [
        f"<{node.tag}>: {' '.join(node.text.split())[:80]}"
        for node in main.elements
        if is_figure(node)
        and FIGURE.search(node.text)
        and (node.credit is None or not node.credit.sources)
    ]


# A number, but no date: "7 Dec" says when.
FIGURE = re.compile(r"\d(?!\d* [A-Z][a-z]{2}\b)[\d,.]*")
OF_A_MEMBER = re.compile("/explain/(budget|virtual-key)/")
# Pages of other numbers too: keys and members counted, and the limits that a person set.
OF_OTHERS = re.compile("/(members|keys|removals|budgets|virtual-keys)/")


def test_every_credit_number_of_every_page_has_a_source(client, alice, told):
    client.force_login(alice)
    shown = {address: client.get(address).text for address in pages(told)}

    assert {address: bad for address, page in shown.items() if (bad := unsourced(page))} == {}
    numbers = {number for page in shown.values() for number in SAID.findall(page)}
    assert numbers == {*CREDITS, "1 credit"}


def test_every_number_in_a_table_or_a_figure_has_a_source(client, alice, many):
    client.force_login(alice)
    shown = {one: client.get(one) for one in pages(many) if not OF_OTHERS.search(one)}

    assert {one: page.status_code for one, page in shown.items()} == dict.fromkeys(shown, 200)
    assert {one: bad for one, page in shown.items() if (bad := bare_figures(page.text))} == {}
    assert all(is_there in shown["/teams/acme/"].text for is_there in ("<table", "Other 5"))
    figures = sum(
        is_figure(node) for page in shown.values() for node in Page(page.text).root.elements
    )
    assert figures > 500


def test_every_source_opens_with_its_facts_for_those_of_the_team_alone(
    client, alice, victor, mallory, many
):
    client.force_login(alice)
    found = {
        url
        for address in pages(many)
        for node in Page(client.get(address).text).root.elements
        if "data-credit" in node.attributes
        for url in node.sources
    }
    kinds = {url.split("/")[3] + "/" + url.split("/")[4] for url in found if "/explain/" in url}
    # A column, a cycle or a reading is like the next: three of each address are opened.
    some: dict[str, list[str]] = {}
    for url in sorted(found):
        shape = re.sub(r"[0-9a-f-]{36}", "*", re.sub(r"=[^&]*", "=", url))
        some.setdefault(shape, []).append(url)
    wrong = []
    for url in [url for urls in some.values() for url in urls[:3]]:
        for who in (alice, victor):
            client.force_login(who)
            page, part = client.get(url), client.get(url, headers=HTMX)
            opened = page.status_code == 200 and part.status_code in {200, 286}
            facts = all('class="facts"' in one.text for one in (page, part))
            whole = "<html" in page.text and "<html" not in part.text
            # A member's own budget and virtual key are not a viewer's to see.
            hidden = who is victor and OF_A_MEMBER.search(url) and page.status_code == 404
            if not (opened and facts and whole or hidden):
                wrong.append((who.email, url, page.status_code, part.status_code, facts, whole))
        client.force_login(mallory)
        assert client.get(url).status_code == client.get(url, headers=HTMX).status_code == 404

    assert wrong == []
    assert kinds >= {f"explain/{number}" for number in EXPLAINED}


def documented() -> dict[str, str]:
    """Return what the document says of each number: the last cell of its row."""
    lines = PROVENANCE_DOC.read_text().splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| `")]
    return {name: row[-1] for row in rows for name in re.findall(r"`([a-z-]+)`", row[0])}


def test_the_document_has_a_row_for_every_number_that_is_explained():
    assert set(documented()) == {*EXPLAINED, *TOTALS, "by-day", "month"}


def test_the_result_of_use_is_what_the_document_says_the_sum_of_its_columns(client, victor, told):
    """The wrong document: "the sum of its columns and gaps", which is more than the result."""
    client.force_login(victor)
    pk = told[0].pk
    chart = client.get(f"/teams/acme/accounts/{pk}/days.json?span=30").json()
    used = sum(credits or 0 for one in chart["series"] for credits in one["data"])
    between = [row[3] for row in chart["table"]["rows"] if "too far apart" in row[-1]]

    said = text(client.get(f"/teams/acme/explain/use/{pk}/?span=30"))

    assert documented()["use"].startswith("the sum of its columns; gaps ")
    assert f"Result {used:,}" in said and sum(between) > 300


def test_every_place_that_says_credits_has_a_source(client, alice, told):
    client.force_login(alice)
    wrong = [
        (address, node.tag, node.text.split()[:8])
        for address in pages(told)
        for node in Page(client.get(address).text).root.elements
        if "data-credit" in node.attributes and re.search(r"\d", node.text) and not node.sources
    ]

    assert wrong == []


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_a_total_is_the_sum_over_accounts_each_linked_to_its_reading(client, victor, told):
    client.force_login(victor)
    answer = client.get("/teams/acme/explain/spendable/")

    assert "each account once, however many keys it has" in text(answer)
    assert "Main 11,200" in text(answer) and "Shop 11,200" in text(answer)
    assert "Result 22,400" in text(answer)
    assert len(set(re.findall(r"/readings/[0-9a-f-]{36}/", answer.text))) == 2


def test_spendable_of_an_account_names_its_two_parts(client, victor, told):
    client.force_login(victor)
    page = text(client.get(f"/teams/acme/explain/spendable/{told[0].pk}/", headers=HTMX))

    assert "Included credits left + prepaid credits" in page
    assert "9,200" in page and "2,000" in page and "11,200" in page


def test_an_unknown_part_makes_the_whole_unknown_and_is_named(client, victor, wire, told):  # noqa: F811
    told[0].refresh_from_db()
    window = {"start": told[0].cycle_start_at, "end": told[0].cycle_end_at}
    wire.always({**usage(prepaidCredits=..., **window), "prepaidCredits": None})
    poll(told[0], at=timezone.now() + timedelta(seconds=1))
    client.force_login(victor)

    one = text(client.get(f"/teams/acme/explain/spendable/{told[0].pk}/"))
    every = text(client.get("/teams/acme/explain/spendable/"))

    assert "Result unknown" in one
    assert "Result at least 11,200" in every and "Main unknown" in every
    assert "What is unknown is not counted as 0" in every


def test_a_budget_is_explained_by_its_pictures_to_those_who_may_see_it(client, alice, mel, told):
    team = told[0].team
    budget = team.budgets.get(kind=Subject.MEMBER)
    address = f"/teams/acme/explain/budget/{budget.pk}/"
    client.force_login(alice)
    mine = text(client.get(address))
    client.force_login(mel)

    assert "Pictures that cost a credit 1" in mine and "unknown outcome 1" in mine
    assert client.get(address).status_code == 404


@pytest.mark.parametrize("number", sorted(EXPLAINED))
def test_t1_a_number_of_another_team_is_not_explained(client, mallory, told, number):
    client.force_login(mallory)
    things = [told[0].pk, told[0].team.budgets.first().pk, told[0].team.virtual_keys.get().pk]

    for thing in things:
        assert client.get(f"/teams/evil/explain/{number}/{thing}/").status_code == 404
        assert client.get(f"/teams/acme/explain/{number}/{thing}/").status_code == 404


def test_a_warning_that_says_credits_has_a_source(client, victor, wire, told):  # noqa: F811
    now = timezone.now()
    told[0].refresh_from_db()
    window = {"start": told[0].cycle_start_at, "end": told[0].cycle_end_at}
    wire.always(usage(app=13000, api=5400, remainingIncludedCredits=100, **window))
    poll(told[0], at=now + timedelta(seconds=1))
    client.force_login(victor)

    found = Page(client.get("/teams/acme/").text).root.elements
    warning = next(
        node
        for node in found
        if "included credits are left" in node.text
        and "notice" in (node.attributes.get("class") or "")
    )

    assert "100 of 18,500 included credits are left" in warning.text and warning.sources
