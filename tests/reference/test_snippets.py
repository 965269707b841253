"""Every snippet is run against a server of RemBG's wire, and does what it says."""

import ast
import json
import re
import shlex
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dashboard.reference.snippets import LANGUAGES, ApiCall, SnippetPicture
from dashboard.reference.snippets.http import BINARY
from tests.reference.runners import RUN
from tests.sandbox.box import SCENE, Box

BASE = "http://127.0.0.1:8000"


@pytest.fixture(scope="session")
def box(tmp_path_factory):
    running = Box(tmp_path_factory.mktemp("snippets"), model=Path("missing.onnx"))
    yield running
    running.stop()


def removal(base: str, picture: str = "photo.png", **fields: str) -> ApiCall:
    pairs = tuple(fields.items())
    return ApiCall(base, "POST", "/rmbg", pairs=pairs, picture=SnippetPicture(picture, len(SCENE)))


def question(base: str, **query: str) -> ApiCall:
    return ApiCall(base, "GET", "/api/membership-usage", pairs=tuple(query.items()))


@pytest.fixture
def key() -> str:
    """The key of an account that no other test knows."""
    return f"sandbox-{uuid.uuid4().hex[:12]}"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("fields", "kind", "size"),
    [
        pytest.param({}, "WEBP", (240, 160), id="nothing-but-the-picture"),
        pytest.param(
            {
                "format": "png",
                "w": "120",
                "bg_color": "#ff000080",
                "angle": "15",
                "expand": "false",
            },
            "PNG",
            (120, 80),
            id="most-fields",
        ),
        pytest.param(
            {"format": "jpeg", "w": "50", "h": "60", "exact_resize": "true"},
            "JPEG",
            (50, 60),
            id="what-rembg-js-cannot-ask-for",
        ),
        pytest.param({"mask": "true", "format": "webp"}, "WEBP", (240, 160), id="mask"),
    ],
)
def test_a_snippet_brings_the_picture_that_it_asks_for(
    box, key, tmp_path, language, fields, kind, size
):
    (tmp_path / "photo.png").write_bytes(SCENE)
    call = removal(box.url, **fields)

    said = RUN[language](LANGUAGES[language].write(call), tmp_path, key)

    found = [tmp_path / call.output, tmp_path / "output.raw"]
    result = next((one for one in found if one.exists()), None)
    assert result, said
    with Image.open(result) as picture:
        assert (picture.format, picture.size) == (kind, size)
    assert len(box.ledger(key)) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_says_the_words_of_a_refusal(box, key, tmp_path, language):
    (tmp_path / "photo.png").write_bytes(SCENE)
    call = removal(box.url, w="abc")

    said = RUN[language](LANGUAGES[language].write(call), tmp_path, key)
    if language == "curl":  # It writes the error where the picture would be, and exits with 22.
        said += (tmp_path / call.output).read_text()

    assert "'w' must be an integer, got: 'abc'" in said
    assert box.ledger(key) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_snippet_reads_the_usage(box, key, tmp_path, language):
    call = question(box.url, expand="billing_cycle")

    said = RUN[language](LANGUAGES[language].write(call), tmp_path, key)

    assert "billingCycle" in said
    assert "periodEndUnix" in said


@pytest.mark.parametrize("language", ["curl", "python", "node", "php"])
def test_a_file_name_of_any_kind_is_a_file_name_only(box, key, tmp_path, language):
    name = '-it\'s; a "test", $(touch ruin) `x` \\ #1.png'
    name = SnippetPicture.named(name).name
    (tmp_path / name).write_bytes(SCENE)

    said = RUN[language](LANGUAGES[language].write(removal(box.url, name)), tmp_path, key)

    assert (tmp_path / "output.webp").exists(), said
    assert not (tmp_path / "ruin").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_headers_of_the_call_are_sent(language):
    call = ApiCall(
        BASE, "POST", "/rmbg", picture=SnippetPicture(), headers=(("Idempotency-Key", "order-7"),)
    )

    code = LANGUAGES[language].write(call)

    assert "Idempotency-Key" in code
    assert "order-7" in code


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_without_a_key_names_none(language):
    code = LANGUAGES[language].write(ApiCall(BASE, "GET", "/api/openapi", takes_key=False))

    assert "key" not in code.lower()


def test_the_length_is_right_where_the_size_of_the_picture_is_known():
    call = removal(BASE, "фото.png", bg_color="red", w="10")

    head, _, body = LANGUAGES["http"].write(call).replace("\n", "\r\n").partition("\r\n\r\n")
    whole = body.encode().replace(BINARY.format(name="фото.png").encode(), SCENE)

    assert f"Content-Length: {len(whole)}\r\n" in head


def test_the_length_is_a_gap_where_the_size_is_not_known():
    call = ApiCall(BASE, "POST", "/rmbg", picture=SnippetPicture("photo.png"))

    assert "Content-Length: <length of the body in bytes>" in LANGUAGES["http"].write(call)


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("C:\\pictures\\cat.png", "cat.png"),
        ("../../etc/passwd", "passwd"),
        ("", "image.jpg"),
        ("..", "image.jpg"),
        ("/", "image.jpg"),
        ("a\r\nX-Evil: 1.png", "aX-Evil: 1.png"),
        ("-rf.png", "./-rf.png"),
        ("\u202egnp.exe", "gnp.exe"),
    ],
)
def test_a_picture_has_a_plain_file_name(given_name, kept):
    assert SnippetPicture.named(given_name).name == kept


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n"), min_size=1, max_size=30)


@given(value=TEXT, name=TEXT)
def test_no_value_leaves_its_place_in_a_command_line(value, name):
    picture = SnippetPicture.named(name)
    call = ApiCall(BASE, "POST", "/rmbg", pairs=(("bg_color", value),), picture=picture)

    words = [one for one in shlex.split(LANGUAGES["curl"].write(call)) if one != "\n"]

    assert words[:4] == ["curl", f"{BASE}/rmbg", "-H", "x-api-key: $API_KEY"]
    assert words[4] == "-F"
    assert words[5].startswith("image=@")
    assert words[6] in ("-F", "--form-string")
    assert words[7:] == [f"bg_color={value}", "--fail-with-body", "-o", "output.webp"]


@given(value=TEXT, name=TEXT)
def test_no_value_leaves_its_place_in_python(value, name):
    picture = SnippetPicture.named(name)
    call = ApiCall(BASE, "POST", "/rmbg", pairs=(("bg_color", value),), picture=picture)

    tree = ast.parse(LANGUAGES["python"].write(call))

    texts = {one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)}
    assert {value, picture.name} <= texts


@given(value=TEXT)
def test_no_value_leaves_its_place_in_javascript_and_php(value):
    call = ApiCall(BASE, "POST", "/rmbg", pairs=(("bg_color", value),), picture=SnippetPicture())

    script = LANGUAGES["node"].write(call)
    page = LANGUAGES["php"].write(call)

    line = next(one for one in script.split("\n") if one.startswith("    bg_color: "))
    literal = line.removeprefix("    bg_color: ").removesuffix(",")
    assert literal == value or json.loads(literal) == value
    quoted = re.search(r"'bg_color' => '((?:[^'\\]|\\.)*)',\n", page)
    assert re.sub(r"\\(.)", r"\1", quoted[1]) == value
