"""A twin waits outside the totals until a person decides; only strong evidence (D14, D19)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.teams.models import AuditEntry
from dashboard.usage.models import Cycle
from dashboard.usage.polling.ask import poll
from dashboard.usage.standing import standings, total
from tests.conftest import NOON, add_key
from tests.usage.conftest import END, MADE, START, Answer, Wire, listed, usage

PAST = (START - timedelta(days=30), START, 120, 880)


@pytest.fixture
def twin(acme, account, key, wire) -> Account:
    """A second account of Acme that answers as the first."""
    wire.by_mode(current=usage(), cycles=listed(PAST, (START, END, 4200, 5100)))
    twin = Account.objects.create(
        team=acme,
        label="Copy",
        created_at=MADE + timedelta(days=1),
        next_poll_at=MADE,
        cycles_due_at=MADE,
    )
    add_key(twin, "another-key-of-it", "Second")
    for one in (account, twin):
        poll(one, at=NOON)
    twin.refresh_from_db()
    return twin


def test_the_poller_finds_the_twin_and_the_total_adds_it_once(twin, account, acme):
    assert twin.same_as == account

    found = standings(acme, at=NOON)

    assert [(one.label, one.twin_of) for one in found] == [("Copy", "Main"), ("Main", "")]
    assert total(found).spendable == 11200


def test_joining_moves_the_keys_and_keeps_the_history(client, alice, twin, account):
    client.force_login(alice)

    answer = client.post(f"/teams/acme/accounts/{twin.pk}/join/")

    assert answer.status_code == 302
    twin.refresh_from_db()
    assert twin.archived_at and twin.same_as == account
    assert set(account.api_keys.values_list("label", flat=True)) == {"Shop", "Second"}
    assert all(key.open() for key in account.api_keys.all())
    assert Cycle.objects.filter(account=twin).count() == 2
    assert AuditEntry.objects.get(action="account.joined").details["twin"] == "Copy"


def test_kept_apart_it_counts_and_is_not_proposed_again(client, alice, twin, acme):
    client.force_login(alice)

    client.post(f"/teams/acme/accounts/{twin.pk}/keep-apart/")
    twin.refresh_from_db()
    poll(twin, at=NOON + timedelta(minutes=15))

    twin.refresh_from_db()
    assert twin.same_as is None and twin.known_apart_at
    assert total(standings(acme, at=NOON)).spendable == 22400


def test_a_twin_that_turns_out_different_is_let_go(twin, account, wire):
    of_key = {"another-key-of-it": usage(app=1, api=1)}
    wire.say = lambda query, key: Answer(listed() if "year" in query else of_key.get(key, usage()))

    for minutes in (15, 30, 45, 60, 75, 90):
        poll(twin, at=NOON + timedelta(minutes=minutes))
        poll(account, at=NOON + timedelta(minutes=minutes + 5))

    twin.refresh_from_db()
    assert twin.same_as is None


def test_d19_one_awkward_answer_does_not_let_a_twin_go(twin, account, acme, wire):
    wire.by_mode(current=usage(app=1, api=1))
    poll(twin, at=NOON + timedelta(minutes=15))
    wire.by_mode(current=usage(app=4300))
    poll(account, at=NOON + timedelta(minutes=20))

    twin.refresh_from_db()
    assert twin.same_as == account


# --- what is evidence (D19) ----------------------------------------------------------------------

UNUSED = {"app": 0, "api": 0, "usedIncludedCredits": 0, "remainingIncludedCredits": 18500}
NOVEMBER = {
    "start": datetime(2026, 11, 1, tzinfo=UTC),
    "end": datetime(2026, 12, 1, tzinfo=UTC),
    "stripeBillingSynced": False,
}


@dataclass
class Two:
    """Two accounts in one team, each with a key, and what RemBG answers to the keys."""

    wire: Wire
    mine: Account
    theirs: Account
    minute: int = 0

    def answer(self, mine: dict, theirs: dict, *, cycles: dict | None = None) -> None:
        """Let both keys answer so, and nothing but the running cycle be listed."""

        def say(query: dict[str, str], key: str) -> Answer:
            if "listBillingCycles" in query:
                return Answer(cycles or listed())
            if "year" in query:
                return Answer({"app_usage": 1, "api_usage": 2})
            return Answer(theirs if key == "key-of-theirs" else mine)

        self.wire.say = say

    def read(self) -> Account | None:
        """Read one and then the other; return whose twin the younger one seems to be."""
        for one, later in ((self.mine, 0), (self.theirs, 5)):
            one.refresh_from_db()
            poll(one, at=NOON + timedelta(minutes=self.minute + later))
        self.minute += 15
        self.theirs.refresh_from_db()
        return self.theirs.same_as


@pytest.fixture
def two(acme, account, wire) -> Two:
    theirs = Account.objects.create(
        team=acme, label="Other", created_at=NOON, next_poll_at=MADE, cycles_due_at=MADE
    )
    add_key(account, "key-of-mine", "Mine")
    add_key(theirs, "key-of-theirs", "Theirs")
    return Two(wire, account, theirs)


def test_d19_two_keys_of_an_unused_account_are_proposed_as_one(noon, client, alice, acme, wire):
    wire.by_mode(current=usage(**UNUSED))
    client.force_login(alice)

    for label, secret in (("Main", "first-key"), ("Copy", "second-key")):
        form = {"label": label, "secret": secret, "account": "new"}
        page = client.post("/teams/acme/keys/add/", form, follow=True)

    assert "It is the same account: file it there" in page.text
    assert Account.objects.get(label="Copy").same_as.label == "Main"
    assert total(standings(acme, at=timezone.now())).spendable == 20_500


def test_d19_two_accounts_that_both_stand_at_3_in_a_calendar_month_are_two(two, acme):
    at_3 = usage(app=0, api=3, usedIncludedCredits=3, remainingIncludedCredits=497, **NOVEMBER)
    two.answer(at_3, at_3)

    assert [two.read() for _ in range(4)] == [None] * 4
    assert total(standings(acme, at=NOON)).spendable == 2 * 2497


def test_d19_accounts_on_calendar_months_that_move_together_are_proposed(two):
    found = []
    for used in (3, 4, 9):
        both = usage(app=0, api=used, usedIncludedCredits=used, **NOVEMBER)
        two.answer(both, both)
        found.append(two.read())

    assert found == [None, None, two.mine]


def test_d19_accounts_on_calendar_months_that_move_apart_are_not(two):
    found = []
    for mine, theirs in ((3, 3), (5, 4), (9, 9), (12, 12), (15, 15)):
        two.answer(*(usage(app=0, api=used, **NOVEMBER) for used in (mine, theirs)))
        found.append(two.read())

    assert found == [None] * 5


def test_d19_months_that_ended_with_the_same_counters_are_evidence(two):
    months = [datetime(2026, month, 1, tzinfo=UTC) for month in (8, 9, 10, 11, 12)]
    used = ((12, 880), (40, 7), (0, 93), (1, 2))
    ended = zip(pairwise(months), used, strict=True)
    cycles = listed(*((*month, *counted) for month, counted in ended))
    two.answer(*[usage(app=1, api=2, **NOVEMBER)] * 2, cycles=cycles)

    assert two.read() == two.mine


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"membership": "Premium-5000"}, id="plan"),
        pytest.param({"includedCredits": 5000}, id="allowance"),
        pytest.param({"prepaidCredits": 500}, id="balance"),
        pytest.param({"api": 1}, id="counter"),
    ],
)
def test_d19_the_same_cycle_with_another_plan_allowance_or_balance_is_another_account(
    two, acme, other
):
    plan = {name: other[name] for name in ("membership",) if name in other}
    block = {name: value for name, value in other.items() if name != "membership"}
    two.answer(usage(**{**UNUSED, "api": 5}), usage(**{**UNUSED, "api": 5, **block}) | plan)

    assert [two.read() for _ in range(3)] == [None] * 3


def test_d19_a_proposal_is_taken_back_once_the_balance_differs_again_and_again(two):
    two.answer(usage(**UNUSED), usage(**UNUSED))
    assert two.read() == two.mine

    two.answer(usage(**UNUSED), usage(**{**UNUSED, "prepaidCredits": 500}))

    assert [two.read() for _ in range(4)][-1] is None


def test_d19_a_key_with_another_plan_is_not_filed_under_the_account(client, alice, two):
    two.answer(usage(**UNUSED), usage(**UNUSED) | {"membership": "Premium-5000"})
    client.force_login(alice)
    with time_machine.travel(NOON, tick=False):
        two.read()
        two.theirs.api_keys.all().delete()
        form = {"label": "Copy", "secret": "key-of-theirs", "account": str(two.mine.pk)}

        page = client.post("/teams/acme/keys/add/", form)

    assert page.status_code == 422 and "This key does not answer for “Main”" in page.text


def test_r9_an_account_is_compared_with_the_nearest_few_however_many_begin_with_the_month(
    two, acme
):
    def queries() -> int:
        two.mine.refresh_from_db()
        two.minute += 15
        with CaptureQueriesContext(connection) as asked:
            poll(two.mine, at=NOON + timedelta(minutes=two.minute))
        return len(asked)

    two.answer(*[usage(app=0, api=99, **NOVEMBER)] * 2)
    two.read()
    alone = queries()
    for number in range(8):
        two.answer(*[usage(app=0, api=number, **NOVEMBER)] * 2)
        one = Account.objects.create(team=acme, label=f"A{number}", cycles_due_at=MADE)
        add_key(one, f"key-number-{number}", f"Key {number}")
        poll(one, at=NOON + timedelta(minutes=two.minute))
    two.answer(*[usage(app=0, api=99, **NOVEMBER)] * 2)

    assert queries() <= alone + 2


@pytest.mark.parametrize("deed", ["join", "keep-apart"])
@pytest.mark.parametrize("name", ["mel", "victor"])
def test_t2_only_admins_decide(client, request, twin, deed, name):
    client.force_login(request.getfixturevalue(name))

    assert client.post(f"/teams/acme/accounts/{twin.pk}/{deed}/").status_code == 403


def test_deciding_twice_does_no_harm(client, alice, twin, account):
    client.force_login(alice)
    url = f"/teams/acme/accounts/{twin.pk}/"
    client.post(f"{url}keep-apart/")

    assert client.post(f"{url}join/").status_code == 302
    assert client.post(f"{url}keep-apart/").status_code == 302
    twin.refresh_from_db()
    assert twin.archived_at is None and account.api_keys.count() == 1
    assert AuditEntry.objects.filter(action="account.kept_apart").count() == 1
