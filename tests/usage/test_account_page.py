"""An account's page: where did this cycle's credits go?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.usage.models import CalendarMonth, Cycle, Snapshot
from dashboard.usage.polling.ask import poll
from tests.conftest import add_key
from tests.usage.conftest import END, START, Answer, listed, usage

AT = datetime(2026, 11, 24, 9, 30, 12, tzinfo=UTC)
PAST = (START - timedelta(days=30), START, 120, 880)
PAST_KEY = f"{int(PAST[0].timestamp())}-stripe"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(AT + timedelta(minutes=3), tick=False):
        yield


@pytest.fixture
def url(account) -> str:
    return f"/teams/acme/accounts/{account.pk}/"


@pytest.fixture
def read(wire, key, account) -> Account:
    """The account, read once, with a closed cycle and the running one."""
    wire.by_mode(current=usage(), cycles=listed(PAST, (START, END, 4200, 5100)))
    poll(account, at=AT)
    return account


@pytest.fixture
def as_victor(client, victor):
    client.force_login(victor)
    return client


def text(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def test_the_page_answers_how_much_is_left_until_when(as_victor, read, url):
    page = text(as_victor.get(url))

    assert "9,200 of 18,500 included credits are left, and 2,000 prepaid." in page
    assert "The cycle renews on 3 Dec, in 9 days." in page
    assert "Spendable now 11,200" in page
    assert "9,300 of 18,500 credits used with 9 days to go" in page
    assert "Times in UTC" in page


def test_every_number_says_its_age_and_its_source(as_victor, read, url):
    page = as_victor.get(url).text

    source = Snapshot.objects.get(mode="current").pk
    assert page.count(f"{url}readings/{source}/") >= 4
    assert page.count("minutes ago") >= 3 or page.count("3\xa0minutes ago") >= 3


def test_the_charts_have_json_siblings_that_hold_the_rows(as_victor, read, url):
    this = as_victor.get(f"{url}this-cycle.json").json()
    cycles = as_victor.get(f"{url}cycles.json").json()
    months = as_victor.get(f"{url}months.json").json()

    left = next(one for one in this["series"] if one["role"] == "left")
    assert left["data"] == [{"x": AT.isoformat(), "y": 9200}]
    assert [one["data"] for one in cycles["series"][:2]] == [[120, 4200], [880, 5100]]
    assert cycles["links"] == [
        f"{url}?cycle={PAST_KEY}",
        f"{url}?cycle={int(START.timestamp())}-stripe",
    ]
    assert months["x"]["labels"] == ["Nov 2026"]
    assert {this["time_zone"], cycles["time_zone"]} == {"UTC"}
    for chart in (this, cycles, months):
        assert chart["summary"] and chart["table"]["rows"] and chart["as_of"]


def test_a_past_cycle_is_picked_without_javascript(as_victor, read, url):
    page = as_victor.get(url, {"cycle": PAST_KEY})

    assert page.status_code == 200 and "<html" in page.text
    assert "Past cycle 4 Oct – 3 Nov" in text(page)
    assert "This cycle used 1,000 credits: 120 in the app and 880 by API." in text(page)
    assert f'<option value="{PAST_KEY}" selected>' in page.text


def test_a_past_cycle_that_nobody_read_has_words_and_a_table_in_place_of_an_empty_chart(
    as_victor, read, url
):
    page = as_victor.get(url, {"cycle": PAST_KEY})
    chart = as_victor.get(f"{url}this-cycle.json", {"cycle": PAST_KEY}).json()

    assert "Nobody read this cycle while it ran" in text(page)
    assert "this-cycle.json" not in page.text
    assert chart["empty"] and chart["table"]["rows"]


def test_a_past_cycle_is_picked_with_htmx_as_a_fragment(as_victor, read, url):
    answer = as_victor.get(url, {"cycle": PAST_KEY}, headers=HTMX)

    assert "<html" not in answer.text and 'id="cycle"' in answer.text
    assert f'<option value="{PAST_KEY}" selected>' in answer.text
    assert "HX-Request" in answer["Vary"]
    assert as_victor.get(f"{url}this-cycle.json", {"cycle": PAST_KEY}).json()["table"]["rows"] == [
        ["4 Oct – 3 Nov", None, 1000, 120, 880, None]
    ]


@pytest.mark.parametrize("cycle", ["1-stripe", "x", "-1-stripe", "99999999999999-stripe", "1e9"])
def test_a_cycle_that_is_not_there_is_a_404(as_victor, read, url, cycle):
    assert as_victor.get(url, {"cycle": cycle}).status_code == 404
    assert as_victor.get(f"{url}this-cycle.json", {"cycle": cycle}).status_code == 404


def test_an_account_that_was_never_read_says_so_and_shows_no_zero(as_victor, account, url):
    page = text(as_victor.get(url))

    assert "This account has not been read yet." in page and "Nothing read yet" in page
    assert as_victor.get(f"{url}this-cycle.json").status_code == 404


def test_what_is_unknown_is_unknown_and_never_a_zero(as_victor, wire, key, account, url):
    wire.by_mode(current=usage(prepaidCredits="many", remainingIncludedCredits=...))
    wire.say = lambda query, secret: Answer(
        {**usage(prepaidCredits="many"), "prepaidCredits": None}
    )
    poll(account, at=AT)

    page = text(as_victor.get(url))

    assert "Prepaid credits unknown" in page
    assert "Spendable now unknown One of its two parts is unknown." in page
    assert "Included credits left 9,200" in page


def test_stale_numbers_say_since_when_and_why(as_victor, read, wire, url):
    wire.always(b"", status=503)
    read.refresh_from_db()
    poll(read, at=AT + timedelta(minutes=2))

    page = as_victor.get(url)

    assert "Stale since" in page.text and "is-stale" in page.text
    assert "The last reading failed." in text(page) and "9,200" in page.text


def test_numbers_of_a_cycle_that_ended_are_stale(client, victor, read, url):
    with time_machine.travel(END + timedelta(minutes=1), tick=False):
        client.force_login(victor)
        page = text(client.get(url))

    assert "The cycle ended on 3 Dec; the new one has not been read yet." in page


def test_d8_both_kinds_have_charts_and_the_fall_back_is_explained(as_victor, read, wire, url):
    november = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    Cycle.objects.create(
        account=read,
        kind="calendar",
        start_at=november[0] - timedelta(days=92),
        end_at=november[0] - timedelta(days=61),
        app_usage=1,
        api_usage=2,
        asked_at=AT,
        first_seen_at=AT,
    )

    page = as_victor.get(url)

    assert 'id="cycles-stripe"' in page.text and 'id="cycles-calendar"' in page.text
    assert "not in step with Stripe" in text(page)
    calendar = as_victor.get(f"{url}cycles.json", {"kind": "calendar"}).json()
    assert calendar["series"][0]["data"] == [1]
    assert as_victor.get(f"{url}cycles.json", {"kind": "other"}).status_code == 404


def test_an_account_that_is_not_synced_is_explained(as_victor, wire, key, account, url):
    month = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    wire.by_mode(current=usage(start=month[0], end=month[1], stripeBillingSynced=False))
    poll(account, at=AT)

    page = as_victor.get(url).text

    assert "stripeBillingSynced" in page and "Nov 2026 (UTC)" in page


def fill(account: Account, *, cycles: int, snapshots: int) -> None:
    """Give the account a long history."""
    month = timedelta(days=30)
    Cycle.objects.bulk_create(
        Cycle(
            account=account,
            kind="stripe",
            start_at=START - n * month,
            end_at=START - (n - 1) * month,
            app_usage=n,
            api_usage=n,
            asked_at=AT,
            first_seen_at=AT,
        )
        for n in range(2, cycles)
    )
    newest = Snapshot.objects.filter(mode="current").latest("asked_at")
    step = (AT - START) / (snapshots + 1)
    Snapshot.objects.bulk_create(
        Snapshot(
            account=account,
            mode="current",
            outcome="ok",
            asked_at=START + n * step,
            query=newest.query,
            kind="stripe",
            included_credits=18500,
            remaining_included_credits=18500 - n,
            prepaid_credits=2000,
            app_usage=n,
            api_usage=0,
            period_start_at=START,
            period_end_at=END,
            raw="x" * 500,
        )
        for n in range(1, snapshots + 1)
    )
    CalendarMonth.objects.bulk_create(
        CalendarMonth(account=account, year=2025, month=n, asked_at=AT) for n in range(1, 13)
    )


def test_the_page_takes_at_most_12_queries_whatever_the_history(
    client, alice, read, url, django_assert_max_num_queries
):
    client.force_login(alice)
    add_key(read, "another-key", "Second")
    with django_assert_max_num_queries(12):
        client.get(url)  # The first page of a team is noted in the session, too.
    with django_assert_max_num_queries(9) as few:
        client.get(url)
    fill(read, cycles=36, snapshots=3000)

    with django_assert_max_num_queries(9) as many:
        page = client.get(url)

    assert len(few) == len(many)
    assert page.text.count("<option") == 36
    left = client.get(f"{url}this-cycle.json").json()["series"][0]["data"]
    assert 300 <= len(left) <= 401


def test_the_list_of_accounts_takes_the_same_queries_for_any_number(
    client, alice, read, acme, django_assert_max_num_queries
):
    client.force_login(alice)
    client.get("/teams/acme/accounts/")
    with django_assert_max_num_queries(8) as few:
        client.get("/teams/acme/accounts/")
    for number in range(30):
        Account.objects.create(team=acme, label=f"More {number}")

    with django_assert_max_num_queries(8) as many:
        page = client.get("/teams/acme/accounts/")

    assert len(few) == len(many) and "More 29" in page.text


def test_pages_never_call_upstream(client, alice, read, wire, url):
    client.force_login(alice)
    before = len(wire.asked)

    for path in ("", "this-cycle.json", "cycles.json", "months.json", "readings/", "rename/"):
        assert client.get(url + path).status_code == 200
    client.get("/teams/acme/accounts/")
    client.get("/teams/acme/keys/add/")

    assert len(wire.asked) == before


def test_r2_a_person_reads_the_account_now_at_most_once_a_minute(client, mel, read, wire, url):
    client.force_login(mel)
    before = len(wire.asked)

    first = client.post(f"{url}refresh/", follow=True)
    second = client.post(f"{url}refresh/", follow=True)

    assert "Read just now." in first.text
    assert "It was read less than a minute ago." in second.text
    assert 1 <= len(wire.asked) - before <= 2
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        assert "Read just now." in client.post(f"{url}refresh/", follow=True).text


def test_a_viewer_may_not_make_us_ask(as_victor, read, wire, url):
    before = len(wire.asked)

    assert as_victor.post(f"{url}refresh/").status_code == 403
    assert "Read now" not in as_victor.get(url).text
    assert len(wire.asked) == before


def test_an_admin_renames_an_account(client, adam, read, url, acme):
    client.force_login(adam)
    Account.objects.create(team=acme, label="Taken")

    assert client.post(f"{url}rename/", {"label": "Taken"}).status_code == 422
    assert client.post(f"{url}rename/", {"label": "Shop, EU"}).status_code == 302

    read.refresh_from_db()
    assert read.label == "Shop, EU"


def test_an_archived_account_forgets_its_keys_and_keeps_its_history(client, adam, read, key, url):
    client.force_login(adam)

    client.post(f"{url}archive/")

    key.refresh_from_db()
    assert key.archived_at and not key.blob
    assert "This account is archived." in text(client.get(url))
    assert "9,200" in client.get(url).text
    assert "Archived accounts" in client.get("/teams/acme/accounts/").text


@pytest.mark.parametrize("path", ["rename/", "archive/"])
def test_t2_members_change_no_account(client, mel, read, url, path):
    client.force_login(mel)

    assert client.post(url + path, {"label": "X"}).status_code == 403


def test_t1_an_account_of_another_team_is_not_found(client, mallory, read, url, evil):
    client.force_login(mallory)

    for path in ("", "this-cycle.json", "readings/"):
        assert client.get(url + path).status_code == 404
        assert client.get(url.replace("acme", "evil") + path).status_code == 404
    assert client.post(url.replace("acme", "evil") + "archive/").status_code == 404


def test_o2_what_upstream_says_is_inert(as_victor, wire, key, account, url):
    wire.by_mode(current={**usage(), "membership": "<script>alert(1)</script>"})
    poll(account, at=AT)

    assert "<script>alert" not in as_victor.get(url).text


def test_d5_the_mean_of_cycles_leaves_out_those_that_share_days_and_says_of_how_many(
    as_victor, account, url
):
    """The wrong reading: 1,025 on average over four, two of which are in no sum."""
    for days, length, app, kind in (
        (120, 30, 100, "stripe"),
        (90, 30, 300, "stripe"),
        (60, 30, 1200, "stripe"),
        (45, 15, 2500, "stripe"),
        (30, 25, None, "stripe"),
        (40, 10, 7000, "calendar"),
    ):
        start = AT - timedelta(days=days)
        Cycle.objects.create(
            account=account,
            kind=kind,
            start_at=start,
            end_at=start + timedelta(days=length),
            app_usage=app,
            api_usage=0,
            asked_at=AT,
            first_seen_at=AT,
        )

    summary = as_victor.get(f"{url}cycles.json", {"kind": "stripe"}).json()["summary"]
    why = text(as_victor.get(f"/teams/acme/explain/cycles/{account.pk}/", {"kind": "stripe"}))

    assert summary == (
        "2 closed cycles used 200 on average, 300 at most. "
        "2 windows share days with others; they are in no sum and in no mean."
    )
    assert "Result 200" in why
    assert why.count("shares days with another window, not in the mean") == 2
    assert "those that share days with another window, are left out" in why
