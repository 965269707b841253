"""A picture leaves without what it tells of its maker, and with every pixel (promises U10, U17)."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from dashboard.rembg.pictures import inspect, without_metadata
from tests.examples import examples
from tests.rembg import samples

CANARY = b"CANARY"
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">CANARY</x:xmpmeta>'


def stripped(data):
    result, kept = without_metadata(io.BytesIO(data), filename="")
    left = kept.read()
    assert result.size == len(left)
    return left, result


def shown(data):
    """The pixels as a person sees them, by another decoder than ours."""
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return picture.mode, np.array(ImageOps.exif_transpose(picture)), np.array(picture)


def assert_same_picture(before, after):
    for one, other in zip(shown(before), shown(after), strict=True):
        assert np.array_equal(one, other)


def full_jpeg(orientation=6, mode="RGB", **options):
    """A JPEG with all that a camera and an editor put into it."""
    jfif = samples.segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\2" + CANARY.ljust(12, b"\xff"))
    data = samples.saved(
        "jpeg", mode, exif=samples.exif_of(orientation), icc_profile=samples.icc(), **options
    )
    extra = (
        samples.segment(0xE0, b"JFXX\0\x10" + CANARY),
        samples.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP),
        samples.segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04" + CANARY),
        samples.segment(0xE5, b"vendor" + CANARY),
        samples.segment(0xFE, CANARY),
    )
    body = samples.with_segments(data, *extra)
    if b"JFIF" in data[:20]:
        return b"\xff\xd8" + jfif + body[20:] + b"\xff\xd8\xff" + CANARY
    return body + CANARY


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("progressive", [False, True])
def test_u17_a_jpeg_keeps_pixels_profile_and_orientation_only(orientation, progressive):
    data = full_jpeg(orientation, progressive=progressive)
    assert samples.GPS.encode() in data

    after, result = stripped(data)

    assert CANARY not in after
    assert_same_picture(data, after)
    assert result.orientation == orientation
    assert inspect(io.BytesIO(after), filename="").orientation == orientation
    with Image.open(io.BytesIO(after)) as picture:
        assert picture.info["icc_profile"] == samples.icc()
        assert picture.info["jfif_density"] == (1, 1)
        assert set(picture.getexif()) == ({0x0112} if orientation != 1 else set())


def test_u17_the_previews_behind_a_phone_picture_are_cut():
    target = io.BytesIO()
    preview = samples.pixels(size=(10, 10))
    samples.pixels().save(target, "MPO", save_all=True, append_images=[preview])
    data = target.getvalue()

    after, result = stripped(data)

    assert_same_picture(data, after)
    assert after.count(b"\xff\xd9") == 1


def test_u17_comments_between_the_scans_go_too():
    data = samples.saved("jpeg", progressive=True, size=(200, 150))
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    spoilt = data[:second] + samples.segment(0xFE, CANARY) + data[second:]

    after, result = stripped(spoilt)

    assert CANARY not in after
    assert_same_picture(data, after)


@pytest.mark.parametrize("mode", ["CMYK", "L"])
def test_u21_a_jpeg_of_another_mode_keeps_its_colours(mode):
    data = full_jpeg(3, mode)

    after, _ = stripped(data)

    assert CANARY not in after
    assert_same_picture(data, after)


def test_u21_an_adobe_segment_with_something_behind_it_is_cut_to_its_meaning():
    data = samples.saved("jpeg", "CMYK")
    at = data.index(b"\xff\xee")
    longer = samples.segment(0xEE, data[at + 4 : at + 16] + CANARY)
    spoilt = data[:at] + longer + data[at + 16 :]

    after, _ = stripped(spoilt)

    assert CANARY not in after
    assert_same_picture(data, after)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "LA", "L", "1", "I;16"])
def test_u17_a_png_keeps_pixels_and_what_shows_them(mode):
    options = {"transparency": 3} if mode == "P" else {}
    data = samples.saved(
        "png",
        mode,
        pnginfo=samples.png_text(Author="CANARY", Comment="CANARY"),
        exif=samples.exif_of(6),
        icc_profile=samples.icc(),
        dpi=(300, 300),
        **options,
    )
    data = samples.with_chunks(
        data,
        samples.chunk(b"gAMA", struct.pack(">I", 45455)),
        samples.chunk(b"tIME", CANARY + b"\0"),
        samples.chunk(b"zTXt", b"a\0\0" + zlib.compress(CANARY)),
        samples.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP),
        samples.chunk(b"vpAg", CANARY),
    )

    after, result = stripped(data + CANARY)

    assert CANARY not in after
    assert_same_picture(data, after)
    assert result.orientation == 6
    with Image.open(io.BytesIO(after)) as picture:
        assert picture.info["icc_profile"] == samples.icc()
        assert picture.info["gamma"] == 0.45455
        assert round(picture.info["dpi"][0]) == 300
        assert picture.text == {}


def test_u17_the_orientation_of_a_png_is_found_behind_its_data():
    data = samples.saved("png")
    exif = samples.exif_of(8).removeprefix(b"Exif\0\0")
    late = data[:-12] + samples.chunk(b"eXIf", exif) + data[-12:]

    after, result = stripped(late)

    assert result.orientation == 8
    assert inspect(io.BytesIO(after), filename="").orientation == 8
    assert CANARY not in after


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(b"p\0\0" + zlib.compress(bytes(50 << 20)), id="U16-bomb"),
        pytest.param(b"p\0\0" + zlib.compress(bytes(2000)) + CANARY, id="U16-something-behind"),
        pytest.param(b"p\0\0" + zlib.compress(bytes(2000))[:-4], id="U16-cut"),
        pytest.param(b"p\0\0not deflated", id="U16-garbage"),
        pytest.param(b"p" * 90, id="U16-no-end-of-name"),
        pytest.param(b"", id="U16-empty"),
    ],
)
def test_u16_a_profile_that_is_not_one_is_dropped(profile):
    data = samples.saved("png")

    tracemalloc.start()
    after, result = stripped(samples.with_chunks(data, samples.chunk(b"iCCP", profile)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert after == data
    assert peak < 5_000_000


def test_u16_an_oversized_helper_chunk_is_dropped_unread():
    data = samples.saved("png")
    bomb = samples.chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(50 << 20)))

    after, _ = stripped(samples.with_chunks(data, bomb, samples.chunk(b"gAMA", bytes(5000))))

    assert after == data


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_u17_a_webp_keeps_pixels_profile_and_orientation_only(mode, lossless, orientation):
    data = samples.saved(
        "webp",
        mode,
        lossless=lossless,
        exif=samples.exif_of(orientation),
        xmp=XMP,
        icc_profile=samples.icc(),
    )
    assert CANARY in data

    after, result = stripped(data)

    assert CANARY not in after
    assert_same_picture(data, after)
    assert result.orientation == orientation
    with Image.open(io.BytesIO(after)) as picture:
        assert picture.info["icc_profile"] == samples.icc()
        assert "xmp" not in picture.info
        assert set(picture.getexif()) == ({0x0112} if orientation != 1 else set())


def test_u17_a_simple_webp_has_nothing_behind_its_picture():
    data = samples.saved("webp")
    extra = ((b"EXIF", CANARY), (b"junk", CANARY), (b"ICCP", CANARY))
    spoilt = samples.riff((data[12:16], data[20:]), *extra)

    after, result = stripped(spoilt)

    assert after == data


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "1", "L"])
def test_u10_a_bmp_ends_with_its_pixels(mode):
    data = samples.saved("bmp", mode)

    assert stripped(data)[0] == data
    after, result = stripped(data + b"<script>" + CANARY)

    assert after == data


@pytest.mark.parametrize("kind", samples.KINDS)
def test_u10_a_picture_without_anything_to_drop_stays_as_it_is(kind):
    data = samples.saved(kind)

    after, result = stripped(data)

    assert after == data


def test_u19_malformed_exif_is_dropped():
    block = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + CANARY * 900
    data = samples.saved("jpeg")

    after, result = stripped(samples.with_segments(data, samples.segment(0xE1, block)))

    assert after == data


def test_a_large_picture_is_lent_in_the_memory_of_a_block():
    small = samples.with_segments(samples.saved("jpeg"), samples.segment(0xFE, CANARY))
    data = small[:-2] + b"\x12\x34" * 8_000_000 + small[-2:]
    source = io.BytesIO(data)

    tracemalloc.start()
    picture, kept = without_metadata(source, filename="")
    length = sum(map(len, iter(lambda: kept.read(65536), b"")))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert length == picture.size < len(data)
    assert peak < 2_000_000


SIZES = st.tuples(st.integers(1, 24), st.integers(1, 24))


@examples(120)
@given(
    kind=st.sampled_from(["jpeg", "png", "webp"]),
    mode=st.sampled_from(["RGB", "L", "RGBA", "P"]),
    size=SIZES,
    orientation=st.integers(1, 8),
    tail=st.binary(max_size=40),
)
def test_any_picture_keeps_its_pixels_and_stripping_again_changes_nothing(
    kind, mode, size, orientation, tail
):
    mode = "RGB" if kind == "jpeg" and mode in ("RGBA", "P") else mode
    data = samples.saved(kind, mode, size, exif=samples.exif_of(orientation))

    once, result = stripped(data if kind == "webp" else data + tail)

    assert CANARY not in once
    assert result.orientation == orientation
    assert_same_picture(data, once)
    assert stripped(once)[0] == once
