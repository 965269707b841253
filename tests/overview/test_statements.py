"""Statements: a past cycle to the credit, on the page, as CSV, XLSX and JSON."""

from __future__ import annotations

import csv
import io
import re
import uuid
import zipfile
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine

from dashboard.keys.models import Account
from dashboard.keys.pricing import CreditPrice
from dashboard.overview.statements import statement, windows_of
from dashboard.removals.models import Charged, Removal, State
from dashboard.teams.models import AuditEntry
from dashboard.usage.models import Cycle, Snapshot

START = datetime(2026, 9, 30, 22, 0, tzinfo=UTC)
MIDDLE = datetime(2026, 10, 31, 23, 0, tzinfo=UTC)
END = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)
NOW = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
READ = NOW - timedelta(minutes=5)
SECOND = timedelta(seconds=1)
KEY = f"{int(START.timestamp())}-stripe"


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def as_victor(client, victor):
    client.force_login(victor)
    return client


@pytest.fixture
def as_adam(client, adam):
    client.force_login(adam)
    return client


def cycle(account, *, start=START, end=MIDDLE, app=40, api=60, kind="stripe", asked=READ) -> Cycle:
    return Cycle.objects.create(
        account=account,
        kind=kind,
        start_at=start,
        end_at=end,
        app_usage=app,
        api_usage=api,
        asked_at=asked,
        first_seen_at=asked,
    )


def reading(account, *, start=MIDDLE, end=END, at=READ, kind="stripe") -> Snapshot:
    """Write down what the poller does when it asks: until then no removal was charged."""
    return Snapshot.objects.create(
        account=account,
        mode=Snapshot.Mode.CURRENT,
        outcome=Snapshot.Outcome.OK,
        asked_at=at,
        kind=kind,
        period_start_at=start,
        period_end_at=end,
        removed_credits=0,
    )


def ends_now(account, count=1) -> None:
    """Let removals that are at RemBG end now, each with its picture."""
    for _ in range(count):
        at_rembg = {"state": State.SENDING, "attempt": uuid.uuid4(), "result": ""}
        sent = removal(account, at=READ, charged=Charged.UNKNOWN, **at_rembg)
        assert sent.finish(at=NOW, result="results/mug.png")


def removal(account, *, at=START, user=None, member="Mel", charged=Charged.YES, **facts) -> Removal:
    values = {
        "team": account.team,
        "account": account,
        "user": user,
        "member": member,
        "nonce": uuid.uuid4().hex,
        "filename": "mug.png",
        "picture_type": "image/png",
        "picture_bytes": 10,
        "width": 4,
        "height": 3,
        "state": {"yes": State.DONE, "no": State.FAILED, "unknown": State.UNKNOWN}[charged],
        "charged": charged,
        "result": "results/mug.png",
        "queued_at": at,
        "not_before_at": at,
        "sending_at": at,
        "keep_until": at,
    }
    return Removal.objects.create(**values | facts)


def price(account, amount="0.05", *, currency="EUR", from_at=START) -> CreditPrice:
    return CreditPrice.objects.create(
        account=account, amount=Decimal(amount), currency=currency, from_at=from_at, set_at=NOW
    )


def made(account, key=KEY):
    [window] = [one for one in windows_of(account) if one.key == key]
    return statement(account, window, at=NOW)


def url(account, rest="/") -> str:
    return f"/teams/acme/statements/{account.pk}/{KEY}{rest}"


def words(answer) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_a_statement_says_who_used_what_and_the_rest(as_victor, account, mel):
    cycle(account)
    price(account)
    night = uuid.uuid4()
    for _ in range(3):
        removal(account, user=mel, tag="shop")
    removal(account, member="old@example.com", virtual_key=night, virtual_key_label="Night job")
    removal(account, user=mel, charged=Charged.UNKNOWN)
    removal(account, user=mel, charged=Charged.NO)

    page = words(as_victor.get(url(account)))

    assert "100 credits, 5.00 EUR." in page
    assert "Through this dashboard and 1 whose outcome is unknown 4 0.20 EUR" in page
    assert "Outside: RemBG&#x27;s app 40 2.00 EUR" in page
    assert "Outside: other API use 56 2.80 EUR" in page
    assert "Total counted by RemBG 100 5.00 EUR" in page
    assert "Mel and 1 whose outcome is unknown 3 0.15 EUR old@… 1 0.05 EUR" in page
    assert "Night job 1 0.05 EUR" in page
    assert "shop 3 0.15 EUR" in page
    assert "A credit costs 0.05 EUR" in page
    assert "old@example.com" not in page


