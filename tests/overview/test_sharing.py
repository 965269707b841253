"""Shared links: what they open, to whom, for how long, and what they never show."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from io import StringIO

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.lib import tokens
from dashboard.lib.logs import JsonFormatter
from dashboard.overview.models import Share, issue
from dashboard.teams.models import AuditEntry
from dashboard.usage.polling.ask import poll
from tests.conftest import add_key
from tests.keys.canary import leaks

URL = "/teams/acme/sharing/"
CANARY = "sandbox-canary-7f3e-voegel-91"
# Each chart's own address below its account's.
CHARTS = {
    "this_cycle": "this-cycle.json",
    "days": "days.json?span=30",
    "compared": "compare.json?last=3",
    "cycles": "cycles.json",
    "months": "months.json",
}


@pytest.fixture
def read_account(account, sandbox) -> Account:
    """An account that was read, under a name that holds an address, with a key to be kept."""
    add_key(account, CANARY, label="Alice's shop key")
    assert poll(account, at=timezone.now()).is_good
    return account


@pytest.fixture
def share(acme, alice, read_account):
    """Return a function that shares something of Acme's, and the secret of the link."""

    def made(shows: str, **more: object) -> str:
        chart = shows in CHARTS
        facts = {"account": read_account if chart else None, "label": "Board", "days": 30}
        facts |= {"by": alice, "at": timezone.now()} | more
        return issue(acme, shows=shows, **facts)[1]

    return made


def visitor() -> Client:
    """Somebody who never signed in."""
    return Client()


def bare(answer) -> str:
    """Return a page without what differs in each answer."""
    return re.sub(r'"X-CSRFToken": "\w+"', "", answer.text)


def addresses(secret: str) -> list[str]:
    here = f"/shared/{secret}/"
    return [here, f"{here}?kiosk", f"{here}chart.json", f"{here}badge.svg"]


def test_an_admin_shares_a_chart_and_sees_its_address_once(client, alice, read_account):
    client.force_login(alice)
    data = {"what": f"this_cycle:{read_account.pk}", "label": "Board", "days": 7}

    made = client.post(URL, data)

    secret = re.search(r"rbs_\w{49}", made.text).group()
    share = Share.objects.get()
    assert share.digest == tokens.digest(secret)
    assert share.expires_at - share.created_at == timedelta(days=7)
    assert secret not in client.get(URL).text
    assert f"rbs_…{secret[-4:]}" in client.get(URL).text
    entry = AuditEntry.objects.get(action="share.created")
    assert secret not in f"{entry.subject}{entry.details}"
    page = visitor().get(f"/shared/{secret}/")
    assert page.status_code == 200
    assert "Included credits left" in page.text


def test_a_share_button_chooses_what_it_stands_beside(client, alice, account):
    client.force_login(alice)
    link = f"{URL}?what=this_cycle:{account.pk}"

    assert link in client.get(f"/teams/acme/accounts/{account.pk}/").text
    assert f'<option value="this_cycle:{account.pk}" selected>' in client.get(link).text


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"days": 366}, id="longer-than-a-year"),
        pytest.param({"days": 0}, id="for-ever"),
        pytest.param({"what": "badge:00000000-0000-4000-8000-000000000000"}, id="foreign-account"),
        pytest.param({"what": "this_cycle"}, id="chart-of-nothing"),
    ],
)
def test_what_cannot_be_shared_is_refused(client, alice, account, wrong):
    client.force_login(alice)

    answer = client.post(URL, {"what": "overview", "days": 30} | wrong)

    assert answer.status_code == 422
    assert not Share.objects.exists()


def test_t1_an_account_of_another_team_cannot_be_shared(client, alice, evil):
    client.force_login(alice)
    theirs = Account.objects.create(team=evil, label="Theirs")

    answer = client.post(URL, {"what": f"cycles:{theirs.pk}", "days": 30})

    assert answer.status_code == 422


@pytest.mark.parametrize("kind", CHARTS)
def test_a_shared_chart_is_the_account_s_own_without_its_links(client, alice, share, kind):
    secret, account = share(kind), Account.objects.get()
    client.force_login(alice)
    with time_machine.travel(timezone.now(), tick=False):
        own = client.get(f"/teams/acme/accounts/{account.pk}/{CHARTS[kind]}").json()
        shared = visitor().get(f"/shared/{secret}/chart.json").json()

    assert shared == own | {"links": []}
    assert "/teams/" not in visitor().get(f"/shared/{secret}/").text


def test_the_overview_shows_totals_and_accounts_without_links(share):
    page = visitor().get(f"/shared/{share('overview')}/")

    assert "Spendable now" in page.text
    assert ">Main</h2>" in page.text
    assert "/teams/" not in page.text


@pytest.mark.parametrize("shows", ["overview", *CHARTS])
def test_a_shared_page_tells_age_and_formula_but_no_reading(share, shows):
    page = visitor().get(f"/shared/{share(shows)}/").text
    said = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    formula = {
        "overview": "Spendable: included credits left + prepaid credits.",
        "this_cycle": "Even pace: the allowance × the time left ÷ the length of the cycle",
        "days": "stretches without readings, and what RemBG corrected, stand apart",
        "compared": "so long after its own renewal: by the reading nearest to that moment",
        "months": "cut elsewhere: the two are never added",
        "cycles": "On average: the sum over the closed cycles ÷ their number, rounded",
    }[shows]

    assert "How these numbers come about" in said and formula in said
    assert re.search(r"Read (now|(a|\d+) (second|minute)s? ago)", said)
    assert ("Forecast made" in said) == (shows == "this_cycle")
    assert not re.search("/readings/|/explain/|membership-usage|billingCycle", page)


