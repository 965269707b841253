"""The outlook: made when an account is read, kept, and said the same on every page."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine

from dashboard.keys.models import Account
from dashboard.usage import forecast_text, outlook
from dashboard.usage.forecast import Forecast, RunOut, Verdict
from dashboard.usage.models import AccountOutlook, Snapshot
from dashboard.usage.polling.ask import poll
from dashboard.usage.standing import standing, standings
from tests.usage.conftest import END, START, Answer, usage

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AT = START + 12 * DAY
UTC_ZONE = ZoneInfo("UTC")
HTMX = {"HX-Request": "true"}


def reads(account: Account, *, a_day: int, until: datetime = AT, every=HOUR, **more) -> None:
    """Write down readings of a counter that rises evenly."""
    steps = range(1, int((until - START) / every))
    facts = {
        "mode": "current",
        "outcome": "ok",
        "query": "expand=billing_cycle",
        "included_credits": 18500,
        "prepaid_credits": 2000,
        "api_usage": 0,
        "period_start_at": START,
        "period_end_at": END,
        "synced": True,
        "kind": "stripe",
        **more,
    }
    Snapshot.objects.bulk_create(
        Snapshot(
            account=account,
            asked_at=START + n * every,
            app_usage=int(n * every / DAY * a_day),
            **facts,
        )
        for n in steps
    )


def polled(wire, account: Account, *, used: int, at: datetime = AT, **more) -> Account:
    """Read the account once through the door."""
    left = max(0, more.get("includedCredits", 18500) - used)
    wire.by_mode(
        current=usage(
            app=used, api=0, usedIncludedCredits=used, remainingIncludedCredits=left, **more
        )
    )
    poll(account, at=at)
    return Account.objects.select_related("same_as", "outlook").get(pk=account.pk)


@pytest.fixture
def url(account) -> str:
    return f"/teams/acme/accounts/{account.pk}/"


@pytest.fixture
def page(client, victor, url):
    client.force_login(victor)

    def get(path: str = "", *, at: datetime = AT + timedelta(minutes=3), **query):
        with time_machine.travel(at, tick=False):
            client.force_login(victor)
            return client.get(f"{url}{path}", query)

    return get


def text(answer) -> str:
    """Return what a page says, without the marks that open a number's source."""
    page = re.sub(r'<details class="source".*?</details>', " ", answer.text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_good_reading_leaves_an_outlook_and_a_failed_one_leaves_it_alone(wire, key, account):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)
    kept = AccountOutlook.objects.get()

    wire.say = lambda query, secret: Answer({}, status=503)
    poll(account, at=AT + HOUR)

    assert AccountOutlook.objects.get().as_of == kept.as_of == AT
    assert kept.snapshot.asked_at == AT
    assert (kept.start_at, kept.end_at) == (START, END)


def test_what_is_kept_is_the_forecast_that_was_made(wire, key, account):
    reads(account, a_day=1000)
    account = polled(wire, account, used=12_000)
    AccountOutlook.objects.all().delete()

    made = outlook.look_ahead(account, Snapshot.objects.good().latest("asked_at"))
    account = Account.objects.select_related("outlook").get(pk=account.pk)
    kept = standing(account, at=AT).outlook

    assert made is not None and kept is not None
    assert replace(kept, known_days=made.known_days, course=outlook.steps_of(account)) == made


def test_a_late_answer_does_not_replace_a_newer_outlook_d6(wire, key, account):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)

    late = Snapshot.objects.good().order_by("asked_at").first()

    assert outlook.look_ahead(account, late) is None
    assert AccountOutlook.objects.get().as_of == AT


@pytest.mark.parametrize(
    ("minutes", "changed", "again"),
    [
        (15, {}, False),
        (60, {}, True),
        (15, {"prepaidCredits": 2_500}, True),
        (15, {"includedCredits": 20_000}, True),
        (15, {"prepaidCredits": 0}, True),
    ],
)
def test_it_is_made_again_after_an_hour_or_when_credits_came_or_ended(
    wire, key, account, minutes, changed, again
):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)
    later = AT + timedelta(minutes=minutes)

    polled(wire, account, used=12_001, at=later, **changed)

    assert AccountOutlook.objects.get().as_of == (later if again else AT)


