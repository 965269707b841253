"""Our removals since a reading (promises D21): counted once, read soon, RemBG not asked more."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.utils import timezone

from dashboard.keys.models import Account, ApiKey
from dashboard.rembg import errors
from dashboard.removals.models import Charged, Removal, State
from dashboard.usage import add_keys, tasks
from dashboard.usage.models import CalendarMonth, Snapshot
from dashboard.usage.polling import schedule
from dashboard.usage.polling.ask import PollTurn, poll
from dashboard.usage.standing import standing
from tests.conftest import NOON, add_key
from tests.rembg.hostile import Line, http
from tests.usage.hours import MINUTE, Hour, Query

SECOND = timedelta(seconds=1)


def sent(account: Account, **facts: object) -> Removal:
    """Return a removal whose picture is at RemBG."""
    now = timezone.now()
    values = {
        "team": account.team,
        "account": account,
        "member": "Mel",
        "nonce": uuid.uuid4().hex,
        "filename": "mug.png",
        "picture_type": "image/png",
        "picture_bytes": 10,
        "width": 4,
        "height": 3,
        "state": State.SENDING,
        "charged": Charged.UNKNOWN,
        "attempt": uuid.uuid4(),
        "queued_at": now,
        "not_before_at": now,
        "sending_at": now,
        "keep_until": now,
    }
    return Removal.objects.create(**(values | facts))


def remove(account: Account, count: int = 1) -> None:
    """Let removals end as charged now."""
    for _ in range(count):
        assert sent(account).finish(at=timezone.now(), result="results/1/x.png")


def since(account: Account) -> int:
    known = Account.objects.select_related("same_as", "outlook").get(pk=account.pk)
    return standing(known, at=timezone.now()).since


def counted(account: Account) -> int:
    return Account.objects.get(pk=account.pk).removed_credits


def next_poll(account: Account):
    return Account.objects.get(pk=account.pk).next_poll_at


def test_d21_a_removal_is_counted_once_however_often_it_is_finished(account):
    removal = sent(account)
    elsewhere = Removal.objects.get(pk=removal.pk)

    ended = [each.finish(at=NOON, result="results/1/x.png") for each in (removal, elsewhere)]

    assert (ended, counted(account)) == ([True, False], 1)
    assert removal.end(errors.OutcomeUnknown(), at=NOON) is False
    assert counted(account) == 1


@pytest.mark.parametrize(
    ("error", "credits"),
    [
        pytest.param(errors.NotStored(), 1, id="cost-a-credit"),
        pytest.param(errors.Unreachable(), 0, id="cost-nothing"),
        pytest.param(errors.OutcomeUnknown(), 0, id="nobody-knows"),
    ],
)
def test_d21_a_removal_that_failed_is_counted_where_it_was_charged(account, error, credits):
    removal = sent(account)

    assert removal.end(error, at=NOON)
    removal.end(error, at=NOON)

    assert counted(account) == credits


def test_d21_a_doubt_that_an_answer_ends_is_counted_then(account):
    removal = sent(account)
    removal.end(errors.OutcomeUnknown(), at=NOON)
    assert counted(account) == 0

    removal.finish(at=NOON, result="results/1/x.png")

    assert counted(account) == 1


@pytest.mark.parametrize("second", [0, 1, 14, 15, 16, 30, 59])
def test_d21_a_reading_follows_a_removal_within_two_minutes(hour, second):
    hour.clock.shift(second * SECOND)
    ended = timezone.now()
    remove(hour.account, 8)
    assert since(hour.account) == 8

    hour.clock.shift(-second * SECOND)
    hour.pass_by(2, every=1)

    assert ended < hour.last_good.asked_at <= ended + 2 * MINUTE
    assert since(hour.account) == 0


def test_d21_without_removals_an_account_keeps_its_pace(hour):
    hour.weather.asked.clear()

    hour.pass_by(60, every=1)

    assert 3 <= len(hour.weather.asked) <= 6


def test_d21_under_steady_removals_an_account_is_asked_twice_a_minute_at_most(hour):
    hour.weather.asked.clear()
    hour.account.refresh_from_db()
    # Lists and months are due, too: two requests each time.
    CalendarMonth.objects.all().delete()
    Account.objects.update(cycles_due_at=timezone.now())

    # More than one worker rings, so that there is a tick each five seconds.
    for _ in range(120):
        hour.clock.shift(5 * SECOND)
        remove(hour.account)
        tasks.poll_due.call_local()

    assert hour.weather.most_in_a_minute() <= 2
    assert len(hour.account.snapshots.good().filter(asked_at__gt=NOON)) >= 8
    assert since(hour.account) <= 24


def neighbour(hour: Hour) -> Account:
    """File another account, read well just now."""
    at = timezone.now()
    made = Account.objects.create(
        team=hour.account.team,
        label="Neighbour",
        next_poll_at=at,
        cycles_due_at=at + timedelta(days=2),
        answered_at=at,
    )
    add_key(made, "other-secret", "Other")
    return made


def test_d21_a_failing_account_is_not_asked_more_often_for_its_removals(hour):
    other, mine = neighbour(hour), "canary-4f2a-secret"

    def ours_alone(line: Line, query: Query) -> None:
        if hour.weather.asked[-1][1] == mine:
            line.send(http(500, b""))
        else:
            hour.weather.well(line, query)

    hour.weather.fault = ours_alone
    hour.weather.asked.clear()
    for _ in range(60):
        remove(hour.account)
        remove(other)
        hour.pass_by(1, every=1)

    asked = Counter(key for _at, key in hour.weather.asked)
    # 0, 15 and 45 minutes after the first failure, and once more as the neighbour is answered.
    assert 2 <= asked[mine] <= 5
    assert asked["other-secret"] >= 30
    assert since(hour.account) >= 60


def test_d21_a_removal_asks_for_no_later_reading_than_was_planned(account):
    soon = NOON + 5 * SECOND
    Account.objects.filter(pk=account.pk).update(next_poll_at=soon)

    sent(account).finish(at=NOON, result="results/1/x.png")

    assert next_poll(account) == soon


@pytest.mark.parametrize("outcome", ["ok", "failed"])
def test_d21_a_removal_during_a_reading_asks_for_another_unless_that_one_fails(
    key, account, outcome
):
    [taken] = schedule.claim_all(schedule.due(at=NOON, limit=1), at=NOON)
    sent(account).finish(at=NOON, result="results/1/x.png")
    assert next_poll(account) == NOON + 45 * SECOND

    schedule.settle(
        taken.account, Snapshot(outcome=outcome, asked_at=NOON), at=NOON, not_before=NOON
    )

    wait = next_poll(account) - NOON
    assert (wait == 45 * SECOND) is (outcome == "ok")
    assert wait == 45 * SECOND or wait > timedelta(minutes=13)


def test_d21_f17_where_the_key_rests_the_reading_waits_for_it_and_fails_not(hour):
    # Read just now: else its own turn may come meanwhile, whatever is removed.
    Account.objects.update(next_poll_at=timezone.now())
    hour.pass_by(1, every=1)
    remove(hour.account)
    ApiKey.objects.get().rest(until=timezone.now() + 5 * MINUTE, reason="rate_short")

    hour.pass_by(4, every=1)

    assert hour.failed() == [] and since(hour.account) == 1
    hour.pass_by(2, every=1)
    assert since(hour.account) == 0


def test_f17_a_key_that_rests_longer_than_a_period_is_a_failed_reading(hour):
    ApiKey.objects.get().rest(until=timezone.now() + timedelta(hours=2), reason="rate_short")

    hour.pass_by(45, every=1)

    assert {one.error for one in hour.failed()} == {"no_usable_key"}


def test_d21_what_ends_before_the_question_is_in_the_answer_and_what_ends_later_is_since(
    wire, key, account
):
    remove(account, 3)  # The account at hand does not know of them.
    steps = PollTurn(account, NOON).steps()
    call = next(steps)
    remove(account, 2)

    with pytest.raises(StopIteration):
        while True:
            call = steps.send(call.make())

    assert (counted(account), since(account)) == (5, 2)


def test_d21_a_reading_of_an_older_release_says_nothing_of_since(wire, key, account):
    poll(account, at=NOON)
    Snapshot.objects.update(removed_credits=None)

    remove(account)

    assert since(account) == 0


def test_d21_a_failed_reading_does_not_end_since(wire, key, account):
    poll(account, at=NOON)
    remove(account)
    wire.always(b"", status=500)

    poll(account, at=NOON + MINUTE)

    assert since(account) == 1


def test_d21_keys_that_are_added_or_replaced_read_what_was_removed_before(sandbox, acme, alice):
    sandbox.set_clock("sandbox-premium", NOON)
    deed = {"by": alice, "at": NOON}
    first = add_keys.add_key(acme, label="One", secret="sandbox-premium", **deed)
    remove(first.account, 3)
    assert since(first.account) == 3

    deed["at"] += MINUTE
    more = {"account": first.account, **deed}
    second = add_keys.add_key(acme, label="Two", secret="sandbox-premium-2", **more)
    assert since(first.account) == 0
    remove(first.account, 2)
    first.key.archive(at=NOON)
    deed["at"] += MINUTE
    add_keys.replace_key(second.key, secret="sandbox-premium", confirmed=True, **deed)

    assert (since(first.account), counted(first.account)) == (0, 5)
