"""What stands behind a forecast's number, a column, a mean: formula, operands, age and source."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine

from dashboard.keys.models import Account
from dashboard.usage.explain import forecast
from dashboard.usage.models import AccountOutlook, Snapshot
from dashboard.usage.polling.thinning import thin
from tests.usage.conftest import END, START
from tests.usage.test_outlook import AT, polled, reads
from tests.usage.test_past_cycles import KEY, LATER, MUCH_LATER, still_there, written

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FORECAST_DOC = Path(__file__).resolve().parents[2] / "docs" / "forecast.md"


@pytest.fixture
def explain(client, victor, account):
    """Open the explanation of a number; return its words, without the readings' marks."""

    def get(number: str, *, at=AT + 40 * MINUTE, **query) -> str:
        with time_machine.travel(at, tick=False):
            client.force_login(victor)
            answer = client.get(f"/teams/acme/explain/{number}/{account.pk}/", query)
        assert answer.status_code == 200, answer.status_code
        explain.html = answer.text
        return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())

    explain = get
    return get


@pytest.fixture
def foretold(wire, key, account) -> Account:
    """An account of which twelve days are known, 1,000 credits each."""
    reads(account, a_day=1000)
    return polled(wire, account, used=12_000)


def test_a_run_out_is_explained_by_its_days_its_tenths_and_how_good_it_is(explain, foretold):
    said = explain("runs-out")

    assert "256 futures" in said and "yes from 90 % on, no up to 10 %" in said
    assert "Included credits left then 6,500 40 minutes ago" in said
    assert "Days of use known 12.0 days" in said and "The week no pattern beyond chance" in said
    assert re.search(r"Early: one in ten runs out before 2[01] Nov, \d\d:\d\d", said)
    assert re.search(r"Late: nine in ten run out before 2[1-3] Nov, \d\d:\d\d", said)
    assert "They last until the renewal in 1 % of the futures" in said
    assert "Result no" in said
    assert "in the backtest over made-up teams it held in 86 %" in said


def test_everything_spendable_adds_the_prepaid_credits(explain, foretold):
    said = explain("all-runs-out")

    assert "Included and prepaid credits together." in said
    assert "Included credits left then 6,500" in said and "Prepaid credits then 2,000" in said


def test_the_use_at_the_renewal_begins_with_what_was_used_then(explain, foretold):
    said = explain("at-renewal")

    assert "Used when it was made 12,000" in said and "it held in 82 %" in said
    low, high, middle = (
        int(re.search(rf"{words} (\d\d,\d{{3}})", said)[1].replace(",", ""))
        for words in ("One in ten ends below", "Nine in ten end below", "Result")
    )
    assert 25_000 < low < middle < high < 35_000


@pytest.mark.parametrize(
    ("number", "formula", "operands", "result"),
    [
        ("rate-today", "Credits used in the 24 hours before", "before that time 11,000", "1,000"),
        ("rate-cycle", "÷ the days since: the straight line", "Since the renewal 12.0 d", "1,000"),
        ("rate-allowance", "÷ the days to the renewal, rounded down", "renewal 18.0 days", "361"),
    ],
)
def test_a_rate_names_what_was_divided_by_what(
    explain, foretold, number, formula, operands, result
):
    said = explain(number)

    assert formula in said and operands in said
    assert f"Result {result} credits a day" in said
    assert "so newer readings may not be in it" in said


def test_the_forecast_says_its_age_and_its_reading_wherever_it_stands(
    client, victor, api, explain, foretold
):
    reading = AccountOutlook.objects.get().snapshot_id
    where = f"/teams/acme/accounts/{foretold.pk}/"
    with time_machine.travel(AT + 40 * MINUTE, tick=False):
        client.force_login(victor)
        page = client.get(where).text
    said = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    explained = explain("runs-out")

    assert re.search(r"Forecast made 40 minutes ago \([^)]*\) from the reading of 09:30 ?\.", said)
    assert f'href="{where}readings/{reading}/">from the reading of 09:30' in page
    assert "Made from the reading of 15 Nov, 09:30 40 minutes ago" in explained
    with time_machine.travel(AT + 40 * MINUTE, tick=False):
        told = api(f"accounts/{foretold.pk}/forecast")
    assert (told["reading"], told["as_of"]) == (str(reading), "2026-11-15T09:30:12Z")
    assert told["known_days"] == 12.0 and told["weekdays"] is None


@pytest.fixture
def api(client, victor):
    """Ask the JSON API as the viewer."""

    def get(path: str) -> dict:
        client.force_login(victor)
        return client.get(f"/api/v1/teams/acme/{path}").json()

    return get


@pytest.mark.parametrize("number", sorted(forecast.AHEAD))
def test_without_a_forecast_a_number_is_unknown_and_says_so(explain, account, number):
    assert "Result unknown" in explain(number) and "No forecast has been made" in explain(number)


def test_what_is_said_of_the_backtest_is_what_its_table_says():
    row = next(one for one in FORECAST_DOC.read_text().splitlines() if one.startswith("| all |"))
    at_renewal, run_out = (re.search(r"(\d+)%", cell)[1] for cell in row.split("|")[3:5])

    assert (int(at_renewal), int(run_out)) == (forecast.HELD_AT_RENEWAL, forecast.HELD_RUN_OUT)


def unix(moment) -> str:
    return str(int(moment.timestamp()))


