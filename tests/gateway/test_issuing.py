"""Issuing, rotating and the rule of caps, without a page."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.gateway import actions, issuing
from dashboard.gateway.actions import Actor
from dashboard.gateway.issuing import Terms
from dashboard.gateway.models import VirtualKey
from dashboard.keys.models import Account
from dashboard.lib.redaction import redact
from dashboard.teams.models import Membership, Role
from tests.conftest import NOON

HOUR = timedelta(hours=1)
LIMIT = st.none() | st.integers(1, 50)


@pytest.fixture
def mine(acme, mel):
    return Membership.objects.get(user=mel, team=acme)


@pytest.fixture
def issued(mine):
    return actions.issue(Actor.of(mine, None), mine, Terms("Script", hard=10), at=NOON)


def opened_by(secret, at):
    return VirtualKey.with_secret(secret, at=at)


def rotate(key, *, overlap, at):
    return actions.rotate(Actor(), key, hint=key.hint, overlap=overlap, at=at)


def test_a_rotation_with_overlap_lets_both_secrets_open_until_it_ends(issued):
    key, old = issued

    new = rotate(key, overlap=HOUR, at=NOON)

    last = NOON + HOUR - timedelta(microseconds=1)
    assert [opened_by(secret, last) for secret in (old, new)] == [key, key]
    assert [opened_by(secret, NOON + HOUR) for secret in (old, new)] == [None, key]


def test_a_rotation_without_overlap_ends_the_old_secret_at_once(issued):
    key, old = issued

    new = rotate(key, overlap=timedelta(0), at=NOON)

    assert [opened_by(secret, NOON) for secret in (old, new)] == [None, key]


def test_a_second_rotation_ends_the_secret_before_the_last(issued):
    key, first = issued
    second = rotate(key, overlap=24 * HOUR, at=NOON)
    third = rotate(key, overlap=HOUR, at=NOON + HOUR)

    found = [opened_by(secret, NOON + HOUR) for secret in (first, second, third)]

    assert found == [None, key, key]


def test_of_two_rotations_at_once_one_is_told_that_it_came_too_late(issued):
    key, other = issued[0], VirtualKey.objects.get()
    secret = rotate(key, overlap=HOUR, at=NOON)

    with pytest.raises(actions.RotatedMeanwhile):
        rotate(other, overlap=HOUR, at=NOON)

    assert opened_by(secret, NOON) == key


@pytest.mark.parametrize("state", ["revoked", "expired", "left", "lowered"])
def test_a_key_that_is_over_is_not_rotated(issued, mine, state):
    key, secret = issued
    if state == "revoked":
        key.revoke(at=NOON)
    elif state == "expired":
        VirtualKey.objects.update(expires_at=NOON)
    elif state == "left":
        mine.delete()
    else:
        Membership.objects.update(role=Role.VIEWER)
    key = VirtualKey.objects.get()

    with pytest.raises(actions.KeyOver):
        rotate(key, overlap=HOUR, at=NOON)

    assert opened_by(secret, NOON) == key


@pytest.mark.parametrize("gone", ["left", "viewer"])
def test_who_left_or_only_watches_since_the_page_was_opened_gets_no_key(mine, gone):
    if gone == "left":
        Membership.objects.filter(pk=mine.pk).delete()
    else:
        Membership.objects.update(role=Role.VIEWER)

    with pytest.raises(actions.MemberGone):
        actions.issue(Actor(), mine, Terms("Script"), at=NOON)

    assert not VirtualKey.objects.exists()


def test_a_label_is_free_again_once_its_key_is_over(issued, mine):
    with pytest.raises(actions.LabelTaken):
        actions.issue(Actor(), mine, Terms("Script"), at=NOON)
    issued[0].revoke(at=NOON)

    actions.issue(Actor(), mine, Terms("Script"), at=NOON)

    assert VirtualKey.objects.count() == 2


def test_a_cap_is_judged_by_what_it_is_now_not_by_what_a_page_had_shown(issued, mine):
    key, _secret = issued
    seen = issuing.terms_of(key)
    actions.change(Actor(), key, replace(seen, hard=2), at=NOON)

    with pytest.raises(actions.TakesAdmin):
        actions.change(Actor.of(mine, None), key, replace(seen, label="Other"), at=NOON)

    assert issuing.terms_of(VirtualKey.objects.get()) == replace(seen, hard=2)


def test_a_change_that_changes_nothing_is_not_written_down(acme, issued):
    key, _secret = issued

    actions.change(Actor(), key, issuing.terms_of(key), at=NOON)

    assert acme.audit_entries.get().action == "virtual_key.issued"


def test_k5_a_secret_is_masked_in_log_lines_from_its_first_moment(issued):
    new = rotate(issued[0], overlap=HOUR, at=NOON)

    assert redact(f"{issued[1]} and {new}") == "[secret] and [secret]"


@given(before=LIMIT, after=LIMIT, calls=st.integers(0, 60))
def test_what_a_member_may_do_to_a_cap_never_grants_another_call(before, after, calls):
    refused = issuing.takes_admin(Terms("x", hard=before), Terms("x", hard=after)) == "hard"

    def grants(cap):
        return cap is None or calls < cap

    if not refused:
        assert not grants(after) or grants(before)
    else:
        assert before is not None
        assert after is None or after > before


@given(hard=LIMIT, same=st.booleans())
def test_a_capped_key_stays_with_its_account_unless_an_admin_moves_it(hard, same):
    a, b = Account(label="A"), Account(label="B")

    field = issuing.takes_admin(
        Terms("x", account=a, hard=hard), Terms("x", account=a if same else b, hard=hard)
    )

    assert field == ("account" if hard is not None and not same else "")
