"""The books of a cycle close, whatever happened, and so does their money."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.keys.models import Account
from dashboard.lib import currencies
from dashboard.overview.cycle_books import Books, ChargedShare
from dashboard.overview.money import Price
from dashboard.overview.statements import Statement, written
from dashboard.usage.windows import Window

START = datetime(2026, 10, 3, 9, 30, 12, tzinfo=UTC)
END = datetime(2026, 11, 3, 9, 30, 12, tzinfo=UTC)
COUNT = st.integers(0, 10**6)
SHARES = st.lists(
    st.builds(
        ChargedShare,
        user=st.none() | st.integers(1, 4),
        member=st.sampled_from(["Mel", "Adam", "mia@…"]),
        virtual_key=st.none() | st.uuids(),
        virtual_key_label=st.sampled_from(["", "Night job"]),
        tag=st.sampled_from(["", "shop", "=spring"]),
        charged=COUNT,
        unknown=st.integers(0, 3),
        newest_at=st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=12,
).map(tuple)
BOOKS = st.builds(Books, st.none() | COUNT, st.none() | COUNT, SHARES)
PRICES = st.builds(
    Price,
    st.decimals(0, 999_999, places=6),
    st.sampled_from(["EUR", "JPY", "KWD", "USD"]),
)


def share(charged: int, *, user: int = 1, member: str = "Mel", unknown: int = 0) -> ChargedShare:
    return ChargedShare(user, member, None, "", "", charged, unknown, START)


def of(books: Books, price: Price | None = None) -> Statement:
    window = Window("stripe", START, END, books.app_usage, books.api_usage, asked_at=END)
    return written(Account(label="Main"), window, books, price, at=END)


@given(BOOKS)
def test_members_and_the_rest_are_upstreams_total_and_so_are_tags_and_keys(books):
    for lines in (books.members, books.virtual_keys, books.tags):
        assert sum(line.credits for line in lines) == books.through
        assert sum(line.unknown for line in lines) == books.unknown
        if books.upstream is not None:
            rest = books.outside_app + books.outside_api - books.only_here
            assert sum(line.credits for line in lines) + rest == books.upstream


@given(BOOKS)
def test_no_part_is_negative_and_only_one_of_rest_and_discrepancy_stands(books):
    parts = [books.outside_app, books.outside_api, books.only_here]

    assert all(part is None or part >= 0 for part in parts)
    assert not (books.outside_api and books.only_here)


@given(BOOKS, PRICES)
def test_money_adds_up_at_each_level_to_the_smallest_coin(books, price):
    made = of(books, price)

    step = currencies.smallest(price.currency)
    for section in made.sections:
        if section.entries:
            assert sum(one.amount for one in section.entries) == made.through.amount
    if books.upstream is not None:
        assert sum(one.amount for one in made.summary) == made.total.amount
        assert made.total.amount == price.of(books.upstream)
    for one in [*made.summary, *(e for section in made.sections for e in section.entries)]:
        if one.credits is not None:
            assert abs(one.amount - price.amount * one.credits) < 2 * step
            assert one.amount == one.amount.quantize(step)
        if one.credits == 0:
            assert one.amount == 0


def test_an_unknown_counter_is_unknown_and_not_zero():
    made = of(Books(None, 100, (share(40),)), Price(Decimal("0.05"), "EUR"))

    assert made.total.credits is made.total.amount is None
    assert [(one.credits, one.said) for one in made.summary] == [
        (40, "2.00 EUR"),
        (None, ""),
        (60, "3.00 EUR"),
    ]


def test_more_here_than_upstream_is_a_discrepancy_with_a_name():
    made = of(Books(10, 30, (share(32, unknown=1),)))

    assert [(one.role, one.credits) for one in made.summary] == [
        ("through", 32),
        ("outside_app", 10),
        ("outside_api", 0),
        ("discrepancy", -2),
    ]
    assert made.total.credits == 40


def test_a_person_who_was_renamed_is_one_line_and_namesakes_are_two():
    early = datetime(2026, 10, 1, tzinfo=UTC)
    shares = (
        ChargedShare(1, "Melanie", None, "", "", 2, 0, early),
        ChargedShare(1, "Mel", None, "", "", 3, 0, START),
        ChargedShare(2, "Mel", None, "", "", 4, 0, early),
    )

    assert [(line.name, line.credits) for line in Books(0, 9, shares).members] == [
        ("Mel", 5),
        ("Mel", 4),
    ]


@pytest.mark.parametrize(
    ("amount", "currency", "credits", "said"),
    [
        pytest.param("0.045", "EUR", 1, "0.05 EUR", id="half-up"),
        pytest.param("0.045", "EUR", -1, "-0.05 EUR", id="half-away-from-zero-when-negative"),
        pytest.param("0.1", "USD", 3, "0.30 USD", id="no-binary-fractions"),
        pytest.param("0.4", "JPY", 1, "0 JPY", id="no-decimals-in-yen"),
        pytest.param("0.0125", "KWD", 1, "0.013 KWD", id="three-decimals"),
        pytest.param("0.049", "EUR", 1_000_000, "49,000.00 EUR", id="separators"),
    ],
)
def test_money_is_rounded_once_to_the_currencys_smallest_amount(amount, currency, credits, said):
    price = Price(Decimal(amount), currency)

    assert price.said(price.of(credits)) == said


def test_thirds_are_shared_out_to_those_that_lost_most():
    price = Price(Decimal("0.333333"), "EUR")

    assert price.shared(price.of(3), [1, 1, 1]) == [
        Decimal("0.34"),
        Decimal("0.33"),
        Decimal("0.33"),
    ]
