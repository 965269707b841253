"""When a removal is sent again, and when nothing is sent at all (promises 2.6 "Retry", 3, F28)."""

import threading
from collections import Counter
from contextlib import ExitStack
from random import Random

import pytest

from dashboard.rembg import errors
from dashboard.rembg.breaker import LEAST, PAUSE, WINDOW, Breakers
from dashboard.rembg.retry import Allowance, pause


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def pauses(error):
    """Return the pauses before each retry, at most thirty of them."""
    found = []
    while len(found) < 30:
        seconds = pause(error, retries=len(found), random=Random(7))
        if seconds is None:
            break
        found.append(seconds)
    return found


def test_nothing_that_may_have_been_charged_is_sent_again():
    leaves = errors.RembgError.family()
    family = [leaf(status=400 if leaf.sent == "yes" else None) for leaf in leaves]
    never = [error for error in family if error.charged != "no" or not error.retriable]

    assert len(never) > 30
    assert [error for error in never if pauses(error)] == []


@pytest.mark.parametrize("leaf", [errors.Unreachable, errors.ConnectTimeout])
def test_f1_f2_what_was_not_sent_is_tried_three_times_more(leaf):
    found = pauses(leaf())

    assert len(found) == 3
    assert all(0 <= seconds <= 4 for seconds in found)


def test_pauses_differ_from_one_worker_to_the_next():
    found = {pause(errors.Unreachable(), retries=2, random=Random(seed)) for seed in range(9)}

    assert len(found) == 9


NEVER = {
    **{"F3": errors.TlsFailed, "F4": errors.UploadCut, "F5": errors.NoAnswer},
    **{"F6": errors.AnswerTimeout, "F7": errors.ShortAnswer, "F8": errors.CutPicture},
    **{"F9": errors.DeadlinePassed, "F10": errors.WrongAnswer, "F11": errors.AnswerTooLarge},
    **{"F13": errors.UnknownRefusal, "F14": errors.InvalidFields, "F15": errors.BadKey},
    **{"F16": errors.Unverified, "F18": errors.RateDaily, "F19": errors.RateMonthly},
    **{"F22": errors.UpstreamError, "F23": errors.Redirected, "F24": errors.NotHttp},
}


def test_what_is_never_sent_again_whatever_it_says_of_a_pause():
    assert {row: pauses(leaf(retry_after=5)) for row, leaf in NEVER.items()} == {
        row: [] for row in NEVER
    }


def test_a_look_that_may_be_repeated_is_still_no_removal_that_may():
    error = errors.NoAnswer()
    error.retriable = True

    assert pauses(error) == []


def test_f17_a_short_limit_waits_as_long_as_it_says():
    found = pauses(errors.RateShort(status=429, retry_after=40))

    assert len(found) == 30
    assert all(40 <= seconds <= 50 for seconds in found)


def test_f20_an_unknown_limit_is_tried_five_times_with_longer_pauses():
    found = pauses(errors.RateUnknown(status=429, retry_after=30))

    assert len(found) == 5
    assert found == sorted(found)
    assert 30 <= found[0] <= 37.5
    assert found[-1] <= 900


def test_f28_an_open_breaker_is_waited_for():
    assert all(9 <= seconds <= 11.25 for seconds in pauses(errors.BreakerOpen(retry_after=9)))


def test_a_key_has_ten_retries_and_two_more_a_minute():
    clock = Clock()
    allowance = Allowance(clock)

    assert [allowance.take("1") for _ in range(12)] == [True] * 10 + [False] * 2
    assert allowance.take("2")
    assert allowance.wait("1") == 30
    clock.now += 30
    assert allowance.wait("1") == 0
    assert [allowance.take("1") for _ in range(2)] == [True, False]
    clock.now += 10_000
    assert [allowance.take("1") for _ in range(11)] == [True] * 10 + [False]


def test_a_clock_that_goes_back_takes_no_retries_away():
    clock = Clock()
    allowance = Allowance(clock)
    allowance.take("1")
    clock.now -= 500

    assert [allowance.take("1") for _ in range(10)] == [True] * 9 + [False]