def test_an_outlook_of_another_window_is_not_shown(wire, key, account):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)
    AccountOutlook.objects.update(start_at=START - DAY)

    (found,) = standings(account.team, at=AT)

    assert found.outlook is None and found.runs_out is None
    assert standings(account.team, at=END)[0].outlook is None


def test_the_page_says_no_with_the_range_when_credits_do_not_last(wire, key, account, page):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)

    shown = text(page())

    assert "Included credits Lasts until renewal: no Run out " in shown
    assert re.search(r"Lasts until renewal: no; the included credits run out (on|between)", shown)
    assert re.search(r"Today 1,0\d\d credits a day|Today 9\d\d credits a day", shown)
    assert "May be used 361 credits a day" in shown


def test_the_page_says_yes_and_what_is_to_be_left(wire, key, account, page):
    reads(account, a_day=100)
    polled(wire, account, used=1_200)

    shown = text(page())

    assert "Included credits Lasts until renewal: yes They do not run out before" in shown
    assert "Everything spendable Lasts until renewal: yes" in shown
    assert re.search(r"It is to end with 15,\d{3} to 1[56],\d{3} left", shown)


def test_prepaid_credits_count_only_in_everything_spendable(wire, key, account, page):
    reads(account, a_day=800)
    polled(wire, account, used=9_600, prepaidCredits=50_000)

    found = standing(Account.objects.select_related("outlook").get(pk=account.pk), at=AT).outlook

    assert found.included.verdict == Verdict.NO
    assert found.everything.verdict == Verdict.YES


def test_after_one_reading_it_is_too_early_to_say(wire, key, account, page):
    polled(wire, account, used=12, at=START + 10 * HOUR)

    shown = text(page(at=START + 11 * HOUR))

    assert "Included credits Lasts until renewal: too early to say" in shown
    assert "Less than a day of use is known." in shown


def test_with_two_days_it_is_too_early_and_says_how_much_is_known(wire, key, account, page):
    at = START + 2 * DAY + 6 * HOUR
    reads(account, a_day=600, until=at)
    polled(wire, account, used=1350, at=at)

    shown = text(page(at=at + HOUR))

    assert "Lasts until renewal: too early to say Only 2 days of use are known." in shown
    assert "Lasts until renewal: too early to say; only 2 days of use are known;" in shown


CLOSE = re.compile(r"the cycle is to end between ([\d,]+) left and ([\d,]+) short")


def test_where_enough_is_known_it_is_too_close_and_says_how_close(
    wire, key, account, page, client, url
):
    """The wrong reading: "too early" on day 25 of 30, as if nothing were known yet."""
    at = START + 25 * DAY
    reads(account, a_day=500, until=at, included_credits=15_000)
    polled(wire, account, used=12_500, at=at, includedCredits=15_000)
    found = standing(Account.objects.select_related("outlook").get(pk=account.pk), at=at).outlook
    end = found.used_at_end

    shown = text(page(at=at + HOUR))
    with time_machine.travel(at + HOUR, tick=False):
        team = text(client.get("/teams/acme/"))
        why = text(client.get(f"/teams/acme/explain/runs-out/{account.pk}/"))
        forecast = client.get(f"/api/v1{url}forecast").json()

    assert found.included.verdict == Verdict.TOO_EARLY and found.known_days > 20
    said = {CLOSE.search(one.replace("The c", "the c")).groups() for one in (shown, team)}
    assert said == {(f"{15_000 - end.low:,}", f"{end.high - 15_000:,}")}
    assert "Lasts until renewal: too close to say The cycle is to end" in shown
    assert "Lasts until renewal: too close to say; the cycle is to end" in team
    assert "too close to say" in why
    assert forecast["included"]["verdict"] == "too early to say"