def test_a_day_is_explained_by_the_readings_around_it(explain, foretold):
    day = (START + 4 * DAY).replace(hour=0, minute=0, second=0)
    said = explain("use", span="cycle", column=unix(day))

    # 3 Nov, 09:30 + 3 days and 14 or 15 hours: 23:30 before the midnight and 00:30 after it.
    assert "Last reading before it 3,583 1 week" in said
    assert "First reading in it 3,625" in said and "Last reading in it 4,583" in said
    assert "First reading after it 4,625" in said
    assert "Readings in it 24 readings" in said
    assert "Between the readings in it 958" in said and "Result 1,000" in said
    assert "Its share of the rise over its borders 42" in said
    assert "shared out over it by time, in whole credits" in said


def test_an_hour_too(explain, foretold):
    hour = (START + 4 * DAY).replace(minute=0, second=0)
    said = explain("use", span="48", day="2026-11-07", column=unix(hour))

    assert "First reading in it 4,000" in said and "Result 41" in said


def test_a_stretch_adds_its_columns_and_names_gaps(explain, account):
    written(account)
    said = explain("use", at=START + 12 * DAY, span="cycle", cycle=KEY)

    assert re.search(r"Not read from 12 Nov, \d\d:\d\d to 13 Nov, \d\d:\d\d 250", said)
    assert "known for the stretch as a whole; in no column" in said


def facts(html: str) -> dict[str, int]:
    """Return the numbers of an explanation by their names, in credits."""
    found = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", html, re.DOTALL)
    bare = [[" ".join(re.sub(r"<[^>]+>", " ", part).split()) for part in pair] for pair in found]
    numbers = [(name, re.match(r"-?[\d,]+", said)) for name, said in bare]
    return {name: int(number[0].replace(",", "")) for name, number in numbers if number}


def test_a_stretchs_columns_and_gaps_less_corrections_are_the_counter(explain, account):
    """The wrong reading: 7,190 of columns and gaps, where RemBG counts 6,700."""
    written(account)
    said = explain("use", at=END, span="cycle", cycle=KEY)

    parts = facts(explain.html)
    result = parts.pop("Result")
    gap = next(credits for name, credits in parts.items() if name.startswith("Not read"))
    assert parts["Wed 18 Nov: RemBG corrected its counters"] == -490
    assert sum(parts.values()) == 6700 == result + gap - 490
    assert "columns + stretches − corrections are" in said


def test_a_gap_that_is_longer_than_the_day_says_that_it_reaches_beyond(explain, account):
    written(account)

    said = explain("use", at=START + 12 * DAY, span="cycle", cycle=KEY, day="2026-11-12")

    assert "known for the stretch as a whole, which reaches beyond this time; in no column" in said


def test_a_column_in_which_a_counter_fell_tells_no_share_that_nobody_knows(explain, account):
    written(account)
    day = (START + 15 * DAY).replace(hour=0, minute=0, second=0)

    said = explain("use", at=START + 17 * DAY, span="cycle", cycle=KEY, column=unix(day))

    assert facts(explain.html)["RemBG corrected its counters"] == -490
    assert "Result 230" in said
    assert "Its share of the rise" not in said and "Between the readings in it" not in said


def test_a_gap_of_the_prepaid_balance_alone_explains_no_use(explain, account):
    written(account)
    night = START + 5 * DAY, START + 5 * DAY + 15 * HOUR
    # While the counters are read on, the balance is not told for fifteen hours.
    Snapshot.objects.filter(asked_at__gt=night[0], asked_at__lt=night[1]).update(
        prepaid_credits=None
    )

    said = explain("use", at=START + 8 * DAY, span="cycle", cycle=KEY)

    assert "Not read from" not in said


def test_a_column_without_readings_is_unknown_and_names_the_gap(explain, account):
    written(account)
    Snapshot.objects.filter(asked_at__range=(START + 8 * DAY, START + 11 * DAY)).delete()
    day = (START + 10 * DAY).replace(hour=0, minute=0, second=0)

    said = explain("use", at=START + 12 * DAY, span="cycle", cycle=KEY, column=unix(day))

    assert "Result unknown" in said and "Not read from" in said


def test_an_old_column_still_leads_to_its_readings(explain, client, victor, account):
    written(account)
    day = (START + 4 * DAY).replace(hour=0, minute=0, second=0)
    query = {"span": "cycle", "cycle": KEY, "column": unix(day)}
    before = explain("use", at=LATER, **query)
    still_there(account)
    thin(account, at=MUCH_LATER)

    after = explain("use", at=MUCH_LATER, **query)

    assert "Result 240" in before and "24 readings" in before
    kept = list(account.snapshots.within(start=day, end=day + DAY).order_by("asked_at"))
    assert "Result 240" in after and f"{len(kept)} readings" in after and len(kept) < 8
    first, *_others, last = kept
    with time_machine.travel(MUCH_LATER, tick=False):
        client.force_login(victor)
        where = f"/teams/acme/accounts/{account.pk}/readings"
        assert [client.get(f"{where}/{one.pk}/").status_code for one in (first, last)] == [200, 200]
    assert (first.asked_at.hour, last.asked_at.hour) == (0, 23)


def test_a_column_that_is_not_there_is_not_explained(client, victor, foretold):
    client.force_login(victor)
    where = f"/teams/acme/explain/use/{foretold.pk}/"

    for query in ({"column": "12"}, {"column": "x"}, {"span": "no"}, {"day": "1999-01-01"}):
        assert client.get(where, query).status_code == 404


def test_a_mean_is_explained_by_the_cycles_in_it(explain, account):
    written(account)
    said = explain("cycles", at=LATER)

    assert "the sum over the closed cycles ÷ their number, rounded" in said
    assert "3 Nov – 3 Dec 2026 6,700" in said or "3 Nov – 3 Dec 6,700" in said


def test_the_straight_line_has_a_formula(explain, foretold):
    said = explain("burn-down")

    assert "a straight line to 0 at the renewal and no forecast" in said
    assert "Allowance 18,500" in said and "Even pace: left by now 11,0" in said
