"""A month of all accounts: each cycle in one month, no credit twice, money by currency."""

from __future__ import annotations

import csv
import io
import uuid
import zipfile
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.overview.month_statements import MonthPart, TeamCycles, added_up, month_of
from dashboard.removals.models import Charged
from dashboard.usage.windows import Window
from tests.overview.test_books import BOOKS, PRICES, of
from tests.overview.test_statements import END, MIDDLE, NOW, START, cycle, price, removal, words

OCTOBER = date(2026, 10, 1)
URL = "/teams/acme/statements/months/"
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def as_victor(client, victor):
    client.force_login(victor)
    return client


@pytest.fixture
def other(account):
    return Account.objects.create(team=account.team, label="Other")


def calendar(account, *, app=7, api=8):
    """The fall-back of October: it shares days with the billing cycle that ends in it."""
    start, end = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    return cycle(account, start=start, end=end, app=app, api=api, kind="calendar")


def october(account):
    return TeamCycles(account.team).statement(OCTOBER, at=NOW)


def test_all_accounts_stand_on_one_page_by_account_member_key_and_tag(
    as_victor, account, other, mel
):
    night = uuid.uuid4()
    for one in (account, other):
        cycle(one)
        price(one)
        removal(one, user=mel, tag="shop")
        removal(one, user=mel, virtual_key=night, virtual_key_label="Night job")
    removal(other, member="Adam", charged=Charged.UNKNOWN)

    page = words(as_victor.get(f"{URL}2026-10/"))

    assert "All accounts, October 2026" in page
    assert "200 credits, 10.00 EUR." in page
    assert "Through this dashboard and 1 whose outcome is unknown 4 0.20 EUR" in page
    assert "Outside: other API use 116 5.80 EUR" in page
    assert "Total counted by RemBG 200 10.00 EUR" in page
    assert "Mel 4 0.20 EUR Adam and 1 whose outcome is unknown 0 0.00 EUR" in page
    assert "Night job 2 0.10 EUR" in page
    assert "shop 2 0.10 EUR" in page


def test_two_people_of_one_name_are_two_lines_and_one_with_a_new_name_is_one(
    account, other, mel, adam
):
    for one in (account, other):
        cycle(one)
    removal(account, user=mel, member="Sam")
    removal(other, user=mel, member="Mel")
    removal(other, user=adam, member="Sam")

    [members, *_rest] = october(account).sections

    assert sorted((one.name, one.credits) for one in members.sums) in (
        [("Mel", 2), ("Sam", 1)],
        [("Sam", 1), ("Sam", 2)],
    )


@pytest.mark.parametrize(
    ("end", "month"),
    [
        pytest.param(datetime(2026, 11, 1, tzinfo=UTC), OCTOBER, id="ends-with-the-month"),
        pytest.param(datetime(2026, 11, 1, 0, 0, 1, tzinfo=UTC), date(2026, 11, 1), id="1-s-later"),
        pytest.param(datetime(2027, 1, 1, tzinfo=UTC), date(2026, 12, 1), id="ends-with-the-year"),
        pytest.param(datetime(2026, 10, 31, 23, tzinfo=UTC), OCTOBER, id="November-in-Berlin"),
    ],
)
def test_a_cycle_belongs_to_the_utc_month_of_its_last_second_in_every_zone(
    account, acme, end, month
):
    acme.time_zone = "Europe/Berlin"
    acme.save()
    cycle(account, start=end - 30 * DAY, end=end)

    assert TeamCycles(acme).months == [month]


def test_d8_a_fall_back_that_shares_days_is_shown_and_not_added(as_victor, account):
    cycle(account)
    calendar(account)

    found = october(account)
    page = words(as_victor.get(f"{URL}2026-10/"))

    assert found.total.credits == 100
    assert [(one.statement.window.kind, bool(one.left_out)) for one in found.parts] == [
        ("stripe", False),
        ("calendar", True),
    ]
    assert "Not added: Shares days with another cycle" in page
    assert "115" not in page


def test_d8_a_fall_back_alone_is_added(account):
    calendar(account)
    cycle(account, start=datetime(2026, 11, 1, tzinfo=UTC), end=END)

    assert october(account).total.credits == 15


def test_d5_of_two_cycles_that_overlap_the_earlier_one_counts_in_whatever_month(account):
    cycle(account)
    cycle(account, start=MIDDLE - DAY, end=END, app=1000, api=1000)

    later = TeamCycles(account.team).statement(date(2026, 11, 1), at=NOW)

    assert october(account).total.credits == 100
    assert later.total.credits is None
    assert [bool(part.left_out) for part in later.parts] == [True]


