"""RemBG's counter = the cycle = its days = its statement: every account and cycle of the demo.

And of a year that was read across the changes of clocks: through fall-backs to calendar months,
unused cycles, late webhooks, renewals that moved and stale answers, with ends that are inferred.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.test import Client, override_settings
from django.utils import timezone

from dashboard.overview import seeding
from dashboard.rembg.parameters import Parameters
from dashboard.teams.models import Membership, Role, Team
from dashboard.usage.add_keys import add_key
from dashboard.usage.polling.thinning import ALL_KEPT, thin
from tests.conftest import WAIT, Sandbox, person, running_sandbox
from tests.demo import rows, seeded
from tests.overview.counted import AFTER, USAGE, Counted, Shown, World, utc, words

pytestmark = pytest.mark.django_db
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# A whole hour that changes twice a year, none that does, half an hour, and half an hour that does.
ZONES = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"]
SEEN = datetime(2026, 11, 20, 10, 20, 30, tzinfo=UTC)
# Nights in which the clocks of one of these zones change, and a month ends.
TURNS = [datetime(2026, *day, tzinfo=UTC) for day in ((3, 29), (4, 4), (10, 3), (10, 25), (10, 31))]
LATER = [
    pytest.param(DAY, "Europe/Berlin", id="hours-and-readings"),
    pytest.param(41 * DAY, "Asia/Kolkata", id="readings-deleted"),
    pytest.param(430 * DAY, "UTC", id="hours-deleted"),
    pytest.param(430 * DAY, "Australia/Lord_Howe", id="hours-deleted-half-an-hour"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What `make demo` left."""
    return seeded(tmp_path_factory)


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker, folder) -> Iterator[Sandbox]:
    """The sandbox as the demo left it, and a database that is as before in the end."""
    with running_sandbox(folder, model=folder / "none.onnx") as sandbox:
        upstream = override_settings(REMBG_API_URL=sandbox.url, REMBG_SITE_URL=sandbox.url)
        with django_db_blocker.unblock(), upstream, transaction.atomic():
            yield sandbox
            transaction.set_rollback(True)


@pytest.fixture(scope="module")
def demo(world, folder) -> World:
    """The demo's own data, as `make demo` made it, with all clocks stopped."""
    call_command("loaddata", str(rows(folder)), verbosity=0)
    secrets = {"Production": "sandbox-premium", "Studio": "sandbox-calendar"}
    made = World(Team.objects.get(slug=seeding.TEAM), world, secrets, timezone.now())
    made.read(at=made.at)
    return made


def moments() -> list[datetime]:
    """Every nine days."""
    return [TURNS[0] - 9 * DAY + n * 9 * DAY for n in range(28)]


def near_turns() -> list[datetime]:
    """Every five hours around the nights in which something turns."""
    return [turn + n * 5 * HOUR for turn in TURNS for n in range(-6, 7)]


YEAR = {
    "Switch": "sandbox-switch",
    "Idle": "sandbox-idle",
    "Late": "sandbox-late",
    "Upgrade": "sandbox-upgrade",
    "Stale": "sandbox-stale",
}
# So long after a renewal the webhook that comes a day late is not there yet, and then it is.
AFTER_RENEWALS = [n * HOUR for n in (1, 9, 20, 25, 30)]
BUSY = datetime(2026, 9, 8, 6, 7, tzinfo=UTC)  # Read each quarter of an hour for a day.
# Read around the nights in which something turns; the others every nine days only.
AT_TURNS = ("Switch", "Upgrade")


def own_moments(made: World) -> Iterator[tuple[datetime, str]]:
    """Yield when an account is read besides, for what makes it special."""
    late = made.counted(made.team.accounts.get(label="Late"))
    for one in late:
        yield from ((utc(one.start) + after, "Late") for after in AFTER_RENEWALS)
    yield from ((BUSY + n * HOUR / 4, "Stale") for n in range(24 * 4))


