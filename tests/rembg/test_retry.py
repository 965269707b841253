"""When a removal is sent again, and when nothing is sent at all (SAFETY 2.6 "Retry", 3, F28)."""

import threading
from random import Random

import pytest

from dashboard.rembg import errors
from dashboard.rembg.breaker import GOOD, LEAST, PAUSE, WINDOW, Breaker, Breakers
from dashboard.rembg.retry import Allowance, pause
from tests.rembg.test_recognition import leaves


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


@pytest.mark.parametrize("leaf", list(leaves()), ids=lambda leaf: leaf.__name__)
def test_nothing_that_may_have_been_charged_is_sent_again(leaf):
    error = leaf(status=400 if leaf.sent == "yes" else None)

    if error.charged != "no" or not error.retriable:
        assert pauses(error) == []


@pytest.mark.parametrize("leaf", [errors.Unreachable, errors.ConnectTimeout])
def test_f1_f2_what_was_not_sent_is_tried_three_times_more(leaf):
    found = pauses(leaf())

    assert len(found) == 3
    assert all(0 <= seconds <= 4 for seconds in found)


def test_pauses_differ_from_one_worker_to_the_next():
    found = {pause(errors.Unreachable(), retries=2, random=Random(seed)) for seed in range(9)}

    assert len(found) == 9


@pytest.mark.parametrize(
    "leaf",
    [
        pytest.param(errors.TlsFailed, id="F3"),
        pytest.param(errors.UploadCut, id="F4"),
        pytest.param(errors.NoAnswer, id="F5"),
        pytest.param(errors.AnswerTimeout, id="F6"),
        pytest.param(errors.ShortAnswer, id="F7"),
        pytest.param(errors.CutPicture, id="F8"),
        pytest.param(errors.DeadlinePassed, id="F9"),
        pytest.param(errors.WrongAnswer, id="F10"),
        pytest.param(errors.AnswerTooLarge, id="F11"),
        pytest.param(errors.UnknownRefusal, id="F13"),
        pytest.param(errors.InvalidFields, id="F14"),
        pytest.param(errors.BadKey, id="F15"),
        pytest.param(errors.Unverified, id="F16"),
        pytest.param(errors.RateDaily, id="F18"),
        pytest.param(errors.RateMonthly, id="F19"),
        pytest.param(errors.UpstreamError, id="F22"),
        pytest.param(errors.Redirected, id="F23"),
        pytest.param(errors.NotHttp, id="F24"),
    ],
)
def test_never_sent_again(leaf):
    assert pauses(leaf(retry_after=5)) == []


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


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock=clock)


def note(breaker, *results):
    for good in results:
        breaker.leave(good=good, probe=breaker.enter())


def open_it(breaker):
    note(breaker, *[False] * LEAST)
    assert breaker.is_open


def test_f28_it_opens_at_half_of_at_least_twenty(breaker):
    note(breaker, *[True, False] * 9, False)
    assert not breaker.is_open

    note(breaker, True)

    assert breaker.is_open


def test_f28_it_stays_closed_below_half(breaker):
    note(breaker, *[True, True, False] * 30)

    assert not breaker.is_open


def test_f28_failures_older_than_a_minute_are_forgotten(breaker, clock):
    note(breaker, *[False] * (LEAST - 1))
    clock.now += WINDOW
    note(breaker, *[False] * (LEAST - 1))

    assert not breaker.is_open


def test_f28_one_probe_every_half_minute(breaker, clock):
    open_it(breaker)

    with pytest.raises(errors.BreakerOpen) as caught:
        breaker.enter()
    assert caught.value.retry_after == PAUSE

    clock.now += PAUSE
    assert breaker.enter()
    with pytest.raises(errors.BreakerOpen):
        breaker.enter()
    clock.now += PAUSE
    assert breaker.enter(), "a probe that never came back blocks nothing"


def test_f28_three_good_probes_close_it(breaker, clock):
    open_it(breaker)
    for _ in range(GOOD):
        assert breaker.is_open
        clock.now += PAUSE
        note(breaker, True)

    assert not breaker.is_open
    note(breaker, *[False] * (LEAST - 1))
    assert not breaker.is_open, "what was before is forgotten"


def test_f28_a_bad_probe_starts_the_count_anew(breaker, clock):
    open_it(breaker)
    for good in (True, True, False, True, True):
        clock.now += PAUSE
        note(breaker, good)

    assert breaker.is_open


def test_f28_what_was_under_way_does_not_close_it(breaker):
    early = [breaker.enter() for _ in range(10)]
    open_it(breaker)
    for probe in early:
        breaker.leave(good=True, probe=probe)

    assert breaker.is_open


def test_f28_what_was_under_way_does_not_put_off_the_next_probe(breaker, clock):
    early = [breaker.enter() for _ in range(LEAST)]
    open_it(breaker)
    clock.now += PAUSE - 1
    for probe in early:
        breaker.leave(good=False, probe=probe)
    clock.now += 1

    assert breaker.enter()


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
def test_f28_only_what_is_the_hosts_fault_counts(clock, error, opens):
    breakers = Breakers(clock=clock)
    for _ in range(LEAST):
        try:
            with breakers.watch("https://one"):
                if error:
                    raise error
        except (errors.RembgError, KeyboardInterrupt):
            pass

    assert breakers.of("https://one").is_open == opens
    assert not breakers.of("https://other").is_open