def test_a_removal_belongs_to_the_cycle_in_which_it_was_sent_and_to_who_paid(account):
    """The cycles' border is local midnight on the day after summer time ended in Berlin."""
    other = Account.objects.create(team=account.team, label="Other")
    for one in (account, other):
        cycle(one)
        cycle(one, start=MIDDLE, end=END, app=0, api=5)
    for at in (START - SECOND, START, MIDDLE - SECOND, MIDDLE):
        removal(account, at=at, queued_at=START - timedelta(days=40))
    removal(other, at=START, wanted_account=account)

    assert made(account).books.through == 2
    assert made(account, f"{int(MIDDLE.timestamp())}-stripe").books.through == 1
    assert made(other).books.through == 1


def test_d8_the_two_kinds_of_cycles_are_never_merged(as_victor, account):
    cycle(account)
    month = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
    cycle(account, start=month[0], end=month[1], kind="calendar", app=7, api=8)
    removal(account, at=datetime(2026, 10, 10, tzinfo=UTC))

    page = words(as_victor.get("/teams/acme/statements/"))

    assert made(account).books.upstream == 100
    assert made(account, f"{int(month[0].timestamp())}-calendar").books.upstream == 15
    assert "Billing cycles Main" in page
    assert "Calendar cycles (UTC) Main" in page
    assert "115" not in page


def test_a_running_cycle_says_so_far_and_counts_until_it_was_read(as_victor, account):
    cycle(account, start=MIDDLE, end=END, app=1, api=2)
    reading(account)
    removal(account, at=READ - SECOND)
    ends_now(account)

    page = words(as_victor.get(running_url(account)))

    assert "3 credits so far." in page
    assert "The cycle is still running." in page
    assert "Outside: other API use 1" in page
    # Once, beside the age.
    assert page.count("+1 since") == 1
    assert "(UTC). +1 since (1 removal through this dashboard since that reading)" in page


def running_url(account) -> str:
    return f"/teams/acme/statements/{account.pk}/{int(MIDDLE.timestamp())}-stripe/"


LISTS = ("/teams/acme/statements/", "/teams/acme/statements/months/2026-11/")


def test_d21_lists_and_months_say_what_came_since_too(as_victor, account):
    cycle(account)
    cycle(account, start=MIDDLE, end=END, app=1, api=2)
    reading(account)
    ends_now(account, 8)

    lists = [words(as_victor.get(address)) for address in LISTS]

    # In the row of the running cycle alone, and in the chart's sentence (on the page and in its
    # data); a month says it beside its sum as well.
    assert [page.count("+8 since") for page in lists] == [3, 2]


def test_d8_d21_a_window_of_which_rembg_speaks_no_more_has_nothing_since(as_victor, account):
    cycle(account, start=MIDDLE, end=END, app=1, api=2, asked=READ - timedelta(days=3))
    month = {"start": datetime(2026, 11, 1, tzinfo=UTC), "end": datetime(2026, 12, 1, tzinfo=UTC)}
    cycle(account, **month, kind="calendar")
    reading(account, at=READ - timedelta(days=3))
    reading(account, **month, kind="calendar")
    ends_now(account, 8)

    found = as_victor.get(api(account)).json()["statements"]

    assert {one["kind"]: one["since_credits"] for one in found} == {"stripe": 0, "calendar": 8}


def test_d8_a_removal_is_in_one_cycle_though_nobody_read_the_fall_back(as_victor, account):
    cycle(account, start=MIDDLE, end=END, app=1, api=2)
    month = {"start": datetime(2026, 11, 1, tzinfo=UTC), "end": datetime(2026, 12, 1, tzinfo=UTC)}
    cycle(account, **month, kind="calendar")
    removal(account, at=datetime(2026, 11, 10, 12, tzinfo=UTC))

    found = as_victor.get(api(account)).json()["statements"]

    assert {one["kind"]: one["through"]["credits"] for one in found} == {"stripe": 1, "calendar": 0}


