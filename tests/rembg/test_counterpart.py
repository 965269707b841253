"""The counterpart of rembg.js: what it takes, what it gives, what it refuses (contract 3)."""

import base64
import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from PIL import Image

from dashboard.rembg import Timeouts, errors, rembg
from tests.rembg.conftest import CANARY, drawn
from tests.rembg.hostile import Line, always, hostile, http
from tests.rembg.samples import GPS, exif_of, saved
from tests.rembg.test_client import parts_of
from tests.rembg.test_recognition import TABLE
from tests.removals.conftest import subject

ROOT = Path(__file__).resolve().parents[2]
KEY = "sandbox-counterpart"
PICTURE = subject("JPEG", (320, 240))
TEXT = base64.b64encode(PICTURE).decode()
WEBP = "image/webp"

ROWS = {row: sentence for row, _, sentence in TABLE}
REFUSED_HERE = {
    "size_type": ({"w": "abc"}, ROWS["size_type"]),
    "size_min": ({"w": -5}, ROWS["size_min"]),
    "size_max": ({"w": 15000}, ROWS["size_max"]),
    "angle_type": ({"angle": "ninety"}, ROWS["angle_type"]),
    "angle_range": ({"angle": 500}, ROWS["angle_range"]),
    "format": ({"format": "gif"}, ROWS["format"]),
    "bg_color": ({"bg_color": "#12345"}, ROWS["bg_color"]),
    "mask_bg": ({"returnMask": True, "bg_color": "red"}, ROWS["mask_bg"]),
    "flag": ({"expand": "maybe"}, "expand must be true or false."),
    "flag-base64": ({"returnBase64": 1}, "return_base64 must be true or false."),
}


