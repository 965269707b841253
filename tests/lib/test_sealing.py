"""Sealing: what is sealed opens in its place, with its key, and nowhere else."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.lib.sealing import DoesNotOpen, KeyRing, NoKeys, Sealed, UnknownKey, new_entry

RING = KeyRing((("k1", b"1" * 32),))
secrets = st.text(st.characters(codec="utf-8"), min_size=1, max_size=80)
places = st.text(st.characters(codec="utf-8"), max_size=40)


@given(secrets, places)
def test_what_is_sealed_opens_in_its_place(secret, place):
    assert RING.open(RING.seal(secret, place=place), place=place) == secret


@given(secrets, places, places)
def test_a2_a_ciphertext_moved_to_another_place_does_not_open(secret, place, other):
    sealed = RING.seal(secret, place=place)

    if other != place:
        with pytest.raises(DoesNotOpen):
            RING.open(sealed, place=other)


@given(secrets, st.integers(min_value=0), st.integers(0, 7))
def test_k18_one_flipped_bit_does_not_open(secret, position, bit):
    sealed = RING.seal(secret, place="here")
    blob = bytearray(sealed.blob)
    blob[position % len(blob)] ^= 1 << bit

    with pytest.raises(DoesNotOpen):
        RING.open(Sealed(sealed.kid, bytes(blob)), place="here")


def test_a_row_that_claims_another_key_id_does_not_open():
    ring = KeyRing((("k2", b"1" * 32), ("k1", b"1" * 32)))
    sealed = RING.seal("secret", place="here")

    with pytest.raises(DoesNotOpen):
        ring.open(Sealed("k2", sealed.blob), place="here")


def test_the_newest_key_seals_and_the_older_still_opens():
    both = KeyRing((("k2", b"2" * 32), *RING.keys))

    assert both.seal("secret", place="here").kid == "k2"
    assert both.open(RING.seal("secret", place="here"), place="here") == "secret"


def test_a_key_that_is_not_there_is_named_by_its_id_only():
    with pytest.raises(UnknownKey, match="k1"):
        KeyRing((("k2", b"2" * 32),)).open(RING.seal("secret", place="here"), place="here")
    with pytest.raises(NoKeys):
        KeyRing(()).seal("secret", place="here")


@pytest.mark.parametrize(
    "entry",
    ["", "k1", "k1:", ":AAAA", "k1:not base64", "K1:" + "A" * 44, "k1:" + "QUJD", "k" * 17 + ":x"],
)
def test_a_wrong_entry_is_refused_without_being_quoted(entry):
    with pytest.raises(ValueError, match="Entry 1 of ENCRYPTION_KEYS") as caught:
        KeyRing.parse([entry])
    assert entry == "" or entry not in str(caught.value).replace("'id:base64", "")


def test_a_new_entry_is_one_that_the_ring_takes():
    kid, key = KeyRing.parse([new_entry("k7")]).keys[0]

    assert (kid, len(key)) == ("k7", 32)


def test_the_ring_never_shows_its_keys():
    key = os.urandom(32)
    ring = KeyRing((("k1", key),))

    assert base64.b64encode(key).decode() not in repr(ring)
    assert repr(key) not in repr(ring)
