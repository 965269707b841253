"""What comes back, in pixels."""

import io

import numpy as np
import pytest
from PIL import Image

from dashboard.sandbox.pictures import decode, read_header
from tests.sandbox.box import GROUND, SCENE, SUBJECT, Box, encoded, scene

CENTRE = (0.3, 0.5)


def at(picture: Image.Image, point: tuple[float, float] = CENTRE):
    return picture.getpixel((int(picture.width * point[0]), int(picture.height * point[1])))


def corners(picture: Image.Image) -> list:
    right, bottom = picture.width - 1, picture.height - 1
    return [picture.getpixel(xy) for xy in ((0, 0), (right, 0), (0, bottom), (right, bottom))]


def close(color, expected, tolerance=12) -> bool:
    return all(abs(a - b) <= tolerance for a, b in zip(color, expected, strict=False))


def test_the_subject_stays_and_the_corners_are_empty(model_box: Box):
    result = model_box.picture(SCENE)

    assert (result.mode, result.size) == ("RGBA", (240, 160))
    assert close(at(result), (*SUBJECT, 255))
    assert at(result)[3] == 255
    assert [corner[3] for corner in corners(result)] == [0, 0, 0, 0]


def test_edges_take_no_colour_from_the_ground(model_box: Box):
    pixels = np.asarray(model_box.picture(encoded(scene(2400, 1600).reduce(4)))).astype(int)
    edges = pixels[(pixels[..., 3] > 60) & (pixels[..., 3] < 200)]

    assert len(edges)
    assert np.median(np.abs(edges[:, :3] - SUBJECT).max(axis=1)) < 40


def test_the_default_is_webp(box: Box):
    result = box.remove(SCENE)

    assert result.headers["Content-Type"] == "image/webp"
    assert Image.open(io.BytesIO(result.content)).format == "WEBP"


BACKGROUNDS = [
    ({}, (0, 0, 0, 0)),
    ({"bg_color": "#0f0"}, (0, 255, 0)),
    ({"bg_color": "#00ff00"}, (0, 255, 0)),
    ({"bg_color": "#00ff00ff"}, (0, 255, 0)),
    ({"bg_color": "blue"}, (0, 0, 255)),
    ({"bg_color": "#00f8"}, (0, 0, 255, 136)),
    ({"bg_color": "#643200aa"}, (100, 50, 0, 170)),
    # These two have no transparency.
    ({"format": "jpeg"}, (255, 255, 255)),
    ({"format": "bmp"}, (255, 255, 255)),
    ({"format": "bmp", "bg_color": "#0000ff80"}, (127, 127, 255)),
]


@pytest.mark.parametrize("angle", ["0", "30", "45"])
@pytest.mark.parametrize(("fields", "corner"), BACKGROUNDS)
def test_the_corners_are_of_the_background_and_new_ones_too(box: Box, fields, corner, angle):
    result = box.picture(SCENE, angle=angle, **fields)

    assert result.format == fields.get("format", "png").upper()
    assert result.mode == ("RGBA" if len(corner) == 4 else "RGB")
    assert all(close(each, corner, 2) for each in corners(result))
    assert angle != "0" or close(at(result), SUBJECT)


def test_mask_is_the_alpha_alone(model_box: Box):
    mask, cut = model_box.picture(SCENE, mask="true"), model_box.picture(SCENE)

    assert mask.mode == "L"
    assert mask.tobytes() == cut.getchannel("A").tobytes()


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ({"w": "120"}, (120, 80)),
        ({"h": "320"}, (480, 320)),
        ({"w": "120", "h": "120"}, (120, 80)),
        ({"w": "120", "h": "40"}, (60, 40)),
        ({"w": "90", "h": "120", "exact_resize": "true"}, (90, 120)),
        ({"w": "120", "exact_resize": "true"}, (120, 80)),
        ({"w": "0", "h": "80"}, (120, 80)),
        ({"w": "1", "h": "1"}, (1, 1)),
    ],
)
def test_sizes_keep_the_aspect_unless_both_are_forced(box: Box, fields, size):
    assert box.picture(SCENE, **fields).size == size


def test_a_far_too_long_side_is_fitted(box: Box):
    assert box.picture(encoded(Image.new("RGB", (2, 400))), w="600").size == (50, 10000)


