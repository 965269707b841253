"""`GET /api/membership-usage` from our rows: every mode says what RemBG would (contract 2)."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from dashboard.keys.models import Account
from dashboard.rembg.usage import Month
from dashboard.usage.models import Cycle, Snapshot
from dashboard.usage.polling.ask import poll, read_cycles, read_month
from tests.conftest import add_key
from tests.gateway.conftest import issued

MODES = [
    {},
    {"expand": "billing_cycle"},
    {"expand": "other,billing_cycle"},
    {"includeBillingCycle": "1"},
    {"includeBillingCycle": "TRUE"},
    {"includeBillingCycle": "0"},
    {"expand": "cycles"},
    {"listBillingCycles": "1"},
    {"listBillingCycles": "true", "year": "nonsense", "periodStartUnix": "1"},
]


# What RemBG's own answer does not have.
OURS = ("virtualKey", "sinceReading")


def read_everything(account, *, at=None):
    """Let the poller see the running cycle, the list of cycles and two months.

    The running one by its name: near a month's end nobody can say which one RemBG's "now" meant.
    """
    at = (at or timezone.now()).astimezone(UTC)
    poll(account, at=at)
    read_cycles(account, at=at)
    for month in (at.replace(day=1) - timedelta(days=1), at):
        read_month(account, Month(month.year, month.month), at=at)
    account.refresh_from_db()
    return account


def ask(client, secret, **query):
    return client.get("/api/membership-usage", query, headers={"x-api-key": secret})


def document(answer):
    assert answer.status_code == 200, answer.content
    assert answer["X-Credits-Charged"] == "0"
    return answer.json()


@pytest.fixture
def read(stopped, key, account):
    """The account, as the poller has just read it; here, too, time stands still."""
    with time_machine.travel(stopped, tick=False):
        yield read_everything(account)


@pytest.fixture
def unreachable(settings):
    """From here on nobody answers upstream, so an answer can only come from our rows."""

    def cut_off():
        settings.REMBG_API_URL = settings.REMBG_SITE_URL = "http://127.0.0.1:9"

    return cut_off


@pytest.mark.parametrize("query", MODES, ids=lambda query: "&".join(query) or "plain")
def test_it_says_what_rembg_says(client, sandbox, read, secret, unreachable, query):
    theirs = sandbox.get("/api/membership-usage", "sandbox-premium", **query)
    unreachable()

    ours = document(ask(client, secret, **query))

    for name in OURS:
        assert (ours.pop(name, None) is None) == ("billingCycles" in ours)
    assert ours == theirs


def test_a_window_that_was_is_what_rembg_says(client, sandbox, read, secret):
    """Of a past window only its allowance is not known: RemBG tells today's (contract 2)."""
    listed = document(ask(client, secret, listBillingCycles=1))["billingCycles"]
    assert len(listed) == 14

    for cycle in listed:
        start = cycle["periodStartUnix"]
        for query in ({}, {"expand": "billing_cycle"}):
            ours = document(ask(client, secret, periodStartUnix=start, **query))
            theirs = sandbox.get(
                "/api/membership-usage", "sandbox-premium", periodStartUnix=start, **query
            )
            assert (ours["app_usage"], ours["api_usage"]) == (
                theirs["app_usage"],
                theirs["api_usage"],
            )
            if query:
                known = {k: v for k, v in ours["billingCycle"].items() if v is not None}
                assert known.items() <= theirs["billingCycle"].items()
                assert set(ours["billingCycle"]) == set(theirs["billingCycle"])
                assert known["periodEndUnix"] == cycle["periodEndUnix"]


def test_a_month_that_was_read_is_what_rembg_says(client, sandbox, read, secret):
    before = timezone.now().astimezone(UTC).replace(day=1) - timedelta(days=1)
    query = {"year": before.year, "month": before.month}

    theirs = sandbox.get("/api/membership-usage", "sandbox-premium", **query)
    ours = document(ask(client, secret, **query))

    for name in OURS:
        ours.pop(name)
    assert ours == theirs


def test_a_month_that_nobody_read_is_unknown_and_not_nothing(client, read, secret):
    ours = document(ask(client, secret, year=2019, month=2))

    assert (ours["app_usage"], ours["api_usage"]) == (None, None)


def test_a_window_that_nobody_read_is_unknown_and_not_nothing(client, read, secret):
    ours = document(ask(client, secret, periodStartUnix=1_500_000_000, expand="billing_cycle"))

    assert (ours["app_usage"], ours["api_usage"]) == (None, None)
    assert ours["billingCycle"]["periodStartUnix"] == 1_500_000_000
    for name in ("periodEndUnix", "usedIncludedCredits", "remainingIncludedCredits"):
        assert ours["billingCycle"][name] is None


def test_what_rembg_left_out_is_unknown_here_too(client, read, secret):
    Snapshot.objects.update(prepaid_credits=None, included_credits=None, membership="")

    ours = document(ask(client, secret, expand="billing_cycle"))

    assert (ours["membership"], ours["credits"], ours["prepaidCredits"]) == (None, None, None)
    assert ours["billingCycle"]["includedCredits"] is None


