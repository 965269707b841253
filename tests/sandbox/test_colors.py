"""Colour profiles (U43) and transparent colours (U44), compared as a browser shows them."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.sandbox.box import Box, encoded, png, scene

SRGB = ImageCms.createProfile("sRGB")
# Primaries, adapted to D50 (rows: red, green, blue), and gamma.
P3 = (0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)
ADOBE = (0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)
PROPHOTO = (0.79767, 0.28804, 0.0), (0.13519, 0.71188, 0.0), (0.03134, 0.00009, 0.82491)
SPACES = {"display-p3": (P3, 2.2), "adobe-rgb": (ADOBE, 2.19921875), "prophoto": (PROPHOTO, 1.8)}
WHITE = (0.9642, 1.0, 0.8249)


def fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def profile(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    """An ICC profile (version 2.4) with these tags and the ones that each must have."""
    name = b"made for a test\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78)
    tags = {b"desc": description, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz(WHITE), **tags}
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    pcs = b"Lab " if kind == b"prtr" else b"XYZ "
    made = (2024, 1, 1, 0, 0, 0)
    about = (b"lcms", 0x02400000, kind, space, pcs)
    head = struct.pack(">I4sI4s4s4s6H", start + len(body), *about, *made) + b"acsp" + bytes(28)
    head += b"".join(map(fixed, WHITE))
    return head + bytes(128 - len(head)) + table + body


def xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(fixed, values))


def gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def rgb_profile(name: str) -> bytes:
    primaries, power = SPACES[name]
    colors = {f"{c}XYZ".encode(): xyz(p) for c, p in zip("rgb", primaries, strict=True)}
    return profile(b"RGB ", colors | {f"{c}TRC".encode(): gamma(power) for c in "rgb"})


def cmyk_profile() -> bytes:
    """Inks whose corners are looked up: paper, then each that takes its share of light."""
    bits = [[(i >> s) & 1 for s in (3, 2, 1, 0)] for i in range(16)]
    cyan, magenta, yellow, black = np.array(bits, dtype=float).T
    left = 1 - 0.9 * black
    light = 100 * (1 - 0.3 * cyan) * (1 - 0.35 * magenta) * (1 - 0.05 * yellow) * left
    a, b = (60 * magenta - 25 * cyan) * left, (70 * yellow - 30 * cyan) * left
    lab = np.stack((light * 255 / 100, a + 128, b + 128), axis=1).round().astype(np.uint8)
    ramp = bytes(range(256))
    matrix = b"".join(fixed(v) for v in (1, 0, 0, 0, 1, 0, 0, 0, 1))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + matrix + ramp * 4 + lab.tobytes() + ramp * 3
    return profile(b"CMYK", {b"A2B0": table}, b"prtr")


def shown(picture: Image.Image, mode: str = "RGB") -> np.ndarray:
    """The colours that a browser shows: by the profile where there is one."""
    rgb = picture.convert("RGB") if picture.mode != mode else picture
    if "icc_profile" in picture.info:
        own = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        rgb = ImageCms.profileToProfile(rgb, own, SRGB, outputMode="RGB")
    return np.asarray(rgb.convert("RGB")).astype(int)


def error(box: Box, image: bytes, mode: str = "RGB", **fields: str) -> float:
    """How far the subject's colours in the answer are from the original's, of 255."""
    answer = box.picture(image, **fields)
    subject = np.asarray(answer.convert("RGBA"))[..., 3] == 255
    original = shown(Image.open(io.BytesIO(image)), mode)
    assert subject.sum() > 1000
    return float(np.abs(shown(answer) - original)[subject].mean())


@pytest.mark.parametrize(
    ("kind", "options"),
    [("JPEG", {"quality": 97}), ("PNG", {}), ("WEBP", {"lossless": True})],
    ids=["jpeg", "png", "webp"],
)
@pytest.mark.parametrize("space", SPACES)
def test_u43_a_wide_space_is_shown_as_its_profile_says(box: Box, space, kind, options):
    image = encoded(scene(), kind, icc_profile=rgb_profile(space), **options)

    assert error(box, image) < 3


@pytest.mark.parametrize("fields", [{"bg_color": "#fff"}, {"format": "webp"}, {"w": "120"}])
def test_u43_whatever_is_asked_for_the_subject_has_the_right_colour(box: Box, fields):
    image = encoded(scene(), "PNG", icc_profile=rgb_profile("display-p3"))
    wanted = shown(Image.open(io.BytesIO(image)))[80, 72]

    result = box.picture(image, **fields)

    x, y = int(result.width * 0.3), int(result.height * 0.5)
    assert np.abs(shown(result)[y, x] - wanted).mean() < 4


@pytest.mark.parametrize(
    ("picture", "options", "space"),
    [
        pytest.param(scene().convert("RGBA"), {}, "adobe-rgb", id="alpha"),
        pytest.param(scene().quantize(16), {}, "display-p3", id="palette"),
        pytest.param(scene().quantize(2), {"bits": 1}, "prophoto", id="1-bit-palette"),
    ],
)
def test_u43_profiles_hold_for_palettes_and_pictures_with_alpha(box: Box, picture, options, space):
    assert error(box, encoded(picture, icc_profile=rgb_profile(space), **options)) < 3


@pytest.mark.parametrize("power", [1.0, 1.8, 3.0])
@pytest.mark.parametrize("mode", ["L", "LA"])
def test_u43_a_grey_profile_is_followed(box: Box, mode, power):
    grey = profile(b"GRAY", {b"kTRC": gamma(power)})
    image = encoded(scene().convert(mode), icc_profile=grey)
    plain = scene().convert("L")
    own = ImageCms.ImageCmsProfile(io.BytesIO(grey))
    wanted = ImageCms.profileToProfile(plain, own, SRGB, outputMode="RGB").getpixel((72, 80))

    result = box.picture(image).getpixel((72, 80))

    assert np.abs(np.subtract(result[:3], wanted)).max() < 3


@pytest.mark.parametrize("color", [(190, 30, 40), (20, 90, 160), (90, 150, 30)])
@pytest.mark.parametrize("with_profile", [True, False], ids=["profile", "plain"])
def test_u43_cmyk_is_shown_as_in_a_browser(box: Box, with_profile, color):
    picture = scene()
    pixels = np.array(picture)
    pixels[(pixels == (190, 30, 40)).all(axis=2)] = color
    inks = Image.fromarray(pixels).convert("CMYK")
    options = {"icc_profile": cmyk_profile()} if with_profile else {}
    image = encoded(inks, "JPEG", quality=97, **options)

    assert error(box, image, mode="CMYK" if with_profile else "RGB") < 3


@pytest.mark.parametrize(
    "icc",
    [b"no profile", rgb_profile("display-p3")[:200], profile(b"GRAY", {b"kTRC": gamma(3.0)}),
     cmyk_profile(), bytes(128), rgb_profile("display-p3").replace(b"acsp", b"xxxx")],
    ids=["text", "cut", "grey-for-rgb", "cmyk-for-rgb", "zeros", "no-signature"],
)  # fmt: skip
def test_u43_a_profile_that_is_broken_or_does_not_fit_is_ignored(box: Box, icc):
    result = box.picture(encoded(scene(), "PNG", icc_profile=icc))

    assert np.abs(np.subtract(result.getpixel((72, 80))[:3], (190, 30, 40))).max() < 3


def rows(samples: list[int], depth: int) -> bytes:
    """Samples of one row, packed as PNG does."""
    bits = "".join(f"{sample:0{depth}b}" for sample in samples)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def stripes(
    clear: tuple[int, ...], other: tuple[int, ...], depth: int, color: int, *chunks
) -> bytes:
    """96 × 64 pixels, the left half of the colour that tRNS calls transparent."""
    samples = [*clear] * 48 + [*other] * 48
    return png((96, 64), depth, color, rows(samples, depth), *chunks)


def clear_grey(value: int) -> tuple[bytes, bytes]:
    return b"tRNS", struct.pack(">H", value)


def clear_rgb(*values: int) -> tuple[bytes, bytes]:
    return b"tRNS", struct.pack(">HHH", *values)


PALETTE = b"PLTE", bytes((10, 200, 30, 200, 20, 60))
DEEP = (2600, 51234, 7800)
CLEAR = {
    "grey-1": stripes((1,), (0,), 1, 0, clear_grey(1)),
    "grey-1-black": stripes((0,), (1,), 1, 0, clear_grey(0)),
    "grey-2": stripes((2,), (0,), 2, 0, clear_grey(2)),
    "grey-4": stripes((11,), (3,), 4, 0, clear_grey(11)),
    "grey-8": stripes((201,), (40,), 8, 0, clear_grey(201)),
    "grey-16": stripes((51234,), (9000,), 16, 0, clear_grey(51234)),
    "grey-16-near": stripes((51234,), (51235,), 16, 0, clear_grey(51234)),
    "rgb-8": stripes((10, 200, 30), (200, 20, 60), 8, 2, clear_rgb(10, 200, 30)),
    "rgb-8-near": stripes((10, 200, 30), (10, 200, 90), 8, 2, clear_rgb(10, 200, 30)),
    "rgb-16": stripes(DEEP, (51234, 5200, 15600), 16, 2, clear_rgb(*DEEP)),
    "palette-1": stripes((0,), (1,), 1, 3, PALETTE, (b"tRNS", b"\0\xff")),
    "palette-2": stripes((0,), (1,), 2, 3, PALETTE, (b"tRNS", b"\0")),
    "palette-4": stripes((1,), (0,), 4, 3, PALETTE, (b"tRNS", b"\xff\0")),
    "palette-8": stripes((0,), (1,), 8, 3, PALETTE, (b"tRNS", b"\0\xff")),
}


@pytest.mark.parametrize("fields", [{}, {"w": "48"}, {"w": "300"}], ids=["as-is", "less", "more"])
@pytest.mark.parametrize("kind", CLEAR)
def test_u44_a_transparent_colour_stays_transparent_and_no_other_one_does(box: Box, kind, fields):
    mask = box.picture(CLEAR[kind], mask="true", **fields)
    alpha = np.asarray(mask).astype(int)
    middle = mask.width // 2

    assert alpha[:, : middle - 4].max() == 0
    # Smaller, the plain cut takes all that is left for ground.
    assert fields.get("w") == "48" or alpha[16:-16, middle + 8 : -8].max() > 0


@pytest.mark.parametrize("kind", ["grey-8", "rgb-8", "palette-8"])
def test_u44_what_is_not_transparent_keeps_its_colour_at_the_edge(box: Box, kind):
    """Averaged with the colour behind it, it would show a rim."""
    wanted = {"grey-8": (40, 40, 40), "rgb-8": (200, 20, 60), "palette-8": (200, 20, 60)}[kind]

    pixels = np.asarray(box.picture(CLEAR[kind], w="72")).astype(int)

    seen = pixels[pixels[..., 3] > 200][:, :3]
    assert np.abs(seen - wanted).max() < 30