def test_fifty_threads_share_ten_retries():
    allowance = Allowance(Clock())
    taken = []

    def take():
        taken.append(allowance.take("1"))

    threads = [threading.Thread(target=take) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(taken) == 10


HOST = "https://one"
TEAM, OTHER_TEAM = ("acme",), ("evil",)
ACCOUNT = ("acme", "main")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breakers(clock):
    return Breakers(clock=clock)


def call(breakers, error=None, owner=ACCOUNT, host=HOST):
    """Make a call that ends so; say whether it passed."""
    try:
        with breakers.watch(host, owner):
            if error:
                raise error
    except errors.BreakerOpen:
        return False
    except (errors.RembgError, KeyboardInterrupt):
        pass
    return True


def note(breakers, *results, owner=ACCOUNT):
    """Let calls end well or not; say how many passed."""
    return sum(call(breakers, None if good else errors.Unreachable(), owner) for good in results)


def open_it(breakers, owner=ACCOUNT):
    note(breakers, *[False] * LEAST, owner=owner)
    assert breakers.held(HOST) == {owner}


def test_f28_it_opens_at_half_of_at_least_twenty(breakers):
    note(breakers, *[True, False] * 9, False)
    assert not breakers.held(HOST)

    note(breakers, True, False)

    assert breakers.held(HOST) == {ACCOUNT}


def test_f28_it_stays_closed_below_half(breakers):
    note(breakers, *[True, True, False] * 30)

    assert not breakers.held(HOST)


def test_f28_failures_older_than_a_minute_are_forgotten(breakers, clock):
    note(breakers, *[False] * (LEAST - 1))
    clock.now += WINDOW
    note(breakers, *[False] * (LEAST - 1))

    assert not breakers.held(HOST)


def test_f28_a_client_of_its_own_has_one_breaker_a_host(breakers):
    open_it(breakers, owner=())

    assert not call(breakers, owner=())
    assert call(breakers, owner=(), host="https://other")


def test_f28_one_probe_every_half_minute(breakers, clock):
    open_it(breakers)

    with pytest.raises(errors.BreakerOpen) as caught, breakers.watch(HOST, ACCOUNT):
        pass
    assert caught.value.retry_after == PAUSE

    for _ in range(3):  # A probe that never comes back blocks nothing.
        clock.now += PAUSE
        assert call(breakers, KeyboardInterrupt())
        assert not call(breakers)


def test_f28_after_a_good_probe_ever_more_pass_and_soon_all(breakers, clock):
    open_it(breakers)
    clock.now += PAUSE
    passed = []
    while breakers.held(HOST):
        passed.append((clock.now, call(breakers)))
        clock.now += 1 / 64

    begun = passed[0][0]
    seconds = Counter(int(at - begun) for at, went in passed if went)
    assert 5 <= seconds[0] < seconds[1] < seconds[2] <= 20
    assert passed[-1][0] - begun <= 3.1
    note(breakers, *[False] * (LEAST - 1))
    assert not breakers.held(HOST), "what was before is forgotten"


@pytest.mark.parametrize("goods", [0, 1, 3])
def test_f28_a_bad_probe_starts_anew(breakers, clock, goods):
    open_it(breakers)
    for good in [*[True] * goods, False]:
        clock.now += PAUSE
        assert note(breakers, good) == 1

    assert note(breakers, True) == 0
    clock.now += PAUSE - 1
    assert note(breakers, True) == 0


def test_f28_what_was_under_way_neither_closes_it_nor_puts_off_the_next_probe(breakers, clock):
    with ExitStack() as early:
        for _ in range(10):
            early.enter_context(breakers.watch(HOST, ACCOUNT))
        open_it(breakers)
        clock.now += PAUSE - 1

    assert breakers.held(HOST)
    assert not call(breakers)
    clock.now += 1
    assert call(breakers)


def test_r14_a_clock_that_goes_back_an_hour_holds_nobody_for_an_hour(breakers, clock):
    open_it(breakers)

    clock.now -= 3600

    assert call(breakers)


def test_r20_one_account_that_fails_holds_up_no_other(breakers):
    open_it(breakers)
    note(breakers, *[False] * 100)

    assert note(breakers, *[True] * 50, owner=("acme", "other")) == 50
    assert note(breakers, *[True] * 50, owner=("evil", "theirs")) == 50


def test_r20_a_team_whose_accounts_all_fail_holds_up_no_other_team(breakers):
    for account in ("a", "b", "c"):
        note(breakers, *[False] * 100, owner=("acme", account))

    assert TEAM in breakers.held(HOST)
    assert not call(breakers, owner=("acme", "d"))
    assert note(breakers, *[True] * 50, owner=("evil", "theirs")) == 50


def test_f28_two_accounts_that_fail_while_a_third_works_do_not_hold_it_up(breakers):
    for _ in range(40):
        note(breakers, True, owner=("acme", "well"))
        note(breakers, True, owner=("acme", "fine"))
        note(breakers, True, owner=("acme", "good"))
        note(breakers, False, owner=("acme", "a"))
        note(breakers, False, owner=("acme", "b"))

    assert TEAM not in breakers.held(HOST)
    assert call(breakers, owner=("acme", "well"))


def test_r2_when_nobody_is_answered_the_host_is_asked_twice_a_minute_whoever_asks(breakers, clock):
    owners = [(f"team {number % 5}", f"account {number}") for number in range(50)]
    for owner in owners:
        note(breakers, False, owner=owner)
    for owner in owners:
        note(breakers, False, owner=owner)
    assert () in breakers.held(HOST)

    clock.now += PAUSE
    asked = 0
    for _ in range(60):
        asked += sum(note(breakers, False, owner=owner) for owner in owners)
        clock.now += 1

    assert asked <= 3


def test_r2_after_an_outage_all_are_let_through_within_seconds(breakers, clock):
    owners = [(f"team {number % 5}", f"account {number}") for number in range(50)]
    for owner in owners * 30:
        note(breakers, False, owner=owner)
        clock.now += 0.01
    held = breakers.held(HOST)
    assert () in held and TEAM not in held

    clock.now += PAUSE
    begun = clock.now
    while breakers.held(HOST) and clock.now < begun + 120:
        for owner in owners:
            note(breakers, True, owner=owner)
        clock.now += 0.05

    assert not breakers.held(HOST)
    assert clock.now - begun < 20


@pytest.mark.parametrize(
    ("error", "opens"),
    [
        (errors.UpstreamError, True),
        (errors.Unreachable, True),
        (errors.AnswerTimeout, True),
        (errors.WrongAnswer, True),
        (errors.BadKey, False),
        (errors.RateShort, False),
        (errors.SizeMin, False),
        (errors.SourceChanged, False),
        (errors.NotStored, False),
        (None, False),
        (KeyboardInterrupt, False),
    ],
)
def test_f28_only_what_is_the_hosts_fault_counts(breakers, error, opens):
    for _ in range(LEAST):
        call(breakers, error() if error else None)

    assert bool(breakers.held(HOST)) == opens
    assert not breakers.held("https://other")