def test_what_is_unknown_is_unknown_and_what_is_spent_is_no(wire, key, account, page):
    reads(account, a_day=1000, prepaid_credits=None)
    wire.say = lambda query, secret: Answer(
        {
            **usage(app=18_500, api=0, remainingIncludedCredits=0, prepaidCredits="many"),
            "prepaidCredits": None,
        }
    )
    poll(account, at=AT)

    shown = text(page())

    assert "Included credits Lasts until renewal: no Nothing is left." in shown
    assert "Everything spendable Lasts until renewal: unknown" in shown


def test_the_chart_has_the_median_dashed_and_a_band_to_the_renewal(wire, key, account, page):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)

    chart = page("this-cycle.json").json()
    ahead = [one for one in chart["series"] if one["role"] == "forecast"]

    low, high, median = ahead
    assert (low["stack"], high["stack"], median["stack"]) == ("band", "band", None)
    assert median["dashed"] and median["data"][0] == {"x": AT.isoformat(), "y": 6500}
    assert {one["data"][-1]["x"] for one in ahead} == {END.isoformat()}
    for a, m, b in zip(low["data"], median["data"], high["data"], strict=True):
        assert 0 <= a["y"] <= m["y"] <= b["y"] <= 6500
    assert chart["table"]["rows"][-1][0].endswith("(forecast)")


def test_a_past_cycle_has_no_forecast(wire, key, account, page):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)

    chart = page("this-cycle.json", at=END + DAY).json()

    assert not [one for one in chart["series"] if one["role"] == "forecast"]


def test_no_page_forecasts_the_team_s_list_costs_two_queries(
    wire, key, account, django_assert_num_queries
):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)

    with django_assert_num_queries(2):
        (found,) = standings(account.team, at=AT)

    assert found.runs_out is not None and found.outlook.rates.cycle == pytest.approx(1000, rel=0.01)


def test_the_overview_names_the_range_in_which_credits_run_out(wire, key, account, client, victor):
    reads(account, a_day=1000)
    polled(wire, account, used=12_000)

    with time_machine.travel(AT + timedelta(minutes=3), tick=False):
        client.force_login(victor)
        shown = text(client.get("/teams/acme/"))

    assert "6,500 of 18,500 included credits are left. They run out before the renewal:" in shown
    assert re.search(r"Lasts until renewal: no, (on|between) ", shown)


NOV = [datetime(2026, 11, day, 12, tzinfo=UTC) for day in range(1, 31)]


@pytest.mark.parametrize(
    ("early", "median", "late", "said"),
    [
        (NOV[23], NOV[25], NOV[28], "between 24 and 29 Nov, most likely 26 Nov"),
        (NOV[23], NOV[23], NOV[23], "on 24 Nov"),
        (
            NOV[28],
            NOV[29],
            NOV[29] + 3 * DAY,
            "between 29 Nov and 3 Dec, most likely 30 Nov",
        ),
        (NOV[23], NOV[25], None, "from 24 Nov on, most likely 26 Nov, or only after the renewal"),
        (NOV[23], None, None, "perhaps from 24 Nov on, more likely only after the renewal"),
        (None, None, None, ""),
    ],
)
def test_a_range_is_said_in_words(early, median, late, said):
    one = RunOut(early, median, late, 0.5, Verdict.TOO_EARLY)

    assert forecast_text.when(one, UTC_ZONE, at=AT) == said


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (None, ("unknown", "")),
        (0.0, ("0", "credits a day")),
        (0.4, ("less than 1", "credit a day")),
        (1.2, ("1", "credit a day")),
        (12.6, ("13", "credits a day")),
    ],
)
def test_a_rate_is_a_whole_number_of_credits_less_than_one_or_unknown(rate, said):
    found = Forecast(AT, AT, outlook.Rates(rate, None, 12.9), 3.0, None)

    today, cycle, allowance, _at_renewal = forecast_text.rates(found)

    assert (today.value, today.unit) == said
    assert cycle.value == "unknown"
    assert allowance.value == "12"  # Never rounded up.