@pytest.fixture
def scratch(tmp_path, monkeypatch) -> Path:
    """Where temporary files go, so that a test sees what is left of them."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def ask(sandbox, scratch):
    """Ask the sandbox for a picture with options, and open the answer."""

    def ask(image=PICTURE, key=KEY, **options) -> Image.Image:
        result = rembg(api_key=key, input_image=image, options=options, api_url=sandbox.url)
        with result, Image.open(result.output_image_path) as picture:
            picture.load()
        return picture

    return ask


def corner(picture: Image.Image):
    return picture.convert("RGBA").getpixel((2, 2))


def test_a_path_becomes_a_file_of_the_same_size(ask, sandbox, tmp_path):
    path = tmp_path / "shoe.jpg"
    path.write_bytes(PICTURE)

    for image in (path, str(path)):
        picture = ask(image)

        assert (picture.format, picture.size) == ("WEBP", (320, 240))
        assert corner(picture)[3] == 0
    assert len(sandbox.ledger(KEY)) == 2


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(PICTURE, id="bytes"),
        pytest.param(bytearray(PICTURE), id="bytearray"),
        pytest.param({"base64": TEXT}, id="base64"),
        pytest.param({"base64": f"data:image/jpeg;base64,{TEXT}"}, id="data-url"),
        pytest.param({"base64": f"\n{TEXT[:80]}\n{TEXT[80:]}".rstrip("=")}, id="lines-no-padding"),
        pytest.param({"base64": TEXT.translate(str.maketrans("+/", "-_"))}, id="url-safe"),
    ],
)
def test_what_is_in_memory_is_taken_in_each_form(ask, image):
    assert ask(image, format="png").size == (320, 240)


@pytest.mark.parametrize("kind", ["png", "webp", "jpeg", "bmp"])
def test_every_format_of_the_api_comes_back(ask, kind):
    assert ask(format=kind).format == kind.upper()


def test_the_answer_can_be_a_data_url(sandbox, scratch):
    options = {"returnBase64": True, "format": "png"}

    result = rembg(api_key=KEY, input_image=PICTURE, options=options, api_url=sandbox.url)

    prefix, text = result.base64_image.split(",")
    assert prefix == "data:image/png;base64"
    assert Image.open(io.BytesIO(base64.b64decode(text))).size == (320, 240)
    assert result.output_image_path is None
    assert list(scratch.iterdir()) == []


def test_the_mask_alone_is_grey(ask):
    picture = ask(returnMask=True, format="png").convert("RGB")

    assert picture.getpixel((2, 2)) == (0, 0, 0)
    assert all(len(set(colour)) == 1 for _, colour in picture.getcolors(70_000))


def test_a_width_keeps_the_proportions_and_exact_resize_does_not(ask):
    assert ask(w=160).size == (160, 120)
    assert ask(h=60.0, w=0).size == (80, 60)
    assert ask(w=100, h=100).size == (100, 75)
    assert ask(w=100, h=100, exact_resize=True).size == (100, 100)


def test_a_turned_picture_grows_unless_told_not_to(ask):
    wide = ask(angle=45)

    assert wide.size > (320, 240)
    assert ask(angle=45, expand=False).size == (320, 240)


@pytest.mark.parametrize("colour", ["#ff0000", "#F00", "#ff0000ff", "red"])
def test_a_colour_by_hex_and_by_name_is_the_ground(ask, colour):
    assert corner(ask(bg_color=colour, format="png")) == (255, 0, 0, 255)


def test_only_what_differs_from_the_defaults_is_sent():
    every = {"w": 0, "h": None, "returnMask": False, "angle": 0, "expand": True, "bg_color": None}

    with hostile(always(http(200, drawn(320, 240, "WEBP"), Content_Type=WEBP))) as server:
        rembg(api_key=CANARY, input_image=PICTURE, options=every, api_url=server.url).cleanup()

    assert [name for name, _ in parts_of(server)] == ["image", "format"]


def test_progress_comes_in_the_fields_of_the_node_client(sandbox, scratch):
    up, down = [], []

    with rembg(
        api_key=KEY,
        input_image=PICTURE,
        on_upload_progress=up.append,
        on_download_progress=down.append,
        api_url=sandbox.url,
    ) as result:
        size = result.output_image_path.stat().st_size

    assert (up[-1].progress, up[-1].upload, up[-1].download) == (1.0, True, False)
    assert up[-1].loaded == up[-1].total == sum(event.bytes for event in up) > len(PICTURE)
    assert (down[-1].progress, down[-1].upload, down[-1].download) == (1.0, False, True)
    assert down[-1].loaded == down[-1].total == sum(event.bytes for event in down) == size
    assert down[-1].rate > 0 and down[-1].estimated == 0


def test_cleaning_up_deletes_the_file_as_often_as_asked(sandbox, scratch):
    result = rembg(api_key=KEY, input_image=PICTURE, api_url=sandbox.url)

    assert re.fullmatch(r"rembg-.+\.webp", result.output_image_path.name)
    assert list(scratch.iterdir()) == [result.output_image_path]
    result.cleanup()
    result.cleanup()
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("key", [None, "", "  \n"])
def test_k1_a_missing_key_is_an_error_before_any_request(key):
    with hostile(always(http(500))) as server, pytest.raises(errors.MalformedKey, match="missing"):
        rembg(api_key=key, input_image="not-even-there.png", api_url=server.url)

    assert server.connections == 0


@pytest.mark.parametrize("row", ["format", "too_wide", "bad_key", "rate_monthly"])
def test_upstream_refuses_in_the_documented_words(sandbox, scratch, row):
    with pytest.raises(errors.RembgError) as caught:
        rembg(api_key=f"sandbox-fault-{row}", input_image=PICTURE, api_url=sandbox.url)

    assert (str(caught.value), caught.value.code) == (ROWS[row], row)
    assert (caught.value.sent, caught.value.charged) == ("yes", "no")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("row", [pytest.param(row, id=row) for row in REFUSED_HERE])
def test_a_wrong_option_is_refused_in_the_same_words_before_a_byte_leaves(row):
    options, sentence = REFUSED_HERE[row]

    with hostile(always(http(500))) as server, pytest.raises(errors.Refused) as caught:
        rembg(api_key=CANARY, input_image=PICTURE, options=options, api_url=server.url)

    assert (str(caught.value), caught.value.sent) == (sentence, "no")
    assert server.connections == 0


def test_several_wrong_options_are_named_at_once():
    with pytest.raises(errors.InvalidFields) as caught:
        rembg(api_key=KEY, input_image=PICTURE, options={"w": "abc", "angle": 500})

    assert [problem.field for problem in caught.value.details] == ["w", "angle"]


@pytest.mark.parametrize(
    ("image", "leaf"),
    [
        pytest.param(b"", errors.EmptyFile, id="empty_file"),
        pytest.param({"base64": ""}, errors.EmptyFile, id="empty_file-base64"),
        pytest.param(b"GIF89a" + bytes(99), errors.BadSignature, id="signature"),
        pytest.param({"base64": "%%%%"}, errors.BadSignature, id="signature-base64"),
        pytest.param({"base64": "data:image/png,x"}, errors.BadSignature, id="signature-data-url"),
        pytest.param({"base64": TEXT[:-9]}, errors.Truncated, id="U15-cut"),
        pytest.param(drawn(10_001, 1, "PNG"), errors.TooWide, id="too_wide"),
        pytest.param(drawn(1, 10_001, "PNG"), errors.TooTall, id="too_tall"),
        pytest.param(__file__, errors.FileType, id="file_type"),
    ],
)
def test_a_wrong_picture_is_refused_before_a_byte_leaves(image, leaf):
    with hostile(always(http(500))) as server, pytest.raises(leaf):
        rembg(api_key=CANARY, input_image=image, api_url=server.url)

    assert server.connections == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retrunMask": True}, "There is no option 'retrunMask'. Did you mean 'returnMask'?"),
        ({"mask": True, "returnMask": True}, "'mask' was given twice, as 'returnMask' too."),
        ({"zzz": 1}, "There is no option 'zzz'. There are: format, w, h,"),
    ],
)
def test_an_unknown_option_is_a_mistake_of_the_caller(options, words):
    with pytest.raises(TypeError, match=re.escape(words)):
        rembg(api_key=KEY, input_image=PICTURE, options=options)


@pytest.mark.parametrize("image", [None, 3, {"base46": "x"}, {"base64": b"x"}, ["x.png"]])
def test_another_kind_of_input_is_a_mistake_of_the_caller(image):
    with pytest.raises(TypeError, match="input_image is a path, bytes"):
        rembg(api_key=KEY, input_image=image)


def test_a_file_that_is_not_there_is_said_to_be_so(tmp_path):
    with pytest.raises(FileNotFoundError):
        rembg(api_key=KEY, input_image=tmp_path / "gone.png")


def test_a5_a_key_travels_to_https_or_loopback_only():
    with pytest.raises(ValueError, match="plain http is for loopback"):
        rembg(api_key=KEY, input_image=PICTURE, api_url="http://api.example.com")


def test_u10_place_and_camera_stay_here_unless_told_otherwise(scratch):
    photo = saved("jpeg", size=(320, 240), exif=exif_of())
    assert GPS.encode() in photo

    with hostile(always(http(200, drawn(320, 240, "WEBP"), Content_Type=WEBP))) as server:
        for keep in (False, True):
            rembg(
                api_key=CANARY, input_image=photo, api_url=server.url, keep_metadata=keep
            ).cleanup()

    assert GPS.encode() not in server.bodies[0]
    assert b"CANARY Camera" not in server.bodies[0]
    assert photo in server.bodies[1]


def test_a_small_picture_of_an_empty_account_is_said_to_be_one(sandbox, scratch):
    with rembg(
        api_key="sandbox-fault-degraded",
        input_image=subject("JPEG", (800, 600)),
        api_url=sandbox.url,
    ) as result:
        assert result.removed.is_degraded
        assert "out of credits" in result.removed.notices[0].message


def test_f6_a_server_that_never_answers_is_left_in_time(scratch):
    def silent(line: Line) -> None:
        line.request()
        line.wait()

    with hostile(silent) as server, pytest.raises(errors.AnswerTimeout) as caught:
        rembg(
            api_key=CANARY,
            input_image=PICTURE,
            api_url=server.url,
            timeouts=Timeouts(answer=0.3, total=60),
        )

    assert (caught.value.charged, caught.value.retriable) == ("unknown", False)
    assert list(scratch.iterdir()) == []


def test_nothing_is_sent_a_second_time_by_itself(scratch):
    with hostile(always(http(503))) as server, pytest.raises(errors.UpstreamError):
        rembg(api_key=CANARY, input_image=PICTURE, api_url=server.url)

    assert server.connections == 1


def test_it_is_imported_without_django():
    code = (
        "import sys\n"
        "from dashboard.rembg import Progress, RembgError, Result, Timeouts, errors, rembg\n"
        "import dashboard.rembg.commandline.round\n"
        "assert 'django' not in sys.modules and 'environs' not in sys.modules\n"
    )

    subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        check=True,
        timeout=120,
    )


def test_the_examples_of_the_documents_run_as_written(sandbox, scratch, monkeypatch, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.S)
    monkeypatch.chdir(scratch)
    Path("shoe.jpg").write_bytes(PICTURE)
    ours = f'api_key="{KEY}", api_url="{sandbox.url}"'

    for block in blocks:
        assert 'api_key="YOUR_API_KEY"' in block
        exec(block.replace('api_key="YOUR_API_KEY"', ours), {})

    assert len(blocks) >= 3
    assert len(sandbox.ledger(KEY)) >= 3
