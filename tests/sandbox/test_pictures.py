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


@pytest.mark.parametrize("kind", ["JPEG", "BMP"])
def test_formats_without_transparency_come_on_white(box: Box, kind):
    result = box.picture(SCENE, format=kind.lower())

    assert (result.format, result.mode) == (kind, "RGB")
    assert all(close(corner, (255, 255, 255)) for corner in corners(result))


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("#0f0", (0, 255, 0)),
        ("#00ff00", (0, 255, 0)),
        ("#00ff00ff", (0, 255, 0)),
        ("blue", (0, 0, 255)),
        ("#00f8", (0, 0, 255, 136)),
        ("#0000ff80", (0, 0, 255, 128)),
    ],
)
def test_bg_color_lies_behind_the_subject(box: Box, color, expected):
    result = box.picture(SCENE, bg_color=color)

    assert all(corner == expected for corner in corners(result))
    assert close(at(result), SUBJECT)


def test_a_see_through_bg_color_lies_on_white_where_there_is_no_transparency(box: Box):
    result = box.picture(SCENE, bg_color="#0000ff80", format="bmp")

    assert all(close(corner, (127, 127, 255), 2) for corner in corners(result))


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
    ("angle", "point"), [("90", (0.5, 0.7)), ("-90", (0.5, 0.3)), ("180", (0.7, 0.5))]
)
def test_quarter_turns_go_counter_clockwise_and_lose_nothing(box: Box, angle, point):
    result = box.picture(SCENE, angle=angle)

    assert result.size == ((240, 160) if angle == "180" else (160, 240))
    assert close(at(result, point), (*SUBJECT, 255))
    assert all(corner[3] == 0 for corner in corners(result))


def test_a_turned_picture_grows_unless_expand_is_false(box: Box):
    grown = box.picture(SCENE, angle="45")
    cropped = box.picture(SCENE, angle="45", expand="false")

    assert grown.size == (283, 283)
    assert cropped.size == (240, 160)
    assert all(corner[3] == 0 for corner in (*corners(grown), *corners(cropped)))


def test_the_turned_size_comes_after_w_and_h(box: Box):
    assert box.picture(SCENE, w="120", angle="90").size == (80, 120)


@pytest.mark.parametrize(("angle", "point"), [("45", (0.36, 0.64)), ("-45", (0.36, 0.36))])
def test_other_turns_go_counter_clockwise_too(box: Box, angle, point):
    assert close(at(box.picture(SCENE, angle=angle), point), (*SUBJECT, 255))


@pytest.mark.parametrize(
    ("fields", "corner"),
    [
        ({"bg_color": "red"}, (255, 0, 0)),
        ({"bg_color": "#643200aa"}, (100, 50, 0, 170)),
        ({"mask": "true"}, (0,)),
        ({"format": "bmp"}, (255, 255, 255)),
    ],
)
def test_new_corners_are_of_the_background(box: Box, fields, corner):
    result = box.picture(SCENE, angle="30", **fields)

    assert all(close(np.atleast_1d(each), corner, 2) for each in corners(result))


@pytest.mark.parametrize(
    ("orientation", "point"),
    [(1, (0.3, 0.5)), (3, (0.7, 0.5)), (6, (0.5, 0.3)), (8, (0.5, 0.7))],
    ids=["1", "3", "U18-orientation-6", "8"],
)
def test_exif_orientation_is_respected(box: Box, orientation, point):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = encoded(scene(), "JPEG", exif=exif, quality=95)

    result = box.picture(image, name="phone.jpg")

    assert result.size == ((160, 240) if orientation in (6, 8) else (240, 160))
    assert close(at(result, point), SUBJECT, 30)
    assert 0x0112 not in result.getexif()


def test_sizes_are_those_of_the_upright_picture(box: Box):
    exif = Image.Exif()
    exif[0x0112] = 6

    assert box.picture(encoded(scene(), "JPEG", exif=exif), w="80").size == (80, 120)


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