def test_a_revoked_link_opens_nothing_at_the_next_call(client, alice, share):
    secret = share("overview")
    assert visitor().get(f"/shared/{secret}/").status_code == 200
    client.force_login(alice)

    client.post(f"{URL}{Share.objects.get().pk}/revoke/")

    assert visitor().get(f"/shared/{secret}/").status_code == 404
    assert AuditEntry.objects.filter(action="share.revoked").count() == 1
    assert "Nothing is shared" in client.get(URL).text


def test_t1_a_link_of_another_team_cannot_be_revoked(client, mallory, share):
    share("overview")
    client.force_login(mallory)

    answer = client.post(f"/teams/evil/sharing/{Share.objects.get().pk}/revoke/")

    assert answer.status_code == 404
    assert Share.objects.get().revoked_at is None


def test_dead_foreign_and_garbled_links_are_told_the_same(share):
    expired = share("overview", at=timezone.now() - timedelta(days=31))
    revoked = share("this_cycle")
    Share.objects.last().revoke(at=timezone.now())
    Share.objects.update(revoked_at=timezone.now())
    live = share("cycles")
    secrets = [expired, revoked, tokens.mint("rbs"), live[:-1] + "_", live.replace("rbs", "rbt")]
    secrets += ["x", live.upper()]

    answers = [visitor().get(address) for one in secrets for address in addresses(one)]

    assert {answer.status_code for answer in answers} == {404}
    assert len({bare(answer) for answer in answers}) == 1


def test_k9_a_broken_checksum_asks_the_database_nothing(db, django_assert_num_queries):
    secret = tokens.mint("rbs")
    broken = secret[:-1] + ("a" if secret[-1] != "a" else "b")

    with django_assert_num_queries(0):
        for address in addresses(broken):
            assert visitor().get(address).status_code == 404


@pytest.mark.parametrize(
    ("shows", "opens"),
    [
        ("overview", {0, 1}),
        ("this_cycle", {0, 1, 2}),
        ("cycles", {0, 1, 2}),
        ("badge", {3}),
    ],
)
def test_a_link_opens_what_it_was_made_for_and_nothing_else(share, shows, opens):
    found = [visitor().get(address).status_code for address in addresses(share(shows))]

    assert found == [200 if number in opens else 404 for number in range(4)]


def test_k5_a3_nothing_shared_names_a_person_or_a_key(share, acme, alice, read_account):
    Account.objects.create(team=acme, label="alice@example.com")
    Account.objects.create(team=acme, label="Twin", same_as=read_account)
    acme.name = "Alice's Team"
    acme.save()
    bodies = []
    for shows in Share.Shows.values:
        for address in addresses(share(shows, label="for alice@example.com")):
            answer = visitor().get(address)
            bodies.append(answer.text + str(answer.headers))
    said = "\n".join(bodies)

    assert leaks(said, CANARY) == []
    assert CANARY[-4:] not in said
    assert "alice" not in said.lower()
    assert "@example" not in said


def test_a_signed_in_visitor_sees_the_same_page(client, mallory, share):
    address = f"/shared/{share('overview')}/"
    client.force_login(mallory)
    with time_machine.travel(timezone.now(), tick=False):
        assert bare(client.get(address)) == bare(visitor().get(address))


def test_o5_shared_pages_stay_out_of_caches_indexes_and_referrers(share):
    for shows in ("overview", *CHARTS):
        for address in addresses(share(shows))[: 1 if shows == "overview" else 3]:
            answer = visitor().get(address)
            assert answer["Cache-Control"] == "private, no-store"
            assert answer["Referrer-Policy"] == "no-referrer"
            assert "noindex" in answer["X-Robots-Tag"]


def test_k5_no_log_line_holds_the_address(share):
    secret = share("badge")
    stream, root = StringIO(), logging.getLogger()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    try:
        for address in [*addresses(secret), f"/shared/{secret}", f"/shared/{secret}/x/y"]:
            visitor().get(address)
    finally:
        root.removeHandler(handler)

    assert "Not Found: /shared/" in stream.getvalue()
    assert secret not in stream.getvalue()


def test_use_is_noted_at_most_once_a_minute(share):
    address = f"/shared/{share('overview')}/"
    visitor().get(address)
    first = Share.objects.get().used_at

    with CaptureQueriesContext(connection) as asked:
        visitor().get(address)

    assert first is not None
    assert Share.objects.get().used_at == first
    assert not [one for one in asked if one["sql"].startswith("UPDATE")]


def test_more_accounts_cost_no_more_queries(share, acme):
    address = f"/shared/{share('overview')}/"
    visitor().get(address)
    with CaptureQueriesContext(connection) as few:
        visitor().get(address)
    for number in range(10):
        Account.objects.create(team=acme, label=f"Account {number}")

    with CaptureQueriesContext(connection) as many:
        visitor().get(address)

    assert len(many) == len(few) <= 4


def test_a_team_has_at_most_a_hundred_live_links(client, alice, acme):
    client.force_login(alice)
    for _ in range(100):
        issue(acme, shows="overview", account=None, label="", days=1, by=alice, at=timezone.now())

    answer = client.post(URL, {"what": "overview", "days": 30})

    assert answer.status_code == 422
    assert "Revoke one of them first" in answer.text
