"""Readings of an account, however odd (promises D1-D5, D8, D10, D11, D13, finding 20)."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rembg.usage import (
    MAX_CYCLES,
    MAX_RAW,
    BillingWindow,
    is_plausible,
    kind_of,
    parse_cycles,
    parse_usage,
)
from tests.rembg.conftest import CANARY

START, END = 1740441600, 1743033599
CYCLE = {
    "periodStartUnix": START,
    "periodEndUnix": END,
    "appUsage": 4200,
    "apiUsage": 5100,
    "includedCredits": 18500,
    "prepaidCredits": 2000,
    "usedIncludedCredits": 9300,
    "remainingIncludedCredits": 9200,
    "stripeBillingSynced": True,
}
SAMPLE = {
    "membership": "Premium-20000",
    "credits": 18500,
    "prepaidCredits": 2000,
    "app_usage": 8500,
    "api_usage": 10000,
    "billingCycle": CYCLE,
}


def usage(document=None, **options):
    body = document if isinstance(document, bytes) else json.dumps(document or SAMPLE).encode()
    return parse_usage(body, **options)


def cycles(*windows):
    return parse_cycles(json.dumps({"billingCycles": windows}).encode())


def window(start, end, app=1, api=2):
    return {"periodStartUnix": start, "periodEndUnix": end, "appUsage": app, "apiUsage": api}


def codes(answer):
    return [problem.code for problem in answer.problems]


def test_the_contracts_sample():
    answer = usage()

    assert answer.problems == ()
    assert (answer.membership, answer.credits, answer.prepaid_credits) == (
        "Premium-20000",
        18500,
        2000,
    )
    assert (answer.app_usage, answer.api_usage) == (8500, 10000)
    assert answer.cycle.start_at == datetime(2025, 2, 25, tzinfo=UTC)
    assert answer.cycle.end_at == datetime(2025, 3, 27, tzinfo=UTC)
    assert answer.cycle.used == 9300
    assert answer.spendable == 11200
    assert answer.cycle.synced is True
    assert json.loads(answer.raw) == SAMPLE


def test_d1_more_remaining_than_included_is_kept_and_noted():
    answer = usage({**SAMPLE, "billingCycle": {**CYCLE, "includedCredits": 1500} | {
        "remainingIncludedCredits": 1700, "usedIncludedCredits": -200, "appUsage": 3, "apiUsage": 4,
    }})  # fmt: skip

    assert (answer.cycle.included_credits, answer.cycle.remaining_included_credits) == (1500, 1700)
    assert answer.cycle.used_included_credits is None
    assert answer.cycle.used == 7
    assert codes(answer) == ["negative", "used_negative"]
    assert answer.problems[1].value == "-200"


@pytest.mark.parametrize(
    ("text", "value", "code"),
    [
        ("null", None, "null"),
        ('"12"', 12, "text_number"),
        ('"twelve"', None, "not_a_number"),
        ('"-3"', None, "not_a_number"),
        ('"١٢"', None, "not_a_number"),
        ("true", None, "not_a_number"),
        ("1.5", None, "not_a_number"),
        ("12.0", None, "not_a_number"),
        ("NaN", None, "not_a_number"),
        ("Infinity", None, "not_a_number"),
        ("1e999", None, "not_a_number"),
        ("-1", None, "negative"),
        ("1000000000000", None, "too_big"),
        ("9" * 5000, None, "not_a_number"),
        ("[]", None, "not_a_number"),
        ("{}", None, "not_a_number"),
        ("999999999999", 999999999999, None),
        ("0", 0, None),
    ],
)
def test_d2_numbers(text, value, code):
    answer = usage(b'{"credits": %b, "billingCycle": {"appUsage": %b}}' % ((text.encode(),) * 2))

    assert answer.credits == answer.cycle.app_usage == value
    found = [(p.code, p.field) for p in answer.problems if p.code != "missing"]
    assert found == ([(code, "credits"), (code, "billingCycle.appUsage")] if code else [])


@pytest.mark.parametrize("name", sorted(SAMPLE))
def test_d2_a_missing_field_leaves_the_others(name):
    answer = usage({key: value for key, value in SAMPLE.items() if key != name})

    assert [(p.code, p.field) for p in answer.problems] == [("missing", name)]
    assert answer.is_usable


@pytest.mark.parametrize("name", sorted(CYCLE))
def test_d2_a_missing_field_of_the_cycle_is_unknown(name):
    answer = usage({**SAMPLE, "billingCycle": {k: v for k, v in CYCLE.items() if k != name}})

    assert [(p.code, p.field) for p in answer.problems] == [("missing", f"billingCycle.{name}")]
    if name in ("prepaidCredits", "remainingIncludedCredits"):
        assert answer.spendable is None


def test_a_cycle_that_was_not_asked_for_is_not_missed():
    document = {key: value for key, value in SAMPLE.items() if key != "billingCycle"}

    assert usage(document, expand=False).problems == ()


@pytest.mark.parametrize("text", ['"true"', '"False"', "1", '"yes"', "null", "{}"])
def test_d2_flags(text):
    answer = usage(b'{"billingCycle": {"stripeBillingSynced": %b}}' % text.encode())

    assert answer.cycle.synced == {'"true"': True, '"False"': False}.get(text)
    assert any(p.field == "billingCycle.stripeBillingSynced" for p in answer.problems)


@pytest.mark.parametrize(
    "body",
    [b"[]", b'"text"', b"", b"7", b"null", b"[" * 200_000, b"<html>", b"\xff\xfe", b'{"a": '],
    ids=["list", "text", "empty", "number", "null", "deep", "html", "garbled", "cut"],
)
def test_d3_what_is_no_object_is_no_reading(body):
    for answer in (parse_usage(body), parse_cycles(body)):
        assert not answer.is_usable
        assert codes(answer)[0] in ("not_json", "not_an_object")
        assert len(answer.raw) <= MAX_RAW
    assert parse_usage(body).spendable is None


def test_d4_duplicate_keys_are_flagged():
    answer = usage(b'{"credits": 1, "credits": 2, "billingCycle": {"appUsage": 1, "appUsage": 1}}')

    assert answer.credits == 2
    assert [p.field for p in answer.problems if p.code == "duplicate_key"] == [
        "appUsage",
        "credits",
    ]


def test_d4_duplicate_cycles_become_one():
    answer = cycles(window(START, END, app=5), window(START, END, app=6))

    assert [w.app_usage for w in answer.windows] == [6]
    assert codes(answer) == ["duplicate_cycle"]


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        pytest.param([(START + 100, END + 100), (START, START + 99)], [], id="seamless"),
        pytest.param([(START + 100, END), (START, START + 150)], ["overlap"], id="overlap"),
        pytest.param([(START + 100, END), (START, START + 50)], ["gap"], id="gap"),
        pytest.param([(START, START - 1)], ["ends_before_start"], id="empty"),
        pytest.param([(START, START - 500)], ["ends_before_start"], id="backwards"),
        pytest.param([(10, 20)], ["far_year", "far_year"], id="1970"),
        pytest.param([(4102444800, 4105123199)], ["far_year", "far_year"], id="2100"),
        pytest.param([(START, 999_999_999_999)], ["too_big"], id="no-such-year"),
    ],
)
def test_d5_odd_windows_are_kept_and_flagged(windows, expected):
    answer = cycles(*(window(*w) for w in windows))

    assert codes(answer) == expected
    assert len(answer.windows) == len(windows)


def test_d5_a_window_without_a_start_is_dropped_with_a_note():
    answer = cycles({"appUsage": 1}, window(START, END))

    assert len(answer.windows) == 1
    assert ("missing", "billingCycles[0].periodStartUnix") in [
        (p.code, p.field) for p in answer.problems
    ]


def test_windows_are_newest_first_and_half_open():
    answer = cycles(window(START, START + 99), window(START + 100, END))

    assert [w.start_at.timestamp() for w in answer.windows] == [START + 100, START]
    assert answer.windows[1].end_at == answer.windows[0].start_at


def test_an_empty_list_is_a_list():
    answer = cycles()

    assert answer.is_usable
    assert answer.windows == ()


@pytest.mark.parametrize("body", [b"{}", b'{"billingCycles": null}', b'{"billingCycles": {}}'])
def test_no_list_is_not_an_empty_one(body):
    assert not parse_cycles(body).is_usable


UTC_MONTH = (datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("start", "end", "synced", "kind"),
    [
        (*UTC_MONTH, True, "stripe"),
        (*UTC_MONTH, False, "calendar"),
        (*UTC_MONTH, None, "calendar"),
        (UTC_MONTH[0], None, None, "calendar"),
        (datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), None, "calendar"),
        (UTC_MONTH[0], datetime(2026, 3, 2, tzinfo=UTC), None, "stripe"),
        (datetime(2026, 2, 1, 0, 0, 1, tzinfo=UTC), UTC_MONTH[1], None, "stripe"),
        (datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC), None, "stripe"),
        (datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC), False, "calendar"),
    ],
)
def test_d8_kinds(start, end, synced, kind):
    assert kind_of(BillingWindow(start, end, 1, 2), synced=synced) == kind


def test_d10_negative_prepaid_is_unknown_and_noted():
    answer = usage({**SAMPLE, "prepaidCredits": -7})

    assert answer.prepaid_credits is None
    assert [(p.code, p.value) for p in answer.problems] == [("negative", "-7")]
    assert "-7" in answer.raw


def test_d11_ten_thousand_cycles():
    step = 100
    answer = cycles(*(window(START + i * step, START + i * step + 99) for i in range(10_000)))

    assert len(answer.windows) == MAX_CYCLES
    assert codes(answer) == ["too_many"]
    assert len(answer.raw) == MAX_RAW


def test_d13_unknown_fields_stay_in_the_raw_answer():
    answer = usage({**SAMPLE, "newField": "kept"})

    assert answer.problems == ()
    assert "newField" in answer.raw


def test_a_status_other_than_200_is_a_problem():
    assert codes(usage(status=500)) == ["status"]


@pytest.mark.parametrize(
    ("body", "plausible"),
    [
        (json.dumps(SAMPLE), True),
        ('{"billingCycles": []}', True),
        ('{"credits": null}', True),
        ('{"error": "no", "credits": 1}', False),
        ('{"error": "invalid api key", "status": 401}', False),
        ("[]", False),
        ("{}", False),
        ("<html>", False),
    ],
)
def test_only_what_speaks_of_an_account_is_plausible(body, plausible):
    assert is_plausible(body.encode()) == plausible


def test_the_raw_answer_and_the_problems_hold_no_key():
    body = json.dumps({**SAMPLE, "membership": 7, "key": CANARY}).encode()

    answer = usage(body, secrets=(CANARY,))

    assert CANARY not in repr(answer)


def test_texts_are_short_and_printable():
    answer = usage({**SAMPLE, "membership": "Pre\0mium\u202e" + "x" * 500})

    assert answer.membership.startswith("Premiumx")
    assert len(answer.membership) == 80


ODD = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=10)
    | st.sampled_from([START, END, -1, 10**12, 10**11, 4102444800]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*SAMPLE, *CYCLE, "billingCycles", "x"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*SAMPLE, "billingCycles"]), ODD))
def test_no_json_is_a_crash_and_no_gap_a_zero(document):
    body = json.dumps(document).encode()

    answer, listed = parse_usage(body), parse_cycles(body)

    for value in (answer.credits, answer.app_usage, answer.prepaid_credits):
        assert value is None or 0 <= value < 10**12
    if document.get("credits") is None:
        assert answer.credits is None
    assert list(listed.windows) == sorted(listed.windows, key=lambda w: w.start_at, reverse=True)


@given(st.binary(max_size=200))
def test_no_bytes_are_a_crash(body):
    parse_usage(body)
    parse_cycles(body)
    is_plausible(body)