def test_d21_of_a_cycle_not_read_since_it_ended_only_its_own_removals_are_said(as_victor, account):
    cycle(account, asked=MIDDLE - 10 * SECOND)
    reading(account, start=START, end=MIDDLE, at=MIDDLE - 10 * SECOND)
    for at in (MIDDLE - 11 * SECOND, MIDDLE - 10 * SECOND, MIDDLE - SECOND, MIDDLE):
        removal(account, at=at)
    removal(account, at=MIDDLE - SECOND, charged=Charged.UNKNOWN)
    ends_now(account, 8)

    page = words(as_victor.get(url(account)))
    listed = words(as_victor.get("/teams/acme/statements/"))

    assert "+2 since" in page and "+2 since" in listed


def test_a_cycle_not_read_since_it_ended_says_so(as_victor, account):
    cycle(account, asked=MIDDLE - SECOND)

    assert "has not been read since this cycle ended" in words(as_victor.get(url(account)))


def test_more_here_than_rembg_counted_is_never_negative_in_silence(as_victor, account):
    cycle(account, app=5, api=1)
    for _ in range(3):
        removal(account)

    page = words(as_victor.get(url(account)))

    assert "More was counted here than by RemBG." in page
    assert "Discrepancy: counted here, not by RemBG -2" in page
    assert "Total counted by RemBG 6" in page


def test_an_unknown_counter_is_unknown(as_victor, account):
    cycle(account, app=None)
    price(account)

    page = words(as_victor.get(url(account)))

    assert "How many credits RemBG counted in this cycle is unknown." in page
    assert "Outside: RemBG&#x27;s app unknown unknown" in page
    assert "Total counted by RemBG unknown unknown" in page


def test_d14_a_joined_account_is_in_the_books_of_the_one_it_joined(as_victor, account):
    twin = Account.objects.create(team=account.team, label="Twin", same_as=account)
    for one in (account, twin):
        cycle(one)
        removal(one)

    assert made(account).books.through == 1
    twin.archived_at = NOW
    twin.save()

    assert made(account).books.through == 2
    assert as_victor.get(url(twin)).status_code == 404


def test_the_price_is_the_one_that_held_when_the_cycle_began(account):
    cycle(account)
    price(account, "0.04", from_at=START - timedelta(days=30))
    price(account, "0.05", from_at=START)
    price(account, "0.09", from_at=START + SECOND)

    assert made(account).total.said == "5.00 EUR"


def test_before_the_first_price_there_are_credits_only(as_victor, account):
    cycle(account)
    price(account, from_at=START + SECOND)

    page = words(as_victor.get(url(account)))

    assert "No price held when the cycle began, so there are credits only." in page
    assert "EUR" not in page


def test_a_past_statement_stays_the_same_to_the_byte(as_victor, account, mel):
    cycle(account)
    price(account)
    removal(account, user=mel)
    before = [as_victor.get(url(account, end)).content for end in (".csv", ".xlsx")]

    removal(account, user=mel, at=MIDDLE)
    price(account, "9", from_at=MIDDLE)
    mel.name = "Melanie"
    mel.save()
    with time_machine.travel(NOW + timedelta(days=400), tick=False):
        as_victor.force_login(account.team.memberships.get(role="viewer").user)
        after = [as_victor.get(url(account, end)).content for end in (".csv", ".xlsx")]

    assert after == before