@pytest.mark.parametrize(
    "query",
    [
        {"periodStartUnix": "1740441600", "year": "2025"},
        {"periodStartUnix": "1740441600", "month": "2"},
        {"year": "0"},
        {"year": "10000"},
        {"month": "13"},
        {"month": "٣"},
        {"month": "1.5"},
        {"year": ""},
        {"periodStartUnix": "-1"},
        {"periodStartUnix": "soon"},
        {"periodStartUnix": "9" * 40},
        {"month": ["1", "2"]},
    ],
    ids=str,
)
def test_p14_questions_without_a_meaning_are_refused(client, read, secret, query):
    answer = ask(client, secret, **query)

    said = answer.json()
    assert (answer.status_code, said["status"]) == (400, 400)
    assert answer["X-Credits-Charged"] == "0"
    assert said["code"] in ("invalid_fields",)
    assert said["error"]


def test_several_wrong_parameters_are_all_named(client, read, secret):
    said = ask(client, secret, year="x", month="13").json()

    assert said["error"] == "Multiple validation errors"
    assert [each["field"] for each in said["details"]] == ["year", "month"]


def test_the_key_says_what_is_left_of_it(gateway, stage, sandbox, account, mine, key):
    read_everything(account)
    _, secret = issued(mine, hard=5)
    for _ in range(2):
        assert gateway.call(secret).status_code == 200

    answer = gateway.usage(secret, expand="billing_cycle").json()

    account.refresh_from_db()
    last = int(account.cycle_end_at.timestamp()) - 1
    assert answer["virtualKey"] == {"cap": 5, "used": 2, "remaining": 3, "periodEndUnix": last}
    assert answer["billingCycle"]["periodEndUnix"] == last


def test_a_key_without_a_cap_has_no_rest(client, read, secret):
    said = document(ask(client, secret))["virtualKey"]

    assert (said["cap"], said["used"], said["remaining"]) == (None, 0, None)


def test_it_says_as_of_when(client, read, secret):
    asked = Snapshot.objects.order_by("asked_at").values_list("asked_at", flat=True)

    for query in ({}, {"listBillingCycles": 1}):
        answer = ask(client, secret, **query)
        as_of = datetime.fromisoformat(answer["X-As-Of"])
        assert asked[0].replace(microsecond=0) <= as_of <= asked.last()
        assert answer["Cache-Control"] == "private, no-store"


def test_a_failed_poll_leaves_the_last_good_answer(client, read, secret, unreachable):
    before = document(ask(client, secret, expand="billing_cycle"))
    unreachable()
    poll(read, at=timezone.now())

    assert document(ask(client, secret, expand="billing_cycle")) == before


def test_a_list_of_which_only_the_running_cycle_is_known_is_no_list(client, read, secret):
    Snapshot.objects.filter(mode="cycles").delete()

    assert ask(client, secret, listBillingCycles=1).json()["code"] == "not_read_yet"
    assert document(ask(client, secret))["app_usage"] is not None


@pytest.mark.parametrize("query", [{}, {"listBillingCycles": 1}], ids=["usage", "cycles"])
def test_what_was_never_read_is_503_and_not_zero(client, account, secret, query):
    answer = ask(client, secret, **query)

    said = answer.json()
    assert (answer.status_code, said["status"], said["code"]) == (503, 503, "not_read_yet")
    assert int(answer["Retry-After"]) > 0


def test_a_team_without_an_account_is_told(client, mine):
    _, secret = issued(mine)

    answer = ask(client, secret)

    assert (answer.status_code, answer.json()["code"]) == (503, "no_key")


def test_a_key_speaks_of_the_account_that_it_draws_on(client, acme, sandbox, read, mine):
    small = Account.objects.create(team=acme, label="Small")
    add_key(small, "sandbox-free", "Small")
    read_everything(small)
    _, bound = issued(mine, "Bound", account=small)
    _, best = issued(mine, "Best")

    of = {name: document(ask(client, secret)) for name, secret in (("s", bound), ("b", best))}

    free = sandbox.get("/api/membership-usage", "sandbox-free")
    assert of["s"]["membership"] == free["membership"]
    assert of["b"]["membership"] != free["membership"]


def test_no_query_grows_with_the_history(client, read, secret, django_assert_max_num_queries):
    cycles = [
        Cycle(
            account=read,
            kind="stripe",
            start_at=datetime(1990 + n, 1, 1, tzinfo=UTC),
            end_at=datetime(1990 + n, 2, 1, tzinfo=UTC),
            asked_at=timezone.now(),
            first_seen_at=timezone.now(),
        )
        for n in range(20)
    ]
    Cycle.objects.bulk_create(cycles)
    ask(client, secret)

    with django_assert_max_num_queries(8):
        ask(client, secret, expand="billing_cycle")
    with django_assert_max_num_queries(8):
        ask(client, secret, listBillingCycles=1)


def test_head_is_answered_without_a_body(gateway, stage, account, secret, key):
    read_everything(account)
    head = f"HEAD /api/membership-usage HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-key: {secret}\r\n"

    raw = gateway.raw(head.encode() + b"Connection: close\r\n\r\n")

    assert raw.startswith(b"HTTP/1.1 200")
    assert raw.endswith(b"\r\n\r\n")
