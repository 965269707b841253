"""The 22 rows of RemBG's error reference, word for word."""

import struct

import pytest

from tests.sandbox.box import DOT, Box, chunk

# Typed off the contract a second time: this copy and the sandbox's check each other.
ROWS = [
    ("no_image", 400, "No image file provided. Please include an 'image' field in your form data."),
    ("no_file", 400, "No file selected. Please choose an image file to upload."),
    (
        "file_type",
        400,
        "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
    ),
    ("signature", 400, "File does not appear to be a valid image (invalid file signature)"),
    ("empty_file", 400, "Uploaded file is empty (0 bytes)."),
    ("file_size", 400, "File size (55.2 MB) exceeds the maximum allowed size of 50 MB."),
    ("too_wide", 400, "Image width (12000px) exceeds the maximum allowed width of 10000px."),
    ("too_tall", 400, "Image height (15000px) exceeds the maximum allowed height of 10000px."),
    ("size_type", 400, "'w' must be an integer, got: 'abc'"),
    ("size_min", 400, "'w' must be at least 1, got: -5"),
    ("size_max", 400, "'w' must be at most 10000, got: 15000"),
    ("angle_type", 400, "'angle' must be a number, got: 'ninety'"),
    ("angle_range", 400, "'angle' must be between -360 and 360 degrees, got: 500.0"),
    ("format", 400, "Invalid format 'gif'. Allowed formats: PNG, JPEG, WEBP, BMP"),
    (
        "bg_color",
        400,
        "Invalid color format '#12345'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
    ),
    (
        "mask_bg",
        400,
        "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other.",
    ),
    (
        "two_credentials",
        400,
        "This is a mistake: Cannot use both API key and user token",
    ),
    ("bad_key", 401, "invalid api key"),
    ("unverified", 403, "Email address not verified \u2013 please check your inbox"),
    ("rate_short", 429, "You're making requests too quickly, Please Upgrade or slow down."),
    ("rate_daily", 429, "You've reached your daily limit. Please sign up for more access."),
    (
        "rate_monthly",
        429,
        "You've reached your monthly limit. Consider purchasing more credits.",
    ),
]
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
    "size_type": {"image": DOT, "w": "abc"},
    "size_min": {"image": DOT, "w": "-5"},
    "size_max": {"image": DOT, "w": "15000"},
    "angle_type": {"image": DOT, "angle": "ninety"},
    "angle_range": {"image": DOT, "angle": "500"},
    "format": {"image": DOT, "format": "gif"},
    "bg_color": {"image": DOT, "bg_color": "#12345"},
    "mask_bg": {"image": DOT, "mask": "true", "bg_color": "red"},
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
    cause = CAUSES[name]

    if cause.get("name") == "":
        # `requests` leaves out an empty filename.
        body = b'--X\r\nContent-Disposition: form-data; name="image"; filename=""\r\n\r\n\r\n--X--'
        head = (
            b"POST /rmbg HTTP/1.1\r\nHost: x\r\nx-api-key: sandbox-tests\r\n"
            b"Content-Type: multipart/form-data; boundary=X\r\nContent-Length: %d\r\n\r\n"
        )
        raw = box.raw(head % len(body), body)
        assert b"HTTP/1.1 400" in raw
        assert sentence.encode() in raw
        return
    answer = box.remove(**cause)

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


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param({"w": "1.5"}, "'w' must be an integer, got: '1.5'", id="P3-fraction"),
        pytest.param({"w": " 10 "}, "'w' must be an integer, got: ' 10 '", id="P3-space"),
        pytest.param({"w": "1_0"}, "'w' must be an integer, got: '1_0'", id="P3-underscore"),
        pytest.param({"h": ""}, "'h' must be an integer, got: ''", id="P3-empty"),
        pytest.param({"h": "١٢"}, "'h' must be an integer, got: '١٢'", id="P3-arabic"),
        pytest.param({"w": "9" * 5000}, f"'w' must be an integer, got: '{'9' * 20}'", id="P3-long"),
        pytest.param(
            {"angle": "nan"},
            "'angle' must be between -360 and 360 degrees, got: nan",
            id="P4-nan",
        ),
        pytest.param(
            {"angle": "1e400"},
            "'angle' must be between -360 and 360 degrees, got: inf",
            id="P4-infinite",
        ),
        pytest.param(
            {"format": "PNG "},
            "Invalid format 'PNG '. Allowed formats: PNG, JPEG, WEBP, BMP",
            id="P6-space",
        ),
        pytest.param(
            {"bg_color": "#GGGGGG"},
            "Invalid color format '#GGGGGG'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
            id="P7-hex",
        ),
        pytest.param(
            {"expand": "maybe"}, "'expand' must be true or false, got: 'maybe'", id="P9-maybe"
        ),
    ],
)
def test_what_breaks_a_rule_is_quoted(box: Box, fields, sentence):
    answer = box.remove(DOT, **fields)

    assert (answer.status_code, answer.json()["error"]) == (400, sentence)


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"w": "0", "h": "0"}, id="P1-zero-is-unset"),
        pytest.param({"angle": "-0"}, id="P5-minus-zero"),
        pytest.param({"angle": "360"}, id="P5-360"),
        pytest.param({"angle": "-360"}, id="P5-minus-360"),
        pytest.param({"angle": "12.5"}, id="P5-fraction"),
        pytest.param({"format": "PnG"}, id="P6-any-case"),
        pytest.param({"exact_resize": "true"}, id="P10-exact-without-size"),
        pytest.param({"return_base64": "true", "url": "http://evil"}, id="P12-unknown"),
    ],
)
def test_what_keeps_the_rules_is_accepted(box: Box, fields):
    assert box.remove(DOT, **fields).status_code == 200


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(b"\xff\xd8\xff", id="U4-jpeg-start"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="U4-png-signature"),
        pytest.param(b"RIFF\0\0\0\0WEBP", id="U4-webp-header"),
        pytest.param(b"BM", id="U4-bmp-start"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="U8-svg"),
        pytest.param(b"GIF89a\1\0\1\0\0\0\0;", id="U9-gif"),
        pytest.param(DOT[:-25], id="U15-png-cut"),
        pytest.param(png_head(0, 0), id="U13-no-pixels"),
        pytest.param(png_head(9, 9), id="U15-png-without-data"),
    ],
)
def test_what_is_no_picture_has_no_valid_signature(box: Box, image):
    assert box.remove(image).json()["error"] == SENTENCES["signature"][1]


def test_u6_the_content_decides_and_not_the_name(box: Box):
    assert box.remove(DOT, name="photo.jpg").status_code == 200
    assert box.remove(DOT, name="blob").status_code == 200
