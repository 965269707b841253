"""Tokens: shape, checksum, digest."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.lib import tokens


def test_a_token_has_prefix_256_random_bits_and_a_checksum():
    token = tokens.mint("rbt")

    assert token.startswith("rbt_")
    assert len(token) == 4 + 43 + 6
    assert tokens.looks_valid(token, "rbt")
    assert token != tokens.mint("rbt")


@given(st.integers(4, 52), st.sampled_from(string.ascii_letters + string.digits))
def test_k9_a_changed_character_breaks_the_checksum(position, character):
    token = tokens.mint("rbt")
    changed = token[:position] + character + token[position + 1 :]

    assert tokens.looks_valid(changed, "rbt") == (changed == token)


@pytest.mark.parametrize("token", ["", "rbt_", "rbt_é" + "a" * 48, "rbk_" + "a" * 49, "a" * 53])
def test_other_text_is_no_token(token):
    assert not tokens.looks_valid(token, "rbt")


def test_a_token_of_another_kind_is_no_token():
    assert not tokens.looks_valid(tokens.mint("rbi"), "rbt")
