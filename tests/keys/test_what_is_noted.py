"""What is noted of a key (F15, F19), and the words for each refusal."""

from datetime import timedelta

import pytest

from dashboard.keys.models import ApiKey
from dashboard.keys.wording import explain
from dashboard.rembg import errors
from tests.conftest import NOON

LATER = NOON + timedelta(hours=1)
CODES = sorted(leaf.code for leaf in errors.RembgError.family())


def again(key):
    return ApiKey.objects.get(pk=key.pk)


def test_f15_the_second_refusal_pauses_and_says_so_once(key):
    refused = errors.BadKey(status=401)

    said = [key.note_refused(refused, at=NOON + timedelta(minutes=n)) for n in range(4)]

    assert said == [False, True, False, False]
    assert key.paused_at == NOON + timedelta(minutes=1)
    assert (key.refusals, key.refusal) == (4, "bad_key")


def test_f15_two_refusals_noted_at_once_both_count(key):
    one, other = again(key), again(key)

    assert one.note_refused(errors.Unverified(status=403), at=NOON) is False
    assert other.note_refused(errors.Unverified(status=403), at=LATER) is True


def test_a_good_answer_forgets_refusals_and_ends_a_pause_but_no_rest(key):
    key.rest(until=LATER, reason="rate_monthly")
    for _ in range(2):
        key.note_refused(errors.BadKey(status=401), at=NOON)

    key.note_accepted(at=LATER)

    key = again(key)
    assert (key.refusals, key.refusal, key.paused_at) == (0, "", None)
    assert (key.accepted_at, key.tested_at, key.resting_until) == (LATER, LATER, LATER)


def test_f19_a_longer_rest_is_not_cut_short_but_can_be_ended(key):
    assert key.rest(until=LATER, reason="rate_monthly")
    assert not again(key).rest(until=NOON, reason="rate_short")
    assert again(key).rest_reason == "rate_monthly"
    assert not ApiKey.objects.usable(at=NOON).exists()
    assert ApiKey.objects.usable(at=LATER).exists()

    key.wake()

    assert ApiKey.objects.usable(at=NOON).exists()


@pytest.mark.parametrize(
    "note",
    [
        lambda key: key.note_refused(errors.BadKey(status=401), at=LATER),
        lambda key: key.note_accepted(at=LATER),
        lambda key: key.rest(until=LATER, reason="rate_short"),
    ],
)
def test_what_was_learnt_of_a_secret_is_not_held_against_its_successor(key, note):
    stale = again(key)
    key.replace("sandbox-newer", at=NOON)

    assert note(stale) is False

    key = again(key)
    assert (key.refusals, key.tested_at, key.accepted_at, key.resting_until) == (
        0,
        None,
        None,
        None,
    )


def test_a_replaced_key_starts_anew(key):
    for _ in range(2):
        key.note_refused(errors.BadKey(status=401), at=NOON)

    assert key.replace("sandbox-newer", at=LATER)

    key = again(key)
    assert (key.refusals, key.paused_at, key.replaced_at) == (0, None, LATER)
    assert (key.hint, key.open()) == ("ewer", "sandbox-newer")


def test_of_two_who_replace_at_once_one_wins(key):
    one, other = again(key), again(key)

    assert one.replace("sandbox-one", at=NOON)
    assert not other.replace("sandbox-other", at=LATER)
    assert again(key).open() == "sandbox-one"


def test_only_what_changed_is_saved(key):
    stale = again(key)
    key.rename("Renamed")

    stale.note_accepted(at=NOON)
    stale.rest(until=LATER, reason="rate_short")

    assert again(key).label == "Renamed"


def test_every_error_has_plain_words_with_a_next_step():
    for code in CODES:
        for found in (explain(code), explain(errors.named(code)(status=400))):
            texts = [str(found.title), str(found.reason), str(found.next_step)]
            assert all(text and text[0].isupper() for text in texts), code
            assert [text.endswith(".") for text in texts] == [False, True, True], code
            assert not any("!" in text or "oops" in text.lower() for text in texts), code


def test_the_words_are_those_of_the_look():
    assert str(explain("unverified")) == (
        "RemBG refused this key: its e-mail address is not verified. "
        "Check the inbox of the RemBG account, then test again."
    )


def test_rembgs_own_sentence_stands_where_it_is_more_exact():
    error = errors.TooWide("Image width (12000px) exceeds the maximum allowed width of 10000px.")

    assert explain(error).title == (
        "Image width (12000px) exceeds the maximum allowed width of 10000px"
    )


def test_an_unknown_code_still_gets_an_answer():
    assert explain("from-the-future").title == "RemBG could not do this"


def test_the_words_about_credits_agree_with_the_error():
    for code in CODES:
        reason = f"{explain(code).reason} {explain(code).title}"
        charged = errors.named(code).charged
        assert "No credit was spent" not in reason or charged == "no", code
        assert "not known" not in reason or charged == "unknown", code
