"""The home page of a team: how much is left, until when, and what needs a person."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.removals.models import Charged, Removal, State
from dashboard.usage.add_keys import add_key
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.polling.ask import poll
from tests import conftest

URL = "/teams/acme/"


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


@pytest.fixture
def as_alice(client, alice):
    client.force_login(alice)
    return client


def add(team, by, secret: str, label: str) -> Account:
    return add_key(team, label=label, secret=secret, by=by, at=timezone.now()).account


def removal(team, user, **facts) -> Removal:
    now = timezone.now()
    values = {
        "team": team,
        "user": user,
        "member": str(user),
        "nonce": uuid.uuid4().hex,
        "filename": "shoe.png",
        "picture_type": "image/png",
        "picture_bytes": 10,
        "width": 4,
        "height": 3,
        "parameters": {"format": "png"},
        "queued_at": now,
        "not_before_at": now,
        "keep_until": now + timedelta(days=30),
    }
    return Removal.objects.create(**(values | facts))


def test_an_empty_team_is_told_what_to_do_next(as_alice):
    page = as_alice.get(URL)

    assert "Add the first RemBG key" in page.text
    assert "/teams/acme/keys/add/" in page.text


def test_a_viewer_of_an_empty_team_is_told_whom_to_ask(client, alice, victor):
    client.force_login(victor)

    page = client.get(URL)

    assert "An owner or admin of this team can add a RemBG key" in page.text
    assert "/teams/acme/keys/add/" not in page.text


def test_spendable_is_included_and_prepaid_over_all_accounts(as_alice, acme, alice, sandbox):
    sandbox.set_account("sandbox-one", included_credits=1000, prepaid_credits=50, api_usage=400)
    sandbox.set_account("sandbox-two", included_credits=300, prepaid_credits=7, api_usage=100)
    add(acme, alice, "sandbox-one", "One")
    add(acme, alice, "sandbox-two", "Two")

    page = text(as_alice.get(URL))

    assert "857 credits can be spent now" in page
    assert "Included in plans, left 800 credits" in page
    assert "Prepaid 57 credits" in page
    assert "600 of 1,000" in page


def test_d14_two_keys_of_one_account_are_never_added(as_alice, acme, alice, sandbox):
    sandbox.set_account("sandbox-premium", prepaid_credits=2000)
    first = add(acme, alice, "sandbox-premium", "Shop")
    alone = text(as_alice.get(URL)).split(" credits can be spent now")[0].split()[-1]
    add(acme, alice, "sandbox-premium-2", "Shop again")

    page = text(as_alice.get(URL))

    assert f"{alone} credits can be spent now" in page
    assert "“Shop again” answers the same numbers as “Shop”" in page
    assert Account.objects.get(label="Shop again").same_as == first


def test_unknown_is_unknown_and_never_zero(as_alice, acme, account):
    page = text(as_alice.get(URL))

    assert "How many credits are left is unknown" in page
    assert "Not read yet" in page
    assert "0 credits" not in page


def test_an_unknown_account_is_named_beside_the_sum(as_alice, acme, alice, sandbox, account):
    sandbox.set_account("sandbox-one", included_credits=1000, prepaid_credits=0, api_usage=0)
    add(acme, alice, "sandbox-one", "One")

    page = text(as_alice.get(URL))

    assert "1,000 credits can be spent now" in page
    assert "Not in these sums, because unknown: Main." in page


def test_a_used_up_account_and_a_paused_key_need_attention(as_alice, acme, alice, sandbox):
    sandbox.set_account("sandbox-one", included_credits=100, prepaid_credits=3, api_usage=100)
    account = add(acme, alice, "sandbox-one", "One")
    account.api_keys.update(paused_at=timezone.now(), refusals=2, refusal="bad_key")

    page = text(as_alice.get(URL))

    assert "“One” has used its included credits up" in page
    assert "3 prepaid credits are left." in page
    assert "RemBG refuses the key “One”" in page


def test_r2_a_failed_reading_keeps_the_last_numbers_and_says_since_when(
    as_alice, acme, alice, sandbox, settings
):
    sandbox.set_account("sandbox-one", included_credits=100, prepaid_credits=0, api_usage=40)
    account = add(acme, alice, "sandbox-one", "One")
    settings.REMBG_SITE_URL = "http://127.0.0.1:9"
    poll(account, at=timezone.now() + timedelta(minutes=1))

    page = text(as_alice.get(URL))

    assert "60 credits can be spent now" in page
    assert "“One” could not be read" in page
    assert "Stale" in page


def test_r3_an_account_whose_credits_are_unknown_is_not_called_healthy(
    as_alice, acme, alice, sandbox
):
    account = add(acme, alice, "sandbox-one", "One")
    Snapshot.objects.filter(account=account).update(
        remaining_included_credits=None, included_credits=None, used_included_credits=None
    )

    page = text(as_alice.get(URL))

    assert "Credits unknown" in page and "Healthy" not in page


def test_why_an_account_could_not_be_read_speaks_of_no_credit(as_alice, acme, alice, sandbox):
    account = add(acme, alice, "sandbox-one", "One")
    account.snapshots.all().delete()
    Snapshot.objects.create(
        account=account,
        mode="current",
        outcome="failed",
        asked_at=timezone.now(),
        error="answer_timeout",
        message="RemBG did not answer in time. It is not known whether a credit was used.",
    )

    page = text(as_alice.get(URL))

    assert "“One” could not be read RemBG did not answer in time. We ask again on our own." in page
    assert "Cannot be read" in page and "whether a credit was used" not in page


def test_many_accounts_that_need_attention_leave_room_for_the_rest(as_alice, acme, alice, sandbox):
    for number in range(7):
        name = f"sandbox-used-{number}"
        sandbox.set_account(name, included_credits=100, prepaid_credits=0, api_usage=100 - number)
        add(acme, alice, name, f"Used {number}")

    page = as_alice.get(URL).text

    head, _, rest = page.partition("Show the others")
    assert (head.count('class="notice '), rest.count('class="notice ')) == (4, 3)
    assert 'data-label="Used by API"' in page
    reading = Snapshot.objects.filter(mode="current").latest("asked_at")
    address = reverse("usage:reading", args=["acme", reading.account_id, reading.pk])
    assert f'href="{address}"' in page


def test_o2_the_table_shows_names_as_they_were_typed(as_alice, acme):
    add_history(acme, accounts=7, cycles=0, snapshots=1)
    odd = acme.accounts.order_by("label").first()
    Account.objects.filter(pk=odd.pk).update(label='<b>{url}"%s {')
    Snapshot.objects.filter(account=odd).update(membership="<i>{0}")

    page = as_alice.get(URL).text

    address = reverse("usage:account", args=["acme", odd.pk])
    assert f'<a href="{address}">&lt;b&gt;{{url}}&quot;%s {{</a>' in page
    assert '<span class="sub">&lt;i&gt;{0}</span>' in page


def test_an_account_never_read_has_a_row_without_numbers_or_a_source(as_alice, acme):
    add_history(acme, accounts=6, cycles=0, snapshots=1)
    never = Account.objects.create(team=acme, label="Never")

    row = re.search(
        r"<tr data-credit[^>]*>(?:(?!</tr>).)*Never</a>.*?</tr>", as_alice.get(URL).text, re.S
    )

    assert row and row[0].count("unknown</") == 5 and "/readings/" not in row[0]
    assert reverse("usage:account", args=["acme", never.pk]) in row[0]
    assert "Not read yet" in row[0] and ">Never</td>" in row[0]


def test_removals_nobody_knows_the_cost_of_need_a_decision(as_alice, acme, alice, account):
    lost = removal(acme, alice, state=State.UNKNOWN, charged=Charged.UNKNOWN, nonce="a")
    removal(acme, alice, state=State.UNKNOWN, charged=Charged.UNKNOWN, nonce="b")

    assert "2 removals have an unknown outcome" in text(as_alice.get(URL))

    removal(acme, alice, again_of=lost, nonce="c")

    assert "1 removal has an unknown outcome" in text(as_alice.get(URL))


def test_recent_removals_say_who_and_what_it_cost(as_alice, acme, alice, mel, account):
    removal(acme, mel, state=State.FAILED, error="signature", filename="<b>shoe.png")

    page = as_alice.get(URL)

    assert "&lt;b&gt;shoe.png" in page.text
    assert "Mel" in text(page)


def test_members_see_no_link_to_what_they_may_not_do(client, acme, alice, mel, sandbox):
    account = add(acme, alice, "sandbox-one", "One")
    account.api_keys.update(paused_at=timezone.now(), refusals=2, refusal="bad_key")
    client.force_login(mel)

    assert "RemBG refuses the key" not in text(client.get(URL))


def add_history(team, *, accounts: int, cycles: int, snapshots: int) -> None:
    """Write accounts with a past, as the poller leaves them."""
    now = timezone.now()
    for number in range(accounts):
        label = f"{team.accounts.count()}-{number}"
        account = Account.objects.create(team=team, label=label)
        conftest.add_key(account, f"sandbox-{label}", label=label)
        Cycle.objects.bulk_create(
            Cycle(
                account=account,
                kind="stripe",
                start_at=now - timedelta(days=30 * (back + 1)),
                end_at=now - timedelta(days=30 * back),
                app_usage=1,
                api_usage=2,
                asked_at=now,
                first_seen_at=now,
            )
            for back in range(cycles)
        )
        Snapshot.objects.bulk_create(
            Snapshot(
                account=account,
                mode=Snapshot.Mode.CURRENT,
                outcome=Snapshot.Outcome.OK,
                asked_at=now - timedelta(minutes=15 * back),
                query="expand=billing_cycle",
                included_credits=100,
                prepaid_credits=1,
                app_usage=1,
                api_usage=2,
                remaining_included_credits=97,
                period_start_at=now - timedelta(days=10),
                period_end_at=now + timedelta(days=20),
                synced=True,
            )
            for back in range(snapshots)
        )


def test_the_renewal_is_said_in_the_teams_zone(as_alice, acme, alice, sandbox):
    acme.time_zone = "Pacific/Kiritimati"
    acme.save()
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=False):
        sandbox.set_clock("sandbox-calendar", timezone.now())
        add(acme, alice, "sandbox-calendar", "Months")

        page = text(as_alice.get(URL))

    assert "Dates in Pacific/Kiritimati." in page
    assert "renews in 11 days" in page
