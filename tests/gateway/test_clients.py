"""The official Node client, unmodified but for its host, against the gateway and the sandbox."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Sandbox, add_key
from tests.gateway.conftest import issued
from tests.gateway.rembg_js import OLDER, Node, node
from tests.rembg.samples import header_png
from tests.removals.conftest import subject

SIZE = (120, 90)
INPUTS = ("path", "buffer", "base64", "dataUrl")
UPSTREAM = "sandbox-premium"  # The key that `virtual` draws on.
EVENT = {"loaded", "total", "progress", "bytes"}


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Iterator[Node]:
    """One Node process for all calls."""
    with node(tmp_path_factory.mktemp("node")) as program:
        yield program


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    """A dark figure on a light ground."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    path.write_bytes(subject(size=SIZE))
    return path


@dataclass
class Door:
    """A server with RemBG's wire, and a key to it."""

    program: Node
    url: str
    key: str
    sandbox: Sandbox
    photo: Path

    def rembg(
        self, input: str = "path", path: Path | None = None, key: str | None = None, **options
    ) -> dict:
        key = self.key if key is None else key
        return self.program.rembg(self.url, key, path or self.photo, input, **options)

    def picture(self, input: str = "path", **options: object) -> Image.Image:
        """Return the picture of a call that must succeed and cost one credit."""
        before = self.charges()
        said = self.rembg(input, **options)
        assert "error" not in said, said["error"]
        assert self.charges() == before + 1
        encoded = said.get("picture") or said["base64Image"].partition(",")[2]
        return Image.open(io.BytesIO(base64.b64decode(encoded)))

    def refusal(self, input: str = "path", **given: object) -> tuple[int, dict]:
        """Return the status and the body of a call that must fail and cost nothing."""
        before = self.charges()
        said = self.rembg(input, **given)
        assert self.charges() == before
        _, status, body = said["error"].split(" ", 2)
        return int(status), json.loads(body)

    def charges(self) -> int:
        return len(self.sandbox.ledger(UPSTREAM))


@pytest.fixture(params=["gateway", "sandbox"])
def door(request, program, photo, sandbox, gateway, secret) -> Door:
    """Both servers that are ours, one after the other."""
    if request.param == "sandbox":
        return Door(program, sandbox.url, UPSTREAM, sandbox, photo)
    return Door(program, gateway.url, secret, sandbox, photo)


def pixel(picture: Image.Image, x: float, y: float) -> tuple[int, ...]:
    width, height = picture.size
    return picture.convert("RGBA").getpixel((int(x * (width - 1)), int(y * (height - 1))))


@pytest.mark.parametrize("input", INPUTS)
def test_every_kind_of_input_is_cut_out(door, input):
    picture = door.picture(input)

    assert (picture.format, picture.size) == ("WEBP", SIZE)
    assert pixel(picture, 0, 0)[3] == 0
    assert pixel(picture, 0.5, 0.6)[3] == 255


@pytest.mark.parametrize("format", ["webp", "png", "PNG"])
def test_the_format_is_the_one_asked_for(door, format):
    assert door.picture(format=format).format == format.upper()


def test_the_mask_is_white_on_black(door):
    picture = door.picture(format="png", returnMask=True).convert("RGB")

    assert picture.getpixel((0, 0)) == (0, 0, 0)
    assert picture.getpixel((60, 54)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("options", "size"),
    [
        pytest.param({"w": 60}, (60, 45), id="w"),
        pytest.param({"h": 30}, (40, 30), id="h"),
        pytest.param({"w": 60, "h": 60}, (60, 45), id="w-and-h"),
        pytest.param({"w": 60, "h": 60, "exact_resize": True}, (60, 60), id="exact_resize"),
        pytest.param({"angle": 90}, (90, 120), id="angle"),
        pytest.param({"angle": -90, "expand": False}, (120, 90), id="angle-without-expand"),
        pytest.param({"angle": 0, "expand": True}, (120, 90), id="angle-0"),
    ],
)
def test_the_size_is_the_one_asked_for(door, options, size):
    assert door.picture(**options).size == size


@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("#ff0000", (255, 0, 0, 255)),
        ("#0f0", (0, 255, 0, 255)),
        ("#0000ff80", (0, 0, 255, 128)),
        ("red", (255, 0, 0, 255)),
        ("blue", (0, 0, 255, 255)),
    ],
)
def test_the_ground_has_the_color_asked_for(door, name, color):
    assert pixel(door.picture(format="png", bg_color=name), 0, 0) == color


def test_base64_comes_back_where_it_is_asked_for(door):
    said = door.rembg(returnBase64=True)

    kind, _, encoded = said["base64Image"].partition(",")
    assert kind == "data:image/png;base64"  # So says the client, whatever it got.
    assert Image.open(io.BytesIO(base64.b64decode(encoded))).format == "WEBP"


def test_the_result_is_a_file_until_it_is_cleaned_up(door):
    said = door.rembg(format="png")

    assert Path(said["outputImagePath"]).name.startswith("rembg-")
    assert said["outputImagePath"].endswith(".png")
    assert not said["left"]