def test_d8_the_billing_cycle_counts_where_the_fall_back_began_before_it(account):
    calendar(account)
    cycle(account, start=MIDDLE - 10 * DAY, end=END)

    assert october(account).total.credits is None
    assert TeamCycles(account.team).statement(date(2026, 11, 1), at=NOW).total.credits == 100


def test_d5_a_cycle_that_is_left_out_leaves_no_other_out(account):
    cycle(account, end=START + 10 * DAY)
    cycle(account, start=START + 9 * DAY, end=START + 20 * DAY, app=1000)
    cycle(account, start=START + 19 * DAY, end=START + 30 * DAY, app=0, api=7)

    assert october(account).total.credits == 107


def test_d5_a_window_dated_1970_leaves_no_cycle_out_and_is_not_added(account):
    cycle(account)
    cycle(account, start=datetime(1970, 1, 1, tzinfo=UTC), end=MIDDLE - DAY, app=7000)

    found = october(account)

    assert found.total.credits == 100
    assert {bool(part.left_out) for part in found.parts} == {True, False}


def test_d14_an_account_that_may_be_anothers_twin_is_not_added(as_victor, account, other):
    other.same_as = account
    other.save()
    for one in (account, other):
        cycle(one)

    assert october(account).total.credits == 100
    assert "May be the same account as another one" in words(as_victor.get(f"{URL}2026-10/"))


def test_an_unknown_counter_is_left_out_and_named_never_a_zero(as_victor, account, other):
    cycle(account)
    cycle(other, app=None)

    page = words(as_victor.get(f"{URL}2026-10/"))

    assert october(account).total.credits == 100
    assert "What is unknown is not counted as 0: it is left out." in page
    other.cycles.all().delete()
    account.cycles.update(app_usage=None)
    assert october(account).total.credits is None
    assert "is unknown." in words(as_victor.get(f"{URL}2026-10/"))


def test_currencies_are_never_added_and_what_has_no_price_is_said(as_victor, account, other):
    free = Account.objects.create(team=account.team, label="Free")
    for one in (account, other, free):
        cycle(one)
    price(account)
    price(other, "0.1", currency="USD")

    page = words(as_victor.get(f"{URL}2026-10/"))

    assert october(account).total.amounts == (("EUR", Decimal("5.00")), ("USD", Decimal("10.00")))
    assert "300 credits, 5.00 EUR + 10.00 USD." in page
    assert "1 cycle has no price and is not in the amounts." in page


def test_a_month_with_a_running_cycle_says_so_far(as_victor, account):
    cycle(account, start=MIDDLE, end=END, app=1, api=2)

    page = words(as_victor.get(f"{URL}2026-11/"))

    assert "3 credits so far" in page
    assert "Not every cycle of this month has ended." in page


def test_the_address_without_a_month_leads_to_the_newest_and_the_picker_to_its_own(
    as_victor, account
):
    assert as_victor.get(URL)["Location"] == "/teams/acme/statements/"
    cycle(account)
    cycle(account, start=END, end=END + 30 * DAY, app=0, api=0)

    assert as_victor.get(URL)["Location"] == f"{URL}2026-10/"
    assert as_victor.get(URL, {"month": "2026-12"})["Location"] == f"{URL}2026-12/"


@pytest.mark.parametrize("month", ["2026-09", "2026-13", "0000-01", "october", "2026-10-01"])
@pytest.mark.parametrize("end", ["/", ".csv", ".xlsx"])
def test_a_month_without_a_cycle_is_not_there(as_victor, account, month, end):
    cycle(account)

    assert as_victor.get(f"{URL}{month}{end}").status_code == 404
    assert as_victor.get(f"/api/v1/teams/acme/statements/{month}").status_code == 404


def test_t1_a_month_of_another_team_is_not_there(client, mallory, account):
    cycle(account)
    client.force_login(mallory)

    for address in (f"{URL}2026-10/", f"{URL}2026-10.csv", "/api/v1/teams/acme/statements/2026-10"):
        assert client.get(address).status_code == 404


