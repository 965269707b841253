"""The contract's error table word for word, and everything that an error's body may be instead."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rembg import errors, wording
from dashboard.rembg.errors import FieldProblem
from dashboard.rembg.recognition import recognise
from tests.rembg.conftest import CANARY, NOON

TABLE = [
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
    ("unverified", 403, "Email address not verified – please check your inbox"),
    ("rate_short", 429, "You're making requests too quickly, Please Upgrade or slow down."),
    ("rate_daily", 429, "You've reached your daily limit. Please sign up for more access."),
    ("rate_monthly", 429, "You've reached your monthly limit. Consider purchasing more credits."),
]
FIELDS = {
    "size_type": "w",
    "size_min": "w",
    "size_max": "w",
    "angle_type": "angle",
    "angle_range": "angle",
    "format": "format",
    "bg_color": "bg_color",
    "mask_bg": "bg_color",
    "too_wide": "image",
    "no_image": "image",
}


def of(status, body, headers=None):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return recognise(status, headers or {}, body, at=NOON, secrets=(CANARY,))


@pytest.mark.parametrize(("code", "status", "text"), TABLE, ids=[row[0] for row in TABLE])
def test_a_row_of_the_table_is_its_leaf(code, status, text):
    error = of(status, {"error": text, "status": status})

    assert error.code == code
    assert error.message == str(error) == text
    assert (error.sent, error.charged, error.status) == ("yes", "no", status)
    assert error.retriable == (code == "rate_short")
    if code in FIELDS:
        assert error.details == (FieldProblem(FIELDS[code], text),)


def test_our_own_refusal_was_never_sent():
    for code, status, _text in TABLE:
        (leaf,) = [leaf for leaf in errors.RembgError.family() if leaf.code == code]

        assert (leaf().sent, leaf(status=status).sent) == ("no", "yes"), code


def test_every_leaf_has_its_own_code_and_answers_the_three_questions():
    codes = [leaf.code for leaf in errors.RembgError.family()]

    assert len(set(codes)) == len(codes)
    for leaf in errors.RembgError.family():
        assert {leaf.sent, leaf.charged} <= {"no", "yes", "unknown"}
        assert not (leaf.retriable and leaf.charged != "no"), leaf
        assert not (leaf.sent == "no" and leaf.charged != "no"), leaf


def test_every_f_row_is_in_the_tree_or_mapped():
    text = errors.__doc__ + "".join(leaf.__doc__ for leaf in errors.RembgError.family())

    for number in range(1, 29):
        assert f"F{number}" in text


def test_f14_several_fields():
    error = of(
        400,
        {
            "error": "Multiple validation errors",
            "details": [
                {"field": "w", "message": "'w' must be at least 1, got: -5"},
                {"field": "format", "message": "Invalid format 'gif'."},
            ],
            "status": 400,
        },
    )

    assert type(error) is errors.InvalidFields
    assert error.message == "Multiple validation errors"
    assert error.details == (
        FieldProblem("w", "'w' must be at least 1, got: -5"),
        FieldProblem("format", "Invalid format 'gif'."),
    )


@pytest.mark.parametrize(
    ("document", "details"),
    [
        pytest.param({"errors": [{"field": "w", "message": "bad"}, "x"]}, 2, id="errors"),
        pytest.param({"details": ["'h' must be an integer, got: 'a'", "b"]}, 2, id="strings"),
        pytest.param({"error": "no", "details": None}, 0, id="null"),
        pytest.param({"details": [None, 7, [], {}, {"field": "w"}]}, 0, id="rubbish"),
        pytest.param({"details": {"field": "w", "message": "bad"}}, 1, id="object"),
        pytest.param({"details": [{"field": 7, "message": "bad"}]}, 1, id="field-not-text"),
        pytest.param(["one", "two"], 2, id="list"),
        pytest.param("just text", 0, id="text"),
        pytest.param(7, 0, id="number"),
        pytest.param({"error": {"message": "inner"}}, 0, id="nested"),
        pytest.param({"error": "x" * 1_000_000, "details": ["y"]}, 1, id="1-MB"),
        pytest.param({"details": ["x"] * 10_000}, 1, id="many-equal"),
        pytest.param({"details": [f"x{i}" for i in range(10_000)]}, 40, id="many"),
    ],
)
def test_f14_details_of_any_shape(document, details):
    error = of(400, document)

    assert isinstance(error, errors.Refused)
    assert len(error.details) == details
    assert error.message


def test_f14_a_text_alone_is_put_to_its_field():
    error = of(400, {"details": ["'h' must be an integer, got: 'a'"]})

    assert type(error) is errors.SizeType
    assert error.details == (FieldProblem("h", "'h' must be an integer, got: 'a'"),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0",
        b"\xff\xfe\xff",
        b"<html>" + b"a" * 1_000_000,
        b"[" * 200_000,
        b'{"error": ' + b"9" * 5000 + b"}",
        b'{"error": NaN}',
        b'{"error": null}',
        b"text " * 200_000,
        b'{"error": "\\ud800"}',
    ],
    ids=["empty", "nul", "garbled", "html", "deep", "long-number", "nan", "null", "1-MB", "half"],
)
def test_a_body_of_any_kind_is_recognised_by_its_status(body):
    for status in (400, 401, 403, 404, 413, 418, 429, 500, 302, 204, 103):
        error = of(status, body)

        assert error.status == status
        assert 0 < len(error.message) <= 300, status
        assert len(error.body_head) <= 200, status
        assert error.message.isprintable(), status


@given(st.integers(100, 599), st.binary(max_size=300) | st.text().map(str.encode))
def test_nothing_makes_recognition_fail(status, body):
    assert recognise(status, {}, body, at=NOON).message


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["error", "details", "errors", "field", "message"]), inner
            )
        ),
        max_leaves=20,
    )
)
def test_no_json_makes_recognition_fail(document):
    error = recognise(400, {}, json.dumps(document).encode(), at=NOON)

    assert error.charged == "no"


@pytest.mark.parametrize(
    ("status", "leaf"),
    [
        (402, errors.RateMonthly),
        (404, errors.UnknownRefusal),
        (413, errors.FileTooLarge),
        (403, errors.Forbidden),
        (401, errors.BadKey),
        (307, errors.Redirected),
        (204, errors.WrongAnswer),
        (599, errors.UpstreamError),
    ],
)
def test_a_status_without_a_text(status, leaf):
    assert type(of(status, b"<html>Blocked</html>")) is leaf


@pytest.mark.parametrize(
    ("text", "leaf"),
    [
        pytest.param("Daily limit.", errors.RateDaily, id="F18"),
        pytest.param("Not enough credits", errors.RateMonthly, id="F19"),
        pytest.param("Slow down! Buy credits.", errors.RateShort, id="F17"),
        pytest.param("Çok hızlı", errors.RateUnknown, id="F20"),
    ],
)
def test_a_429_is_told_by_its_keyword(text, leaf):
    assert type(of(429, {"error": text})) is leaf


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("45", 45),
        ("45s", 45),
        ("-1", 1),
        ("0", 1),
        ("99999999999", 3600),
        ("9" * 5000, 30),
        ("Wed, 18 Nov 2026 12:01:30 GMT", 90),
        ("Wed, 18 Nov 2026 11:00:00 GMT", 1),
        ("Fri, 31 Dec 2027 23:59:59 GMT", 3600),
        ("Fri, 99 Foo 2027 23:59:59 GMT", 30),
        ("soon", 30),
        ("1.5", 30),
        ("", 30),
        (None, 30),
        ("١٢", 30),
    ],
)
def test_f21_retry_after(header, seconds):
    headers = {} if header is None else {"Retry-After": header}

    assert of(429, {"error": "too quickly"}, headers).retry_after == seconds


@given(st.text())
def test_f21_any_retry_after_is_within_its_limits(header):
    error = recognise(429, {"retry-after": header}, b"", at=NOON)

    assert 1 <= error.retry_after <= 3600


def test_a_refusal_has_no_retry_after():
    assert of(400, {"error": "no"}, {"Retry-After": "9"}).retry_after is None


def test_f18_f19_a_spent_limit_names_no_pause_of_its_own():
    assert of(429, {"error": "daily limit"}).retry_after is None
    assert of(429, {"error": "monthly limit"}, {"Retry-After": "60"}).retry_after == 60


def test_a_spent_budget_of_the_gateway_is_not_asked_again():
    body = (
        b'{"error": "The budget of this key for this cycle is used up: 5 credits.", "status": 429}'
    )

    error = recognise(429, {"X-Credits-Charged": "0"}, body, at=NOON)

    assert isinstance(error, errors.BudgetSpent)
    assert (error.charged, error.retriable) == ("no", False)


@pytest.mark.parametrize(("said", "charged"), [("0", "no"), ("1", "yes"), ("unknown", "unknown")])
def test_the_gateway_says_what_a_failure_cost(said, charged):
    error = recognise(502, {"X-Credits-Charged": said}, b"", at=NOON)

    assert (error.charged, error.retriable) == (charged, False)


def test_a_busy_gateway_that_spent_nothing_may_be_asked_again():
    headers = {"X-Credits-Charged": "0", "Retry-After": "5"}

    error = recognise(503, headers, b"{}", at=NOON)

    assert (error.charged, error.retriable, error.retry_after) == ("no", True, 5)


@pytest.mark.parametrize(
    ("notice", "header"),
    [
        ("RemBG returned a small picture (460 × 345 px).", "(460 x 345 px)."),
        ("A “P3” – or ‘wide’ — picture…", "A \"P3\" - or 'wide' - picture..."),
        ("turned by 90° → café, Größe, ½", "turned by 90 degrees -> cafe, Grosse, 1?2"),
        ("one\r\nX-Other: two\0\u202e", "one X-Other: two"),
        ("картинка", "????????"),
    ],
    ids=["sizes", "punctuation", "letters", "F26-header", "no-ascii"],
)
def test_a_notice_is_readable_in_a_header(notice, header):
    assert wording.header(notice).endswith(header)
    assert wording.header(notice).isascii()
