"""Answers about usage that are two hours old, as those of a replica that lags behind."""

import hashlib

from tests.sandbox.box import DOT, SEEN, Box, used

STALE = "sandbox-stale"
HOUR, QUARTER = 3600, 900


def is_old(moment: int) -> bool:
    """Say whether docs/sandbox.md calls answers of this moment old."""
    return hashlib.sha256(str(moment // QUARTER).encode()).hexdigest()[0] in "01"


def old_moment(after: int) -> int:
    """The first moment from here whose answers are old, and were not two hours before."""
    while not is_old(after) or is_old(after - 2 * HOUR):
        after += QUARTER
    return after


def test_d18_one_answer_in_eight_is_two_hours_old(box: Box, seen):
    seen(STALE)
    truth, old = {}, []
    for moment in range(SEEN, SEEN + 40 * HOUR, QUARTER):
        truth[moment] = box.set_clock(STALE, moment)["billingCycle"]
        if moment >= SEEN + 2 * HOUR:
            old.append(is_old(moment))
            assert used(truth[moment - 2 * HOUR]) < used(truth[moment])
            assert box.cycle(STALE) == truth[moment - 2 * HOUR if old[-1] else moment]

    assert len(old) / 10 < sum(old) < len(old) / 6


def test_d18_an_old_answer_is_old_in_all_modes(box: Box, seen):
    seen(STALE)
    moment = old_moment(SEEN)
    start = box.cycle(STALE)["periodStartUnix"]
    modes = [{}, {"expand": "billing_cycle"}, {"listBillingCycles": 1}, {"periodStartUnix": start}]
    modes.append({"year": 2026, "month": 11})
    box.set_clock(STALE, moment - 2 * HOUR)
    past = [box.usage(STALE, **mode).json() for mode in modes]

    box.set_clock(STALE, moment)

    assert [box.usage(STALE, **mode).json() for mode in modes] == past
    now = box.set_clock(STALE, moment)
    assert now["api_usage"] > past[0]["api_usage"]


def test_d18_a_removal_is_charged_at_once_and_an_old_answer_does_not_know_it(box: Box, seen):
    seen(STALE)
    moment = old_moment(SEEN)
    box.set_clock(STALE, moment)
    box.set_account(STALE, included_credits=0, prepaid_credits=1)

    assert [box.remove(DOT, key=STALE).status_code for _ in range(2)] == [200, 429]

    assert len(box.ledger(STALE)) == 1
    assert box.usage(STALE).json()["prepaidCredits"] == 1
    assert box.set_clock(STALE, moment)["prepaidCredits"] == 0
    while is_old(moment):
        moment += QUARTER
    box.set_clock(STALE, moment)
    assert box.usage(STALE).json()["prepaidCredits"] == 0


def test_d18_no_answer_is_older_than_the_account(box: Box, seen):
    seen(STALE)
    begins = box.cycles(STALE)[-1]["periodStartUnix"]
    moments = range(begins, begins + 2 * HOUR, QUARTER)

    assert any(is_old(moment) for moment in moments)
    for moment in moments:
        now = box.set_clock(STALE, moment)["billingCycle"]
        assert box.cycle(STALE) == now
