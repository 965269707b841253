"""The rules of /rmbg in the contract's words (promises P1-P12, U37)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.rembg import colors, errors
from dashboard.rembg.errors import FieldProblem
from dashboard.rembg.parameters import FORMATS, Parameters

FORMAT_RULE = "Allowed formats: PNG, JPEG, WEBP, BMP"
COLOR_RULE = "Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA"


def parse(**fields):
    return Parameters.parse(fields.items())


def refused(leaf, **fields):
    with pytest.raises(errors.Refused) as caught:
        parse(**fields)
    assert type(caught.value) is leaf
    assert (caught.value.sent, caught.value.charged) == ("no", "no")
    return caught.value


def test_nothing_asked_is_upstreams_defaults():
    assert parse() == Parameters(
        format="webp",
        w=None,
        h=None,
        exact_resize=False,
        mask=False,
        bg_color=None,
        angle=0.0,
        expand=True,
    )
    assert parse().fields() == [("format", "webp")]


@pytest.mark.parametrize("name", ["w", "h"])
@pytest.mark.parametrize(
    ("text", "leaf", "sentence"),
    [
        pytest.param("-5", errors.SizeMin, "must be at least 1, got: -5", id="P1"),
        pytest.param("15000", errors.SizeMax, "must be at most 10000, got: 15000", id="P2"),
        pytest.param("10001", errors.SizeMax, "must be at most 10000, got: 10001", id="P2-edge"),
        pytest.param("abc", errors.SizeType, "must be an integer, got: 'abc'", id="P3-text"),
        pytest.param("1.5", errors.SizeType, "must be an integer, got: '1.5'", id="P3-fraction"),
        pytest.param("1e3", errors.SizeType, "must be an integer, got: '1e3'", id="P3-exponent"),
        pytest.param(" 10 ", errors.SizeType, "must be an integer, got: '10'", id="P3-space"),
        pytest.param("١٢", errors.SizeType, "must be an integer, got: '١٢'", id="P3-arabic"),
        pytest.param("0x10", errors.SizeType, "must be an integer, got: '0x10'", id="P3-hex"),
        pytest.param("1_0", errors.SizeType, "must be an integer, got: '1_0'", id="P3-underscore"),
        pytest.param("+1", errors.SizeType, "must be an integer, got: '+1'", id="P3-plus"),
        pytest.param("10\n", errors.SizeType, "must be an integer, got: '10'", id="P3-newline"),
        pytest.param(
            "9" * 5000, errors.SizeType, f"must be an integer, got: '{'9' * 20}'", id="P3-long"
        ),
        pytest.param("\u202e1", errors.SizeType, "must be an integer, got: '1'", id="P3-bidi"),
    ],
)
def test_sides(name, text, leaf, sentence):
    error = refused(leaf, **{name: text})

    assert error.message == f"'{name}' {sentence}"
    assert error.details == (FieldProblem(name, error.message),)


@pytest.mark.parametrize("text", ["0", "", "00"])
def test_p1_zero_and_nothing_are_not_set(text):
    assert parse(w=text, h=text) == Parameters()


@pytest.mark.parametrize("text", ["1", "10000", "00800"])
def test_p2_sides_within_the_limits(text):
    assert parse(w=text).w == int(text)


@pytest.mark.parametrize(
    ("text", "got"),
    [("500", "500.0"), ("-361", "-361.0"), ("nan", "nan"), ("inf", "inf"), ("1e400", "inf")]
    + [("-Infinity", "-inf"), ("360.0001", "360.0001")],
)
def test_p4_angle_out_of_range(text, got):
    error = refused(errors.AngleRange, angle=text)

    assert error.message == f"'angle' must be between -360 and 360 degrees, got: {got}"


@pytest.mark.parametrize("text", ["ninety", "1,5", "0x10", "1_0", "٩٠", "9 0", "--1", ".", "e5"])
def test_p4_angle_not_a_number(text):
    error = refused(errors.AngleType, angle=text)

    assert error.message == f"'angle' must be a number, got: '{text}'"


@pytest.mark.parametrize(
    ("text", "angle"),
    [("-0", 0.0), ("360", 360.0), ("-360", -360.0), ("12.5", 12.5), (".5", 0.5), ("+9", 9.0)],
)
def test_p5_angles(text, angle):
    parameters = parse(angle=text)

    assert parameters.angle == angle
    assert str(parameters.angle) != "-0.0"


@pytest.mark.parametrize("text", ["gif", "PNG ", "webp;x", "jpg", "ＷＥＢＰ", "image/png"])
def test_p6_other_formats(text):
    error = refused(errors.BadFormat, format=text)

    assert error.message == f"Invalid format '{text.strip()}'. {FORMAT_RULE}"


@pytest.mark.parametrize("text", ["PNG", "png", "Jpeg", "WEBP", "bmp"])
def test_p6_formats_in_any_case(text):
    assert parse(format=text).format == text.lower()


@pytest.mark.parametrize(
    "text",
    ["#12345", "#GGGGGG", "red;", "url(x)", "</style>", "#", "123456", "rgb(1,2,3)", "transparent"]
    + ["#fff ", "#１２３"],
)
def test_p7_other_colors(text):
    error = refused(errors.BadColor, bg_color=text)

    assert error.message == f"Invalid color format '{text.strip()}'. {COLOR_RULE}"


def test_p7_a_long_wrong_color_is_cut():
    assert f"'{'x' * 20}'" in refused(errors.BadColor, bg_color="x" * 1000).message


@pytest.mark.parametrize("text", ["#abc", "#ABCD", "#a1b2c3", "#A1B2C3D4", "red", "RebeccaPurple"])
def test_p7_colors(text):
    assert parse(bg_color=text).bg_color == text.lower()


def test_p7_the_named_colors_are_those_of_css():
    assert len(colors.NAMED) == 148
    assert colors.NAMED["rebeccapurple"] == (0x66, 0x33, 0x99)
    assert colors.NAMED["grey"] == colors.NAMED["gray"]


def test_p8_mask_and_color():
    error = refused(errors.MaskWithColor, mask="true", bg_color="red")

    assert error.message == (
        "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other."
    )
    assert parse(mask="false", bg_color="red").bg_color == "red"
    assert parse(mask="true", bg_color="").mask


@pytest.mark.parametrize("name", ["mask", "expand", "exact_resize"])
@pytest.mark.parametrize("text", ["maybe", "2", "on", "1", "yes", "true "])
def test_p9_flags(name, text):
    assert refused(errors.BadFlag, **{name: text}).message == f"{name} must be true or false."


def test_p9_flags_in_any_case():
    assert parse(mask="True", expand="FALSE") == Parameters(mask=True, expand=False)


def test_p10_exact_resize_without_a_size_is_accepted():
    assert parse(exact_resize="true") == Parameters(exact_resize=True)


def test_p11_everything_that_is_wrong_is_said_at_once():
    error = refused(errors.InvalidFields, w="abc", format="gif", angle="500", h="5")

    assert error.message == "Multiple validation errors"
    assert error.details == (
        FieldProblem("format", f"Invalid format 'gif'. {FORMAT_RULE}"),
        FieldProblem("w", "'w' must be an integer, got: 'abc'"),
        FieldProblem("angle", "'angle' must be between -360 and 360 degrees, got: 500.0"),
    )


def test_p12_unknown_fields_are_dropped():
    evil = {"api_base": "http://evil", "url": "x", "callback": "y", "return_base64": "true"}

    assert parse(**evil).fields() == [("format", "webp")]


def test_u37_a_repeated_field_is_refused():
    with pytest.raises(errors.RepeatedField) as caught:
        Parameters.parse([("w", "1"), ("w", "2"), ("w", "3"), ("url", "a"), ("url", "b")])

    assert caught.value.message == "w was sent more than once."
    assert caught.value.details == (FieldProblem("w", "w was sent more than once."),)


def test_only_what_differs_from_upstreams_defaults_is_sent():
    parameters = parse(
        format="PNG",
        w="800",
        h="600",
        exact_resize="true",
        bg_color="#FFF",
        angle="90",
        expand="false",
    )

    assert parameters.fields() == [
        ("format", "png"),
        ("w", "800"),
        ("h", "600"),
        ("exact_resize", "true"),
        ("bg_color", "#fff"),
        ("angle", "90"),
        ("expand", "false"),
    ]


@given(
    st.builds(
        Parameters,
        format=st.sampled_from(FORMATS),
        w=st.none() | st.integers(1, 10_000),
        h=st.none() | st.integers(1, 10_000),
        exact_resize=st.booleans(),
        mask=st.just(False),
        bg_color=st.none() | st.sampled_from(sorted(colors.NAMED)),
        angle=st.floats(-360, 360).map(lambda angle: angle or 0.0),
        expand=st.booleans(),
    )
)
def test_what_is_sent_reads_back_the_same(parameters):
    assert Parameters.parse(parameters.fields()) == parameters


NAMES = ["w", "h", "format", "mask", "bg_color", "angle", "expand", "exact_resize", "url"]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.text(max_size=30))))
def test_any_pairs_are_parameters_or_a_refusal(pairs):
    try:
        parameters = Parameters.parse(pairs)
    except errors.Refused as error:
        assert error.details
    else:
        assert all(text.isascii() for _, text in parameters.fields())