@pytest.fixture(scope="module")
def year(world) -> World:
    """Accounts that were read since March, each of which is awkward in its own way."""
    team = Team.objects.create(name="Year", slug="year")
    owner = person("yves")
    Membership.objects.create(user=owner, team=team, role=Role.OWNER)
    first, *others = moments()
    made = World(team, world, YEAR, SEEN, first)
    made.set_clocks(SEEN)
    made.set_clocks(first)
    for label, secret in YEAR.items():
        add_key(team, label=label, secret=secret, account_label=label, by=owner, at=first)
    made.set_clocks(SEEN)
    turning = [(moment, label) for moment in near_turns() for label in AT_TURNS]
    own = [one for one in (*own_moments(made), *turning) if first < one[0] < SEEN]
    shared = [(moment, label) for moment in others for label in YEAR]
    for moment, label in sorted({*own, *shared}):
        made.poll_one(label, at=moment)
    made.read(at=SEEN)
    return made


def shown(world: World, account, *, zone: str = "UTC") -> Shown:
    """Sign an owner in, with the team in a zone."""
    world.team.time_zone = zone
    world.team.save()
    client = Client()
    client.force_login(world.team.memberships.get(role=Role.OWNER).user)
    return Shown(client, world.team.accounts.get(pk=account.pk), world.at)


def cycles(world: World) -> list[tuple[Shown, list[Counted]]]:
    return [(shown(world, one), world.counted(one)) for one in world.accounts]


def assert_days_close(world: World, zone: str, *, newest: int = 99) -> int:
    """Compare the days of every cycle with RemBG's counter; return how many cycles there were."""
    count = 0
    for account in world.accounts:
        seen = shown(world, account, zone=zone)
        for one in world.counted(account)[:newest]:
            assert seen.days(one.key) == (one.app, one.api), (zone, one)
            count += 1
    return count


def assert_history_closes(world: World, zone: str) -> None:
    """Compare what programs are told of a year's days with RemBG's counters of its cycles."""
    for account in world.accounts:
        counted = world.counted(account)[:12]
        summed = shown(world, account, zone=zone).history(utc(counted[-1].start))
        assert summed == {
            counted[0].kind: (sum(one.app for one in counted), sum(one.api for one in counted))
        }


def assert_everything_says(world: World, *, newest: int = 99, each: int = 1) -> None:
    """Compare rows, page, charts and statements with RemBG's counters.

    Pages and statements are asked for every second of the newest cycles with `each=2`.
    """
    for seen, counted in cycles(world):
        assert seen.rows() == Counter(counted)
        for one in counted[:newest:each]:
            assert seen.said(one.key) == (one.app, one.api, one.used)
            assert seen.statement(one.key) == one.used
        of_newest = [one.used for one in counted if one.kind == counted[0].kind]
        assert seen.runs() == of_newest[:13]
        for kind in {one.kind for one in counted}:
            mine = [one for one in counted[::-1] if one.kind == kind]
            assert seen.cut(kind) == [one.used for one in mine]
            columns = seen.columns(kind)
            assert columns.pop(None, (None, None)) == (None, None)
            assert columns == {one.key: (one.app, one.api) for one in mine}


def test_page_charts_api_and_statement_say_upstreams_counter_of_every_cycle_of_the_demo(demo):
    assert all(len(demo.counted(one)) > 12 for one in demo.accounts)

    assert_everything_says(demo)


@pytest.mark.parametrize("zone", ZONES)
def test_the_days_of_every_cycle_of_the_demo_add_up_to_upstreams_counter(demo, zone):
    assert assert_days_close(demo, zone) > 26