def test_progress_is_told_both_ways_as_documented(door):
    said = door.rembg()

    for events, way in ((said["uploads"], "upload"), (said["downloads"], "download")):
        assert events
        assert all(set(event) >= EVENT and event[way] is True for event in events)
        assert events[-1]["progress"] == 1
        assert events[-1]["loaded"] == events[-1]["total"]


@pytest.mark.parametrize(
    ("options", "field", "sentence"),
    [
        pytest.param({"w": "abc"}, "w", "'w' must be an integer, got: 'abc'", id="size_type"),
        pytest.param({"w": -5}, "w", "'w' must be at least 1, got: -5", id="size_min"),
        pytest.param({"w": 15000}, "w", "'w' must be at most 10000, got: 15000", id="size_max"),
        pytest.param(
            {"angle": "ninety"}, "angle", "'angle' must be a number, got: 'ninety'", id="angle_type"
        ),
        pytest.param(
            {"angle": 500},
            "angle",
            "'angle' must be between -360 and 360 degrees, got: 500.0",
            id="angle_range",
        ),
        pytest.param(
            {"bg_color": "#12345"},
            "bg_color",
            "Invalid color format '#12345'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
            id="bg_color",
        ),
        pytest.param(
            {"returnMask": True, "bg_color": "red"},
            "bg_color",
            "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other.",
            id="mask_bg",
        ),
    ],
)
def test_a_wrong_option_fails_with_the_documented_words(door, options, field, sentence):
    status, body = door.refusal(**options)

    assert (status, body["status"], body["error"]) == (400, 400, sentence)


def test_several_wrong_options_are_all_named(door):
    status, body = door.refusal(w="abc", angle=500)

    assert (status, body["error"]) == (400, "Multiple validation errors")
    assert body["details"] == [
        {"field": "w", "message": "'w' must be an integer, got: 'abc'"},
        {
            "field": "angle",
            "message": "'angle' must be between -360 and 360 degrees, got: 500.0",
        },
    ]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        pytest.param(
            "setup.exe",
            b"MZ" + bytes(99),
            "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
            id="file_type",
        ),
        pytest.param(
            "text.png",
            b"not a picture at all",
            "File does not appear to be a valid image (invalid file signature)",
            id="signature",
        ),
        pytest.param("empty.png", b"", "Uploaded file is empty (0 bytes).", id="empty_file"),
        pytest.param(
            "wide.png",
            header_png(12000, 1),
            "Image width (12000px) exceeds the maximum allowed width of 10000px.",
            id="too_wide",
        ),
        pytest.param(
            "tall.png",
            header_png(1, 15000),
            "Image height (15000px) exceeds the maximum allowed height of 10000px.",
            id="too_tall",
        ),
    ],
)
def test_a_wrong_file_fails_with_the_documented_words(door, tmp_path, name, content, sentence):
    path = tmp_path / name
    path.write_bytes(content)

    status, body = door.refusal(path=path)

    assert (status, body["status"], body["error"]) == (400, 400, sentence)


@pytest.mark.parametrize("key", ["wrong", "rbk_" + "x" * 49])
@pytest.mark.parametrize("size", [2_000, 300_000, 8_000_000])
def test_a_wrong_key_fails_with_the_documented_words_whatever_the_size(door, tmp_path, key, size):
    path = tmp_path / "large.png"
    path.write_bytes(door.photo.read_bytes() + bytes(size))

    status, body = door.refusal(path=path, key=key)

    assert (status, body["status"], body["error"]) == (401, 401, "invalid api key")


@pytest.mark.parametrize("version", [version for version in OLDER if version != "1.1.2"])
def test_an_older_version_gets_its_picture_and_the_documented_words(door, tmp_path, version):
    empty = tmp_path / "empty.png"
    empty.touch()

    picture = door.picture(version=version)
    status, body = door.refusal(path=empty, version=version)

    assert (picture.format, picture.size) == ("WEBP", SIZE)
    assert (status, body["error"]) == (400, "Uploaded file is empty (0 bytes).")


def test_the_version_that_sends_its_key_in_a_header_of_another_name_is_told(door):
    """As 1.1.2 was published, no server can know whose call it is."""
    status, body = door.refusal(version="1.1.2")

    assert (status, body["status"]) == (401, 401)


def test_without_a_key_nothing_is_sent(door):
    assert "API key not provided" in door.rembg(key="")["error"]


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("rate_short", "You're making requests too quickly, Please Upgrade or slow down."),
        ("rate_daily", "You've reached your daily limit. Please sign up for more access."),
        ("rate_monthly", "You've reached your monthly limit. Consider purchasing more credits."),
    ],
)
@pytest.mark.parametrize("where", ["gateway", "sandbox"])
def test_a_limit_fails_with_the_documented_words(
    program, photo, gateway, account, mine, where, fault, sentence
):
    url, key = gateway.url, f"sandbox-fault-{fault}"
    if where == "sandbox":
        url = gateway.api_url
    else:
        add_key(account, key)
        _, key = issued(mine)

    said = program.rembg(url, key, photo, "path")

    _, status, body = said["error"].split(" ", 2)
    assert (int(status), json.loads(body)["error"]) == (429, sentence)
