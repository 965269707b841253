"""The 22 rows of RemBG's error reference, word for word."""

import struct

import pytest

from tests.rembg.refused import FIELDS
from tests.rembg.test_recognition import TABLE as ROWS
from tests.sandbox.box import DOT, Box, chunk

SENTENCES = {name: (status, text) for name, status, text in ROWS}


def png_head(width: int, height: int) -> bytes:
    """A PNG that says this size, and holds next to nothing."""
    header = struct.pack(">II", width, height) + b"\x08\2\0\0\0"
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


# What makes each row come about by itself; the others need an account that is in trouble.
CAUSES = {
    "no_image": {"image": None},
    "no_file": {"image": DOT, "name": ""},
    "file_type": {"image": b"MZ\x90", "name": "setup.exe"},
    "signature": {"image": b"no picture at all"},
    "empty_file": {"image": b""},
    "file_size": {"image": b"\0" * int(55.2 * 1024 * 1024)},
    "too_wide": {"image": png_head(12000, 15000)},
    "too_tall": {"image": png_head(100, 15000)},
    **{row: {"image": DOT, **fields} for row, fields in FIELDS.items()},
    "two_credentials": {"image": DOT, "headers": {"Authorization": "Bearer x"}},
    "bad_key": {"image": DOT, "key": "nobody"},
}


@pytest.mark.parametrize(("name", "status", "sentence"), ROWS, ids=[row[0] for row in ROWS])
def test_a_fault_key_answers_with_its_row(box: Box, name, status, sentence):
    answer = box.remove(DOT, key=f"sandbox-fault-{name}")

    assert answer.status_code == status
    assert answer.json() == {"error": sentence, "status": status}
    assert answer.headers["X-RemBG-Sandbox"] == "1"
    assert box.ledger(f"sandbox-fault-{name}") == []


@pytest.mark.parametrize("name", CAUSES)
def test_a_wrong_request_is_answered_with_its_row(box: Box, name):
    status, sentence = SENTENCES[name]

    answer = box.remove(**CAUSES[name])

    assert (answer.status_code, answer.json()) == (status, {"error": sentence, "status": status})


def test_an_account_without_credits_is_answered_with_rate_monthly(box: Box, fresh):
    box.set_account(fresh, included_credits=0, prepaid_credits=0)

    answer = box.remove(DOT, key=fresh)

    assert answer.status_code == 429
    assert answer.json()["error"] == SENTENCES["rate_monthly"][1]


def test_rate_short_says_when_to_come_again(box: Box):
    assert box.remove(DOT, key="sandbox-fault-rate_short").headers["Retry-After"] == "45"


def test_too_many_calls_in_ten_seconds_are_rate_short(tmp_path):
    box = Box(tmp_path, SANDBOX_RATE_LIMIT="3")

    answers = [box.remove(None) for _ in range(4)]

    assert [each.status_code for each in answers] == [400, 400, 400, 429]
    assert answers[3].json()["error"] == SENTENCES["rate_short"][1]
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 10
    assert box.stop() == 0


def test_p11_several_wrong_fields_are_listed_each(box: Box):
    answer = box.remove(DOT, w="abc", angle="500", format="gif")

    assert answer.status_code == 400
    assert answer.json() == {
        "error": "Multiple validation errors",
        "details": [
            {"field": "format", "message": SENTENCES["format"][1]},
            {"field": "w", "message": SENTENCES["size_type"][1]},
            {"field": "angle", "message": SENTENCES["angle_range"][1]},
        ],
        "status": 400,
    }


@pytest.mark.parametrize(
    "key",
    ["", "sandbox-", "Sandbox-x", "sandbox-fault-nothing", "sandbox-fault-", "sandbox-a b"],
)
def test_any_other_key_is_a_bad_key(box: Box, key):
    assert box.remove(DOT, key=key).status_code == 401
    assert box.usage(key).status_code == 401


def test_the_order_is_key_then_image_then_fields(box: Box):
    both = {"image": b"nothing", "w": "abc"}

    assert box.remove(key="nobody", **both).json()["error"] == SENTENCES["bad_key"][1]
    assert box.remove(**both).json()["error"] == SENTENCES["signature"][1]


WHOLE = "'{}' must be an integer, got: '{}'"
DEGREES = "'angle' must be between -360 and 360 degrees, got: {}"
BREAKS = {
    "P3-fraction": ({"w": "1.5"}, WHOLE.format("w", "1.5")),
    "P3-space": ({"w": " 10 "}, WHOLE.format("w", " 10 ")),
    "P3-underscore": ({"w": "1_0"}, WHOLE.format("w", "1_0")),
    "P3-empty": ({"h": ""}, WHOLE.format("h", "")),
    "P3-arabic": ({"h": "١٢"}, WHOLE.format("h", "١٢")),
    "P3-long": ({"w": "9" * 5000}, WHOLE.format("w", "9" * 20)),
    "P4-nan": ({"angle": "nan"}, DEGREES.format("nan")),
    "P4-infinite": ({"angle": "1e400"}, DEGREES.format("inf")),
    "P6-space": ({"format": "PNG "}, SENTENCES["format"][1].replace("gif", "PNG ")),
    "P7-hex": ({"bg_color": "#GGGGGG"}, SENTENCES["bg_color"][1].replace("#12345", "#GGGGGG")),
    "P9-maybe": ({"expand": "maybe"}, "'expand' must be true or false, got: 'maybe'"),
}
KEEPS = {
    "P1-zero-is-unset": {"w": "0", "h": "0"},
    "P5-minus-zero": {"angle": "-0"},
    "P5-360": {"angle": "360"},
    "P5-minus-360": {"angle": "-360"},
    "P5-fraction": {"angle": "12.5"},
    "P6-any-case": {"format": "PnG"},
    "P10-exact-without-size": {"exact_resize": "true"},
    "P12-unknown": {"return_base64": "true", "url": "http://evil"},
}
NO_PICTURE = {
    "U4-jpeg-start": b"\xff\xd8\xff",
    "U4-png-signature": b"\x89PNG\r\n\x1a\n",
    "U4-webp-header": b"RIFF\0\0\0\0WEBP",
    "U4-bmp-start": b"BM",
    "U8-svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "U9-gif": b"GIF89a\1\0\1\0\0\0\0;",
    "U15-png-cut": DOT[:-25],
    "U13-no-pixels": png_head(0, 0),
    "U15-png-without-data": png_head(9, 9),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_what_breaks_a_rule_is_quoted(box: Box, rule):
    fields, sentence = BREAKS[rule]

    answer = box.remove(DOT, **fields)

    assert (answer.status_code, answer.json()["error"]) == (400, sentence)


@pytest.mark.parametrize("rule", KEEPS)
def test_what_keeps_the_rules_is_accepted(box: Box, rule):
    assert box.remove(DOT, **KEEPS[rule]).status_code == 200


@pytest.mark.parametrize("kind", NO_PICTURE)
def test_what_is_no_picture_has_no_valid_signature(box: Box, kind):
    assert box.remove(NO_PICTURE[kind]).json()["error"] == SENTENCES["signature"][1]


def test_u6_the_content_decides_and_not_the_name(box: Box):
    assert box.remove(DOT, name="photo.jpg").status_code == 200
    assert box.remove(DOT, name="blob").status_code == 200