def test_the_demo_was_read_through_the_cycles_that_the_running_one_is_compared_with(demo):
    for account in demo.accounts:
        seen, counted = shown(demo, account), demo.counted(account)
        closed = [one for one in counted if one.last < demo.at.timestamp()]
        chart = seen.get(f"{seen.page}compare.json").json()
        page = words(seen.get(f"{seen.page}compare/").text)

        assert "unknown" not in page
        for line, one in zip(chart["series"][1:], closed, strict=False):
            known = [used for used in line["data"] if used is not None]
            days = round((one.last + 1 - one.start) / DAY.total_seconds())
            assert len(known) >= days and known == sorted(known) and known[-1] == one.used
        assert len(chart["series"]) == 4


def test_what_is_old_in_the_demo_is_thinned_as_the_product_does(demo):
    for account in demo.accounts:
        old = account.snapshots.filter(asked_at__lt=demo.at - ALL_KEPT - DAY)
        before = set(old.values_list("pk"))

        assert account.thinning.until_at and before
        assert thin(account, at=demo.at) == 0
        assert set(old.values_list("pk")) == before


def test_the_demo_tells_of_credits_bought_and_of_a_plan_changed(demo):
    production, studio = (shown(demo, one) for one in demo.accounts)

    marks = production.get(f"{production.page}days.json", span="90").json()["marks"]
    assert [one["label"] for one in marks if one["role"] == "topup"] == ["Top-up: +1,000"]
    marks = studio.get(f"{studio.page}days.json", span="90").json()["marks"]
    told = {one["label"] for one in marks if one["role"] == "plan"}
    assert told == {"Plan: Premium-5000", "Allowance: 5,000"}


def test_the_demo_leaves_the_sandbox_with_the_plan_and_credits_that_it_had(demo):
    answers = [demo.sandbox.get(USAGE, secret) for secret in demo.secrets.values()]

    said = [(one["membership"], one["credits"], one["prepaidCredits"]) for one in answers]
    assert said == [("Premium-20000", 18_500, 2_000), ("Premium-5000", 5_000, 500)]


def test_seeding_the_demo_again_adds_nothing(demo):
    before = everything(demo)

    call_command("seeddemo", stdout=io.StringIO())

    assert everything(demo) == before


def everything(demo: World) -> list[int]:
    accounts = demo.accounts
    counts = [one.snapshots.count() + one.cycles.count() + one.prices.count() for one in accounts]
    return [*counts, demo.team.removals.count(), demo.team.api_keys.count()]


@pytest.mark.parametrize("zone", ZONES)
def test_days_to_programs_add_up_to_a_year_of_upstreams_counters(demo, zone):
    assert_history_closes(demo, zone)


@pytest.mark.parametrize(("later", "zone"), LATER)
def test_thinned_the_days_of_the_demo_still_add_up(demo, later, zone):
    for account in demo.accounts:
        thin(account, at=demo.at + later)

    assert assert_days_close(demo, zone) > 26


def test_removals_of_ours_and_of_others_and_a_correction_leave_every_sum_closed(demo):
    seen = [shown(demo, one) for one in demo.accounts]
    running = [demo.counted(one)[0] for one in demo.accounts]
    before = sum(one.through(cycle.key) for one, cycle in zip(seen, running, strict=True))
    charged = sum(len(demo.sandbox.ledger(secret)) for secret in demo.secrets.values())
    assert before == charged == len(seeding.REMOVALS)

    moved = demo.moved(HOUR)
    ours = seeding.Wanted("mug.jpg", "member", Parameters(format="png"), "shop")
    with time_machine.travel(moved.at - HOUR / 2):
        seeding.send(demo.team, ours, nonce="one-more", at=timezone.now())
        seeding.finish_removals(demo.team)
    with (seeding.PICTURES / "mug.jpg").open("rb") as image:
        call = {"files": {"image": image}, "headers": {"x-api-key": "sandbox-premium-2"}}
        requests.post(f"{demo.sandbox.url}/rmbg", **call, timeout=WAIT).raise_for_status()
    demo.sandbox.set_account("sandbox-calendar", app_usage=running[1].app + 70)
    moved.read(at=moved.at)
    demo.sandbox.set_account("sandbox-premium", api_usage=running[0].api - 40)
    for _ in range(4):  # A counter that stays down is a correction (D18).
        moved = moved.moved(HOUR / 4)
        moved.read(at=moved.at)

    assert_everything_says(moved, newest=2)
    for zone in ZONES:
        assert assert_days_close(moved, zone, newest=2) == 4
    assert_history_closes(moved, "UTC")