@pytest.mark.parametrize(
    ("fields", "size", "point"),
    [
        ({"angle": "90"}, (160, 240), (0.5, 0.7)),
        ({"angle": "-90"}, (160, 240), (0.5, 0.3)),
        ({"angle": "180"}, (240, 160), (0.7, 0.5)),
        ({"angle": "45"}, (283, 283), (0.36, 0.64)),
        ({"angle": "-45"}, (283, 283), (0.36, 0.36)),
        ({"angle": "45", "expand": "false"}, (240, 160), (0.36, 0.71)),
        ({"angle": "90", "w": "120"}, (80, 120), (0.5, 0.7)),
    ],
)
def test_turns_go_counter_clockwise_after_w_and_h_and_grow(box: Box, fields, size, point):
    result = box.picture(SCENE, **fields)

    assert result.size == size
    assert close(at(result, point), (*SUBJECT, 255))
    assert all(corner[3] == 0 for corner in corners(result))


def test_new_corners_of_a_mask_are_black(box: Box):
    assert corners(box.picture(SCENE, mask="true", angle="30")) == [0] * 4


def test_u19_broken_exif_is_no_reason_to_refuse(box: Box):
    image = encoded(scene(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\x12\x01" * 40)

    assert box.picture(image).size == (240, 160)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("CMYK", "JPEG"),
        ("L", "JPEG"),
        ("I;16", "PNG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("1", "PNG"),
        ("L", "BMP"),
        ("RGBA", "WEBP"),
    ],
)
def test_u21_every_kind_of_picture_is_read(box: Box, mode, kind):
    source = scene().convert("L") if mode == "I;16" else scene().convert(mode)
    if mode == "I;16":
        source = Image.fromarray(np.asarray(source).astype(np.uint16) * 257)

    result = box.picture(encoded(source, kind), bg_color="lime")

    assert result.size == (240, 160)
    assert all(corner == (0, 255, 0) for corner in corners(result))
    assert mode == "1" or not close(at(result), (0, 255, 0))


def test_what_was_transparent_stays_so(box: Box):
    source = scene().convert("RGBA")
    source.paste((0, 0, 0, 0), (0, 0, 240, 80))

    result = np.asarray(box.picture(encoded(source)))

    assert result[:79, :, 3].max() == 0


def test_without_a_model_a_plain_cut_stands_in_and_says_so(box: Box):
    answer = box.remove(SCENE, format="png")
    result = Image.open(io.BytesIO(answer.content))

    assert answer.headers["X-RemBG-Sandbox-Model"] == "none"
    assert close(at(result), (*SUBJECT, 255))
    assert [corner[3] for corner in corners(result)] == [0, 0, 0, 0]
    assert box.remove(encoded(Image.new("RGB", (60, 60), GROUND))).status_code == 200


def test_a_broken_model_is_as_none(tmp_path):
    model = tmp_path / "broken.onnx"
    model.write_bytes(b"not a model")
    box = Box(tmp_path, model=model)

    assert box.remove(SCENE).headers["X-RemBG-Sandbox-Model"] == "none"
    assert box.stop() == 0


def test_the_model_says_its_name(model_box: Box):
    assert model_box.usage().headers["X-RemBG-Sandbox-Model"] == "u2netp"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (8, 8)])
@pytest.mark.parametrize("progressive", [False, True])
def test_u14_the_smallest_jpegs_are_read(box: Box, size, progressive):
    image = encoded(Image.new("RGB", size, SUBJECT), "JPEG", progressive=progressive)

    assert box.picture(image).size == size


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK"])
def test_bands_of_a_large_picture_fit_together(mode):
    x, y = np.meshgrid(np.linspace(0, 255, 1500), np.linspace(0, 255, 1300))
    layers = np.dstack((x, y, x, np.full_like(x, 255)))[..., : len(mode)].squeeze()
    source = Image.fromarray(layers.astype(np.uint8), mode if mode == "CMYK" else None)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    file = io.BytesIO(encoded(source, kind, **({"quality": 98} if kind == "JPEG" else {})))

    result = np.asarray(decode(read_header(file), (1100, 901)).convert("RGB")).astype(int)

    wanted = Image.open(file).resize((1100, 901), Image.Resampling.BILINEAR).convert("RGB")
    assert np.abs(result - np.asarray(wanted).astype(int)).max() <= 2