def test_csv_adds_up_and_numbers_are_numbers(as_victor, account, mel):
    cycle(account, app=1, api=1)
    price(account, "0.045")
    removal(account, user=mel)
    removal(account, member="Adam")

    answer = as_victor.get(url(account, ".csv"))

    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    sums = {
        section: sum(Decimal(row["Amount"]) for row in rows if row["Section"] == section)
        for section in ("By member", "By virtual key", "By tag")
    }
    total = next(row for row in rows if row["Name"] == "Total counted by RemBG")
    gone = next(row for row in rows if row["Name"].startswith("Discrepancy"))
    assert (total["Credits"], total["Amount"], total["Currency"]) == ("2", "0.09", "EUR")
    assert gone["Credits"] == "-1"
    assert set(sums.values()) == {Decimal("0.09")}
    assert f",{gone['Credits']}," in answer.content.decode("utf-8-sig")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("=1+1", id="O1-equals"),
        pytest.param("+1", id="O1-plus"),
        pytest.param("-1", id="O1-minus"),
        pytest.param("@SUM(A1)", id="O1-at"),
        pytest.param("\t=1", id="O1-tab"),
        pytest.param("\r=1", id="O1-cr"),
        pytest.param("\n=1", id="O1-lf"),
        pytest.param("＝1+1", id="O1-full-width-equals"),
        pytest.param("＋1", id="O1-full-width-plus"),
        pytest.param("－1", id="O1-full-width-minus"),
        pytest.param("＠SUM(A1)", id="O1-full-width-at"),
        pytest.param('"=1+1', id="O1-after-quote"),
        pytest.param("  =1+1", id="O1-after-space"),
        pytest.param("'=1+1", id="O1-after-apostrophe"),
    ],
)
def test_o1_no_cell_of_a_file_is_a_formula(as_victor, account, text):
    cycle(account)
    removal(account, member=text, tag=text)

    sheet = as_victor.get(url(account, ".csv")).content.decode("utf-8-sig")
    workbook = zipfile.ZipFile(io.BytesIO(as_victor.get(url(account, ".xlsx")).content))

    cells = [cell for row in csv.reader(io.StringIO(sheet, newline="")) for cell in row]
    assert f"'{text}" in cells
    assert text not in cells
    assert "<f>" not in workbook.read("xl/worksheets/sheet1.xml").decode()


def test_o1_files_are_downloads_whose_type_is_not_guessed(as_victor, account):
    account.label = 'Größe "1"; /../x'
    account.save()
    cycle(account)

    for end, kind in ((".csv", "text/csv; charset=utf-8"), (".xlsx", "application/vnd.openxml")):
        answer = as_victor.get(url(account, end))

        assert answer["Content-Type"].startswith(kind)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert re.fullmatch(
            r'attachment; filename="[^"\\/]+\.\w+"; filename\*=UTF-8\'\'[\w.%-]+',
            answer["Content-Disposition"],
        )


def test_o1_a_workbook_holds_numbers_as_numbers(as_victor, account):
    cycle(account, app=1, api=0)
    price(account, "0.045")
    removal(account)

    file = zipfile.ZipFile(io.BytesIO(as_victor.get(url(account, ".xlsx")).content))

    sheet = file.read("xl/worksheets/sheet1.xml").decode()
    assert "<v>-1</v>" in sheet
    assert "<v>0.05</v>" in sheet


def test_the_chart_has_the_rest_as_a_series_of_its_own(as_victor, account):
    cycle(account)
    cycle(account, start=MIDDLE, end=END, app=3, api=None)
    removal(account)

    chart = as_victor.get(f"/teams/acme/statements/{account.pk}/cycles/stripe.json").json()

    assert [(one["role"], one["data"]) for one in chart["series"]] == [
        ("api", [1, 0]),
        ("app", [40, 3]),
        ("rest", [59, None]),
    ]
    assert chart["hatched"] == [1]
    assert chart["links"][0] == url(account)
    assert chart["table"]["rows"][1][1:] == [1, 40, 59, 0, 100, 0]


def test_the_list_costs_the_same_for_one_cycle_and_for_sixty(
    as_victor, account, django_assert_num_queries
):
    as_victor.get("/teams/acme/")
    cycle(account, start=MIDDLE, end=END)
    for count in (1, 59):
        for number in range(count):
            start = START - timedelta(days=30 * (number + count))
            cycle(account, start=start, end=start + timedelta(days=30))

        with django_assert_num_queries(9):
            as_victor.get("/teams/acme/statements/")


def api(account, rest="") -> str:
    return f"/api/v1/teams/acme/accounts/{account.pk}/statements{rest}"


def test_json_says_the_same_in_decimals_that_are_text(as_victor, account, mel):
    cycle(account)
    price(account)
    removal(account, user=mel, tag="shop")
    removal(account, user=mel, charged=Charged.UNKNOWN)

    [listed] = as_victor.get(api(account)).json()["statements"]
    one = as_victor.get(api(account, f"/{KEY}")).json()

    assert {name: one[name] for name in listed} == listed
    assert (one["key"], one["is_final"], one["is_running"]) == (KEY, True, False)
    assert (one["credit_price"], one["currency"]) == ("0.05", "EUR")
    assert one["period_end_unix"] == int(MIDDLE.timestamp()) - 1
    assert one["total"]["credits"] == 100
    assert one["total"]["amount"] == "5.00"
    assert one["discrepancy"] is None
    assert one["members"] == [{"name": "Mel", "credits": 1, "outcome_unknown": 1, "amount": "0.05"}]
    assert [(tag["name"], tag["credits"]) for tag in one["tags"]] == [("shop", 1), ("No tag", 0)]