@pytest.mark.parametrize("zone", [zone for zone in ZONES if zone != "UTC"])
def test_a_year_of_readings_across_changes_of_the_clock_adds_up(year, zone):
    assert assert_days_close(year, zone) > 5 * 10


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        pytest.param("Europe/Berlin", "2026-03-29", 23, id="spring"),
        pytest.param("Europe/Berlin", "2026-10-25", 25, id="autumn"),
        pytest.param("Australia/Lord_Howe", "2026-04-05", 24.5, id="half-an-hour"),
        pytest.param("Australia/Lord_Howe", "2026-10-04", 23.5, id="half-an-hour-less"),
    ],
)
def test_the_day_of_a_change_of_the_clock_is_among_those_that_add_up(year, zone, day, hours):
    [one] = shown(year, year.accounts[0], zone=zone).use(day)

    length = datetime.fromisoformat(one["end_at"]) - datetime.fromisoformat(one["start_at"])
    assert length == hours * HOUR
    assert one["app_usage"] is not None and one["api_usage"] is not None


def test_a_year_that_fell_back_to_calendar_months_is_upstreams_in_every_place(year):
    assert {one.kind for one in year.counted(year.accounts[0])} == {"stripe", "calendar"}

    assert_everything_says(year, each=2)


def test_d15_months_add_up_to_what_the_cycles_of_all_accounts_used(year):
    used = sum(one.used for account in year.accounts for one in year.counted(account))

    assert shown(year, year.accounts[0]).months() == (used, {""})


def test_d16_what_was_counted_after_a_renewal_has_a_row_that_says_so(year):
    late = year.team.accounts.get(label="Late")
    seen = shown(year, late)
    closed = [one for one in year.counted(late) if moments()[0] < utc(one.last) < SEEN - DAY]

    for one in closed:
        rows = seen.get(f"{seen.page}days.json", cycle=one.key).json()["table"]["rows"]
        [after] = [row for row in rows if row[-1] == AFTER]
        assert after[3] > 0
    assert len(closed) > 6


def test_d18_a_day_of_answers_of_which_some_are_stale_tell_of_no_correction(year):
    stale = year.team.accounts.get(label="Stale")
    seen = shown(year, stale)

    assert stale.snapshots.filter(outcome="doubted").count() > 2
    assert [seen.corrections(one.key) for one in year.counted(stale)] == [
        [] for _ in year.counted(stale)
    ]


def test_d15_each_cycle_that_was_read_while_it_ran_is_final_and_ends_as_told(year):
    for account in year.accounts:
        seen = shown(year, account)
        told = {one.key: one.last for one in year.counted(account)}
        current = account.snapshots.filter(mode="current", period_start_at__isnull=False)
        read = {
            int(start.timestamp()) for start in current.values_list("period_start_at", flat=True)
        }
        for one in seen.get(f"{seen.api}statements").json()["statements"]:
            assert one["period_end_unix"] == told[one["key"]]
            ended = one["period_end_unix"] < SEEN.timestamp()
            if one["period_start_unix"] in read:
                assert one["is_final"] == ended, (account.label, one)
            assert one["is_final"] <= (one["period_end_source"] in ("told", "shortened"))


def test_a_year_that_was_thinned_adds_up(year):
    for account in year.accounts:
        thin(account, at=year.at + 430 * DAY)

    for zone in ("UTC", "Europe/Berlin"):
        assert assert_days_close(year, zone) > 5 * 10