def test_the_files_add_up_to_the_page_and_hold_numbers(as_victor, account, other):
    for one in (account, other):
        cycle(one)
        price(one, "0.045")
        removal(one, tag="=1+1")
    calendar(other)

    sheet = as_victor.get(f"{URL}2026-10.csv")
    book = zipfile.ZipFile(io.BytesIO(as_victor.get(f"{URL}2026-10.xlsx").content))

    rows = list(csv.DictReader(io.StringIO(sheet.content.decode("utf-8-sig"), newline="")))
    totals = [row for row in rows if row["Name"] == "Total counted by RemBG"]
    assert [(row["Account"], row["Credits"], row["Left out of the sums"]) for row in totals] == [
        ("Main", "100", ""),
        ("Other", "100", ""),
        ("Other", "15", "Shares days with another cycle"),
    ]
    tags = [row for row in rows if row["Section"] == "By tag" and not row["Left out of the sums"]]
    assert {row["Name"] for row in tags} == {"'=1+1"}
    sums = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>200</v>" in sums
    assert "<v>9</v>" in sums
    assert "<f>" not in sums + book.read("xl/worksheets/sheet2.xml").decode()


def test_a_past_month_stays_the_same_to_the_byte(as_victor, account, other, mel):
    for one in (account, other):
        cycle(one)
        price(one)
        removal(one, user=mel)
    before = [as_victor.get(f"{URL}2026-10{end}").content for end in (".csv", ".xlsx")]

    removal(account, user=mel, at=MIDDLE)
    cycle(account, start=MIDDLE, end=END)
    price(account, "9", from_at=MIDDLE)
    mel.name = "Melanie"
    mel.save()
    account.team.time_zone = "Pacific/Apia"
    account.team.save()

    assert [as_victor.get(f"{URL}2026-10{end}").content for end in (".csv", ".xlsx")] == before


def test_json_says_the_same(as_victor, account, other):
    for one in (account, other):
        cycle(one)
        price(one)
        removal(one)
    calendar(other)

    listed = as_victor.get("/api/v1/teams/acme/statements").json()
    found = as_victor.get("/api/v1/teams/acme/statements/2026-10").json()

    assert listed == {"months": ["2026-10"]}
    assert found["total"] == {
        "name": "Total counted by RemBG",
        "credits": 200,
        "outcome_unknown": 0,
        "amounts": [{"currency": "EUR", "amount": "10.00"}],
    }
    assert [bool(one["left_out"]) for one in found["statements"]] == [False, False, True]
    assert [(one["name"], one["credits"]) for one in found["members"]] == [("Mel", 2)]


def test_a_month_costs_as_many_queries_for_one_account_as_for_thirty(
    as_victor, account, django_assert_num_queries
):
    running = {"start": MIDDLE, "end": END}
    cycle(account, **running)
    as_victor.get(f"{URL}2026-11/")
    for count in (0, 29):
        for number in range(count):
            one = Account.objects.create(team=account.team, label=f"Account {number}")
            cycle(one, **running)

        with django_assert_num_queries(9):
            as_victor.get(f"{URL}2026-11/")


@given(st.lists(st.tuples(BOOKS, st.none() | PRICES, st.booleans()), max_size=5))
def test_sums_close_over_random_books_and_money_by_currency(given_books):
    parts = tuple(
        MonthPart(of(books, price), "for a reason" if left_out else "")
        for books, price, left_out in given_books
    )

    month = added_up(OCTOBER, parts, at=NOW)

    added = [one for one in month.added if one.books.upstream is not None]
    assert month.total.credits == (sum(one.books.upstream for one in added) if added else None)
    for section in month.sections:
        assert sum(one.credits for one in section.sums) == month.through.credits
        assert amounts(section.sums) == amounts([month.through])
    if not month.uncounted and month.added:
        assert sum(one.credits for one in month.summary) == month.total.credits
        assert amounts(month.summary) == amounts([month.total])


def amounts(sums) -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for one in sums:
        for currency, amount in one.amounts:
            found[currency] += amount
    return {currency: amount for currency, amount in found.items() if amount}


@given(
    st.integers(946_684_800, 4_102_444_800),
    st.integers(1, 400 * 86_400),
)
def test_month_ends_put_each_window_into_one_month(start, seconds):
    begin = datetime.fromtimestamp(start, UTC)
    window = Window("stripe", begin, begin + timedelta(seconds=seconds))

    month = month_of(window)

    first = datetime(month.year, month.month, 1, tzinfo=UTC)
    after = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
    assert first <= window.last_second() < after


def test_the_picker_names_months_and_the_rail_says_statements(as_victor, account):
    cycle(account)

    answer = as_victor.get(f"{URL}2026-10/")
    page = answer.content.decode()

    assert [link.label for link in answer.context["nav"]() if link.current] == ["Statements"]
    assert '<option value="2026-10" selected>October 2026</option>' in page
