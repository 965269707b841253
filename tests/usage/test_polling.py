"""The poller: every reading is a row, and nothing that came wrong replaces what came right."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboard.keys.models import Account
from dashboard.usage.models import CalendarMonth, Cycle, Snapshot
from dashboard.usage.polling import ask
from dashboard.usage.polling.ask import poll
from dashboard.usage.standing import standing
from tests.conftest import add_key
from tests.usage.conftest import END, START, Answer, listed, usage

AT = datetime(2026, 11, 18, 12, 0, tzinfo=UTC)
LATER = AT + timedelta(minutes=15)
PAST = (START - timedelta(days=30), START, 120, 880)


@pytest.fixture
def quiet(account) -> Account:
    """An account of which only the running cycle is due."""
    Account.objects.filter(pk=account.pk).update(cycles_due_at=AT + timedelta(days=1))
    for months in range(12):
        year, month = divmod(2026 * 12 + 10 - months, 12)
        CalendarMonth.objects.create(account=account, year=year, month=month + 1, asked_at=AT)
    account.refresh_from_db()
    return account


def test_a_poll_keeps_what_upstream_said_and_brings_the_cycle_up_to_date(wire, key, account):
    wire.by_mode(current=usage(), cycles=listed(PAST, (START, END, 4200, 5100)))

    snapshot = poll(account, at=AT)

    assert (snapshot.outcome, snapshot.status, snapshot.problems) == ("ok", 200, [])
    assert (snapshot.left, snapshot.prepaid_credits, snapshot.used) == (9200, 2000, 9300)
    assert (snapshot.asked_at, snapshot.query) == (AT, "expand=billing_cycle")
    assert '"membership"' in snapshot.raw
    cycles = Cycle.objects.oldest_first().values_list(
        "kind", "start_at", "end_at", "app_usage", "api_usage", "included_credits"
    )
    assert list(cycles) == [
        ("stripe", *PAST, None),
        ("stripe", START, END, 4200, 5100, 18500),
    ]
    account.refresh_from_db()
    assert account.spendable_credits == 11200


def test_the_top_level_counters_are_the_months_and_never_the_cycles(wire, key, quiet):
    CalendarMonth.objects.filter(month=11).delete()

    snapshot = poll(quiet, at=AT)

    month = CalendarMonth.objects.get(year=2026, month=11)
    assert (month.app_usage, month.api_usage) == (8500, 10000)
    assert (snapshot.app_usage, snapshot.api_usage) == (4200, 5100)


def test_a_poll_is_at_most_two_requests(wire, key, account):
    wire.by_mode(current=usage(), cycles=listed(PAST))

    for minutes in range(0, 45, 15):
        before = len(wire.asked)
        account.refresh_from_db()
        poll(account, at=AT + timedelta(minutes=minutes))
        assert len(wire.asked) - before <= 2

    assert wire.modes == ["current", "cycles", "current", "month", "current", "month"]


GOOD = usage()
BAD = [
    pytest.param(b"[" * 200_000, "invalid", id="D3-deep"),
    pytest.param(b"[]", "invalid", id="D3-list"),
    pytest.param(b'"hello"', "invalid", id="D3-text"),
    pytest.param(b"", "invalid", id="D3-empty"),
    pytest.param(b"<html>maintenance</html>", "invalid", id="F10-html"),
    pytest.param({"membership": "Free"}, "invalid", id="D2-no-block"),
    pytest.param({**GOOD, "billingCycle": None}, "invalid", id="D2-null-block"),
    pytest.param(
        usage(app=..., api=..., usedIncludedCredits=None, remainingIncludedCredits="x"),
        "invalid",
        id="D2-no-counters",
    ),
    pytest.param(b'{"billingCycle": {"appUsage": NaN, "apiUsage": 1e999}}', "invalid", id="D2-nan"),
    pytest.param(Answer({"error": "boom", "status": 500}, 500), "failed", id="F22-500"),
    pytest.param(Answer(b"<h1>Bad gateway</h1>", 502), "failed", id="F22-html"),
    pytest.param(Answer(b"", 302, {"Location": "http://127.0.0.1:9/"}), "failed", id="F23"),
    pytest.param(Answer(b"{}", headers={"Content-Length": "99"}), "failed", id="F7-short-body"),
    pytest.param(
        Answer({"error": "You're making requests too quickly", "status": 429}, 429),
        "failed",
        id="F17-429",
    ),
]


@pytest.mark.parametrize(("answer", "outcome"), BAD)
def test_a_bad_reading_is_a_row_and_the_last_good_one_stays_marked_stale(
    wire, key, quiet, answer, outcome
):
    poll(quiet, at=AT)
    quiet.refresh_from_db()
    before = list(Cycle.objects.values())
    months = list(CalendarMonth.objects.values())
    wire.always(answer) if not isinstance(answer, Answer) else setattr(
        wire, "say", lambda query, key: answer
    )

    snapshot = poll(quiet, at=LATER)

    assert snapshot.outcome == outcome
    assert Snapshot.objects.filter(mode="current").count() == 2
    now = standing(quiet, at=LATER)
    assert (now.remaining, now.prepaid, now.used) == (9200, 2000, 9300)
    assert now.stale and now.stale_since == AT
    assert list(Cycle.objects.values()) == before
    assert list(CalendarMonth.objects.values()) == months
    quiet.refresh_from_db()
    assert (quiet.failed_polls, quiet.spendable_credits) == (1, 11200)


PARTIAL = [
    pytest.param({"prepaidCredits": ...}, {"prepaid": 2000}, id="D2-missing"),
    pytest.param({"appUsage": "4200"}, {"used": 9300, "remaining": 9200}, id="D2-text"),
    pytest.param({"appUsage": True}, {"used": 9300, "app_usage": None}, id="D2-true"),
    pytest.param({"appUsage": 1.5}, {"app_usage": None, "remaining": 9200}, id="D2-fraction"),
    pytest.param({"appUsage": -1}, {"app_usage": None, "remaining": 9200}, id="D2-negative"),
    pytest.param({"appUsage": 10**12}, {"app_usage": None, "remaining": 9200}, id="D2-huge"),
    pytest.param(
        {
            "appUsage": 100,
            "apiUsage": 200,
            "includedCredits": 1500,
            "remainingIncludedCredits": 1700,
        },
        {"used": 300, "remaining": 1700, "included": 1500},
        id="D1-D10-more-left-than-included",
    ),
    pytest.param(
        {"remainingIncludedCredits": None}, {"remaining": 9200, "used": 9300}, id="D2-formula"
    ),
    pytest.param({"periodStartUnix": None}, {"window": None, "used": 9300}, id="D5-no-start"),
    pytest.param(
        {"periodEndUnix": int(START.timestamp()) - 60}, {"window": None}, id="D5-ends-before"
    ),
]


@pytest.mark.parametrize(("fields", "known"), PARTIAL)
def test_a_partly_wrong_reading_shows_what_it_knows_with_a_note(wire, key, quiet, fields, known):
    wire.always(usage(**fields))

    snapshot = poll(quiet, at=AT)

    assert snapshot.outcome == "partial" and snapshot.problems
    now = standing(quiet, at=AT)
    assert {name: getattr(now, name) for name in known} == known
    assert now.problems and not now.stale


def test_d13_unknown_fields_stay_in_the_raw_answer_only(wire, key, quiet):
    wire.always({**usage(), "moon": "full"})

    snapshot = poll(quiet, at=AT)

    assert snapshot.outcome == "ok" and '"moon"' in snapshot.raw


def test_d4_a_field_that_came_twice_is_flagged(wire, key, quiet):
    wire.always(b'{"credits": 1, "credits": 2, "billingCycle": {"appUsage": 1, "apiUsage": 2}}')

    snapshot = poll(quiet, at=AT)

    assert "duplicate_key" in {problem["code"] for problem in snapshot.problems}


def test_d4_a_cycle_listed_twice_is_one_row(wire, key, account):
    wire.by_mode(current=usage(), cycles=listed(PAST, PAST))

    poll(account, at=AT)

    assert Cycle.objects.filter(start_at=PAST[0]).count() == 1


def test_d5_odd_windows_are_stored_and_flagged(wire, key, account):
    far = datetime(1970, 1, 1, 0, 0, 5, tzinfo=UTC)
    ahead = datetime(2100, 1, 1, 0, 0, 5, tzinfo=UTC)
    month = timedelta(days=30)
    wire.by_mode(
        current=usage(),
        cycles=listed(
            (far, far + month, 1, 1),
            (ahead, ahead + month, 1, 1),
            (START - month, START + timedelta(days=2), 5, 5),
            (START - 5 * month, START - 6 * month, 3, 3),
        ),
    )

    poll(account, at=AT)

    flags = {cycle.start_at: cycle.flags for cycle in Cycle.objects.all()}
    assert flags == {
        far: ["far_year"],
        ahead: ["far_year"],
        # What a list says of ends is a bound and no fact (D15): it makes no window odd.
        START - month: [],
        START: [],
        START - 5 * month: [],
    }


def test_d6_a_slow_older_answer_never_replaces_a_newer_one(wire, key, quiet):
    wire.always(usage(app=5000, remainingIncludedCredits=8400))
    poll(quiet, at=LATER)
    wire.always(usage(app=4000, remainingIncludedCredits=10900, includedCredits=20000))

    older = poll(quiet, at=AT)

    assert older.outcome == "ok"
    assert standing(quiet, at=LATER).remaining == 8400
    cycle = Cycle.objects.get(start_at=START)
    assert (cycle.app_usage, cycle.included_credits) == (5000, 18500)
    quiet.refresh_from_db()
    assert quiet.spendable_credits == 10400


def test_d7_usage_that_stays_down_is_believed_with_the_fourth_reading(wire, key, quiet):
    poll(quiet, at=AT)
    wire.always(usage(app=4000, remainingIncludedCredits=9400))
    used = []

    for number in range(4):
        at = LATER + number * timedelta(minutes=15)
        poll(quiet, at=at)
        used.append(standing(quiet, at=at).used)

    assert used == [9300, 9300, 9300, 9100]
    assert Cycle.objects.get().app_usage == 4000
    assert set(Snapshot.objects.values_list("outcome", flat=True)) == {"ok"}


def test_d8_falling_back_to_calendar_months_starts_a_series_of_its_own(wire, key, quiet):
    november = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    poll(quiet, at=AT)
    wire.always(usage(start=november[0], end=november[1], app=10, stripeBillingSynced=False))
    poll(quiet, at=LATER)
    assert standing(quiet, at=LATER).window.kind == "calendar"
    wire.always(usage(app=4300))

    poll(quiet, at=LATER + timedelta(minutes=15))

    found = Cycle.objects.oldest_first().values_list("kind", "start_at", "app_usage")
    assert list(found) == [("calendar", november[0], 10), ("stripe", START, 4300)]


def test_a_kind_that_upstream_told_outlives_the_guess_from_the_windows_shape(wire, key, account):
    month = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)
    wire.by_mode(
        current=usage(start=month[0], end=month[1], stripeBillingSynced=True),
        cycles=listed((*month, 4200, 5100)),
    )

    poll(account, at=AT)

    assert [(cycle.kind, cycle.kind_guessed) for cycle in Cycle.objects.all()] == [
        ("stripe", False)
    ]


def test_d9_a_new_allowance_counts_for_the_running_cycle(wire, key, quiet):
    poll(quiet, at=AT)
    wire.always(usage(includedCredits=40000, remainingIncludedCredits=30700))

    poll(quiet, at=LATER)

    assert Cycle.objects.get().included_credits == 40000


def test_d11_a_list_of_ten_thousand_cycles_is_cut_at_500(wire, key, account):
    hour = timedelta(hours=1)
    first = datetime(2020, 1, 1, 0, 0, 1, tzinfo=UTC)
    many = [(first + n * hour, first + (n + 1) * hour, 1, 1) for n in range(10_000)]
    wire.by_mode(current=usage(), cycles=listed(*many))

    poll(account, at=AT)

    assert Cycle.objects.count() == 501
    assert len(Snapshot.objects.get(mode="cycles").raw.encode()) <= 16 * 1024


def test_a_listed_counter_that_is_unknown_does_not_wipe_out_a_known_one(wire, key, account):
    wire.by_mode(current=usage(), cycles=listed(PAST))
    poll(account, at=AT)
    broken = {"billingCycles": [{**listed(PAST)["billingCycles"][0], "appUsage": None}]}
    wire.by_mode(current=usage(), cycles=broken)

    ask.read_cycles(account, at=LATER)

    assert Cycle.objects.get(start_at=PAST[0]).app_usage == 120


def test_f15_a_refused_key_makes_way_for_the_next_and_is_paused_after_two(wire, account, quiet):
    bad, good = (add_key(account, f"secret-{name}", name) for name in ("bad", "good"))
    refusal = Answer({"error": "invalid api key", "status": 401}, 401)
    wire.say = lambda query, key: refusal if key == "secret-bad" else Answer(usage())

    first = poll(quiet, at=AT)
    quiet.refresh_from_db()

    assert first.outcome == "ok" and first.api_key == good
    assert Snapshot.objects.get(api_key=bad).error == "bad_key"
    bad.refresh_from_db()
    assert bad.refusals == 1 and bad.paused_at is None
    good.archive(at=AT)
    poll(quiet, at=LATER)
    bad.refresh_from_db()
    assert bad.paused_at is not None
    asked = len(wire.asked)
    third = poll(quiet, at=LATER + timedelta(minutes=15))
    assert third.error == "no_usable_key" and len(wire.asked) == asked


def test_f16_an_unverified_account_is_told_as_such(wire, key, quiet):
    text = "Email address not verified – please check your inbox"
    wire.always({"error": text, "status": 403}, status=403)

    assert poll(quiet, at=AT).error == "unverified"


LIMITS = [
    pytest.param(
        "You're making requests too quickly, Please Upgrade or slow down.",
        {"Retry-After": "45"},
        AT + timedelta(seconds=45),
        id="F17",
    ),
    pytest.param(
        "You've reached your daily limit. Please sign up for more access.",
        {},
        datetime(2026, 11, 19, tzinfo=UTC),
        id="F18",
    ),
    pytest.param(
        "You've reached your monthly limit. Consider purchasing more credits.", {}, END, id="F19"
    ),
    pytest.param("No", {}, AT + timedelta(seconds=30), id="F20"),
    pytest.param("too quickly", {"Retry-After": "99999999999"}, AT + timedelta(hours=1), id="F21"),
]


@pytest.mark.parametrize(("text", "headers", "until"), LIMITS)
def test_a_429_rests_the_key(wire, key, quiet, text, headers, until):
    poll(quiet, at=AT - timedelta(minutes=15))
    quiet.refresh_from_db()
    wire.always({"error": text, "status": 429}, status=429, headers=headers)

    snapshot = poll(quiet, at=AT)

    key.refresh_from_db()
    assert snapshot.outcome == "failed"
    assert key.resting_until == until
    quiet.refresh_from_db()
    assert quiet.next_poll_at >= AT + timedelta(seconds=30)


def test_r3_a_resting_key_is_not_asked_again_within_its_pause(wire, key, quiet):
    wire.always({"error": "too quickly"}, status=429, headers={"Retry-After": "3600"})
    poll(quiet, at=AT)
    asked = len(wire.asked)

    again = poll(quiet, at=AT + timedelta(minutes=30))

    assert again.error == "no_usable_key" and len(wire.asked) == asked


def test_f19_a_key_without_credits_is_read_on_and_wakes_when_credits_were_bought(wire, key, quiet):
    poll(quiet, at=AT)
    key.rest(until=END, reason="rate_monthly")
    poll(quiet, at=LATER)
    key.refresh_from_db()
    assert key.resting_until == END
    wire.always(usage(prepaidCredits=5000))

    poll(quiet, at=LATER + timedelta(minutes=15))

    key.refresh_from_db()
    assert key.resting_until is None


def test_f1_nobody_there_is_a_failed_reading(account, key, quiet, settings):
    settings.REMBG_SITE_URL = "http://127.0.0.1:9"

    snapshot = poll(quiet, at=AT)

    assert (snapshot.outcome, snapshot.error, snapshot.status) == ("failed", "unreachable", None)


def test_f26_an_error_text_holds_neither_the_key_nor_control_characters(wire, account, quiet):
    add_key(account, "canary-4f2a-secret")
    text = "no <script> for canary-4f2a-secret \x00‮" + "x" * 999
    wire.always({"error": text, "status": 400}, status=400)

    snapshot = poll(quiet, at=AT)

    assert "canary" not in snapshot.message + snapshot.raw
    assert "\x00" not in snapshot.message and len(snapshot.message) <= 300


def test_f27_a_clock_that_differs_is_noted(wire, key, quiet):
    wire.always(usage(), headers={"Date": "Mon, 16 Nov 2026 12:00:00 GMT"})

    snapshot = poll(quiet, at=AT)

    assert snapshot.clock_skew_seconds


def test_k15_locked_keys_are_a_failed_reading_and_nothing_is_asked(wire, key, quiet, settings):
    settings.ENCRYPTION_KEYS = ["k1:MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="]

    snapshot = poll(quiet, at=AT)

    assert snapshot.error == "key_locked" and wire.asked == []


@pytest.mark.django_db(transaction=True)
def test_nothing_is_asked_inside_a_transaction(wire, key, account, no_network_in_atomic):
    poll(account, at=AT)

    assert no_network_in_atomic and not any(no_network_in_atomic)


def test_a_past_window_can_be_read_and_takes_over_no_allowance(wire, key, quiet):
    snapshot = ask.read_window(quiet, PAST[0], at=AT)

    assert wire.asked[0][0]["periodStartUnix"] == str(int(PAST[0].timestamp()))
    assert snapshot.mode == "window" and not Cycle.objects.exists()


@pytest.mark.parametrize(
    ("body", "accepted"),
    [
        pytest.param("<html>portal</html>", False, id="F10-html"),
        pytest.param(usage(), True, id="good"),
    ],
)
def test_only_an_answer_of_rembg_says_that_it_accepts_the_key(wire, key, quiet, body, accepted):
    wire.always(body.encode() if isinstance(body, str) else body)

    poll(quiet, at=AT)

    key.refresh_from_db()
    assert bool(key.accepted_at) is accepted