def test_t1_json_of_another_team_is_not_there(client, mallory, account):
    cycle(account)
    client.force_login(mallory)

    assert client.get(api(account)).status_code == 404
    assert client.get(api(account, f"/{KEY}")).status_code == 404


PRICES = "/teams/acme/statements/prices/"


def given(whose, **changed) -> dict:
    facts = {"account": whose.pk, "amount": "0.045", "currency": "EUR", "from_on": "2026-10-26"}
    return facts | changed


def test_an_admin_sets_a_price_from_a_day_where_the_team_is(as_adam, acme, account):
    """On the day after summer time ended in Berlin, which began at 23:00 UTC."""
    acme.time_zone = "Europe/Berlin"
    acme.save()

    answer = as_adam.post(PRICES, given(account), follow=True)
    as_adam.post(PRICES, given(account, amount="0.05"))

    assert "0.045 EUR" in words(answer)
    [kept] = CreditPrice.objects.all()
    assert (kept.amount, kept.from_at) == (
        Decimal("0.05"),
        datetime(2026, 10, 25, 23, 0, tzinfo=UTC),
    )
    entries = AuditEntry.objects.filter(action="price.set").order_by("pk")
    assert [entry.details["price"] for entry in entries] == [
        ["none", "0.045 EUR"],
        ["0.045 EUR", "0.05 EUR"],
    ]


def test_a_price_of_the_team_holds_for_accounts_without_one_of_their_own(as_adam, acme, account):
    own = Account.objects.create(team=acme, label="With its own")
    for one in (account, own):
        cycle(one)
    price(own, "0.09", from_at=START - timedelta(days=90))
    first_day = {"account": "", "amount": "0.02", "from_on": "2026-09-30"}

    page = words(as_adam.post(PRICES, given(account, **first_day), follow=True))

    assert "All accounts without a price of their own 0.02 EUR" in page
    assert made(account).total.said == "2.00 EUR"
    assert made(own).total.said == "9.00 EUR"
    assert AuditEntry.objects.get(action="price.set").subject == "All accounts"
    kept = CreditPrice.objects.get(team=acme)
    as_adam.post(PRICES, given(account, **first_day, currency="USD"))
    assert CreditPrice.objects.get(team=acme).pk == kept.pk
    as_adam.post(f"{PRICES}{kept.pk}/remove/")
    assert made(account).total.said == ""


def test_t1_a_price_of_one_team_is_no_price_of_another(as_adam, evil, account):
    theirs = CreditPrice.objects.create(
        team=evil, amount=1, currency="EUR", from_at=START, set_at=NOW
    )
    cycle(account)

    assert made(account).price is None
    assert as_adam.post(f"{PRICES}{theirs.pk}/remove/").status_code == 404


def test_a_removed_price_is_audited_and_the_one_before_holds(as_adam, account):
    cycle(account)
    price(account, "0.04", from_at=START - SECOND)
    wrong = price(account, "4")

    as_adam.post(f"{PRICES}{wrong.pk}/remove/")

    assert made(account).total.said == "4.00 EUR"
    assert AuditEntry.objects.get(action="price.removed").details["price"] == "4 EUR"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", "-1"),
        ("amount", "NaN"),
        ("amount", "0.0000001"),
        ("currency", "XXX"),
        ("from_on", "yesterday"),
        ("account", uuid.uuid4()),
    ],
)
def test_a_price_that_is_none_is_refused(as_adam, account, field, value):
    answer = as_adam.post(PRICES, given(account, **{field: value}))

    assert answer.status_code == 422
    assert not CreditPrice.objects.exists()


def test_t1_another_teams_price_cannot_be_touched(as_adam, evil):
    theirs = price(Account.objects.create(team=evil, label="Theirs"))

    assert as_adam.post(f"{PRICES}{theirs.pk}/remove/").status_code == 404
    assert as_adam.post(PRICES, given(theirs.account)).status_code == 422
    assert CreditPrice.objects.get() == theirs


def test_the_form_starts_with_this_months_first_day(as_adam, account):
    form = as_adam.get(PRICES).context["form"]

    assert form["from_on"].initial == date(2026, 11, 1)
