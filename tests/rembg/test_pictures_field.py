"""Pictures as cameras, phones and editors really write them (promises U42 to U46)."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from dashboard.rembg import errors
from dashboard.rembg.pictures import Spliced, complete, examine, inspect, without_metadata
from tests.examples import examples
from tests.rembg import samples
from tests.rembg.test_pictures import steps_of

CANARY = b"CANARY"
DAMAGED = "The image file is damaged. Please open it, save it again and upload that."
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
XMP_SEGMENT = samples.segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP)


def stripped(data):
    result, kept = without_metadata(io.BytesIO(data), filename="")
    return kept.read(), result


def refusal(data):
    with pytest.raises(errors.PictureRefused) as caught:
        inspect(io.BytesIO(data), filename="x")
    with pytest.raises(type(caught.value)):
        stripped(data)
    return caught.value


def shown(data):
    """The pixels as a person sees them, by another decoder than ours."""
    with Image.open(io.BytesIO(data)) as picture:
        return picture.mode, np.array(ImageOps.exif_transpose(picture))


def assert_same_picture(before, after):
    (mode, pixels), (other_mode, other_pixels) = shown(before), shown(after)
    assert mode == other_mode
    assert np.array_equal(pixels, other_pixels)


def padded_icc(size):
    """A profile of so many bytes, whose header says so."""
    profile = samples.icc().ljust(size, b"\0")
    return struct.pack(">I", size) + profile[4:]


# U43: the colours that a browser shows


def icc_segments(profile, step=65_000):
    pieces = [profile[at : at + step] for at in range(0, len(profile), step)]
    return [
        samples.segment(0xE2, b"ICC_PROFILE\0" + bytes([number, len(pieces)]) + piece)
        for number, piece in enumerate(pieces, 1)
    ]


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("size", [600, 150_000, 4 << 20], ids=["U43-1", "U43-3", "U43-65"])
def test_a_profile_in_any_number_of_segments_stays_whole(mode, size):
    profile = padded_icc(size)
    pieces = icc_segments(profile)
    between = samples.segment(0xFE, CANARY)
    data = samples.with_segments(samples.saved("jpeg", mode), *pieces[:1], between, *pieces[1:])

    after, result = stripped(data)

    assert_same_picture(data, after)
    with Image.open(io.BytesIO(after)) as picture:
        assert picture.info["icc_profile"] == profile
        assert ("adobe" in picture.info) == (mode == "CMYK")


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(icc_segments(padded_icc((4 << 20) + 1)), id="U16-above-4-MB"),
        pytest.param(icc_segments(padded_icc(150_000))[:-1], id="U43-one-is-missing"),
        pytest.param(icc_segments(padded_icc(150_000))[:1] * 3, id="U43-the-same-thrice"),
        pytest.param(icc_segments(CANARY * 200), id="U17-no-profile"),
        pytest.param(icc_segments(padded_icc(600)[:200]), id="U43-shorter-than-it-says"),
        pytest.param([samples.segment(0xE2, b"ICC_PROFILE\0")], id="U43-no-numbers"),
    ],
)
def test_what_decoders_do_not_take_for_a_profile_is_dropped(pieces):
    data = samples.saved("jpeg")

    after, result = stripped(samples.with_segments(data, *pieces))

    assert after == data


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I;16", "P"])
def test_u43_all_that_tells_a_pngs_colours_stays(mode):
    data = samples.with_chunks(
        samples.saved("png", mode, icc_profile=samples.icc()),
        samples.chunk(b"cICP", bytes([12, 13, 0, 1])),
        samples.chunk(b"sRGB", b"\0"),
        samples.chunk(b"gAMA", struct.pack(">I", 45455)),
        samples.chunk(b"cHRM", struct.pack(">8I", *range(1, 9))),
    )

    after, result = stripped(samples.with_chunks(data, samples.chunk(b"tEXt", b"a\0CANARY")))

    assert after == data


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_u43_a_webp_has_its_profile_and_says_so(mode, lossless):
    data = samples.saved("webp", mode, lossless=lossless, icc_profile=samples.icc(), xmp=b"<x/>")

    after, result = stripped(data)

    assert after[12:16] == b"VP8X"
    assert after[20] & 0x3E == 0x20 | (0x10 if mode == "RGBA" else 0)
    with Image.open(io.BytesIO(after)) as picture:
        assert picture.info["icc_profile"] == samples.icc()
    assert_same_picture(data, after)


@pytest.mark.parametrize(
    ("profile", "flag"),
    [
        pytest.param(samples.icc(), 0, id="U43-not-announced"),
        pytest.param(CANARY * 50, 0x20, id="U17-no-profile"),
        pytest.param(padded_icc((4 << 20) + 2), 0x20, id="U16-above-4-MB"),
        pytest.param(b"", 0x20, id="U43-empty"),
    ],
)
def test_a_webp_does_not_announce_what_is_dropped(profile, flag):
    canvas = bytes([flag, 0, 0, 0, 39, 0, 0, 29, 0, 0])
    frame = samples.saved("webp")[20:]
    data = samples.riff((b"VP8X", canvas), (b"ICCP", profile), (b"VP8 ", frame))

    after, result = stripped(data)

    assert after == samples.riff((b"VP8X", bytes(4) + canvas[4:]), (b"VP8 ", frame))


# U44: what tRNS makes transparent

GREY, RGB, PALETTE = 0, 2, 3
SEE_THROUGH = [
    *[(GREY, depth, b"\0\1") for depth in (1, 2, 4, 8, 16)],
    *[(RGB, depth, b"\0\1\0\2\0\3") for depth in (8, 16)],
    *[(PALETTE, depth, bytes(2**depth)) for depth in (1, 2, 4, 8)],
]


@pytest.mark.parametrize(
    ("colour", "depth", "transparency"),
    SEE_THROUGH,
    ids=[f"U44-type-{colour}-{depth}-bit" for colour, depth, _ in SEE_THROUGH],
)
def test_transparency_by_trns_stays_at_any_depth(colour, depth, transparency):
    bits = depth * (3 if colour == RGB else 1)
    rows = (b"\0" + bytes([0b00011011] * (-(-8 * bits // 8)))) * 8
    header = struct.pack(">IIBBBBB", 8, 8, depth, colour, 0, 0, 0)
    palette = [samples.chunk(b"PLTE", bytes(3 * 2**depth))] if colour == PALETTE else []
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            samples.chunk(b"IHDR", header),
            *palette,
            samples.chunk(b"tRNS", transparency),
            samples.chunk(b"IDAT", zlib.compress(rows)),
            samples.chunk(b"IEND", b""),
        ]
    )

    after, result = stripped(samples.with_chunks(data, samples.chunk(b"tIME", bytes(7))))

    assert after == data
    assert inspect(io.BytesIO(data), filename="").has_alpha is True


# U45: bytes where none belong

TAILS = {
    "newline": b"\n",
    "zero": b"\0",
    "xmp": XMP * 3 + CANARY,
    "film": random.Random(5).randbytes(200_000) + b"SEFT",
    "preview": samples.saved("jpeg", size=(9, 9)),
}
PHONE = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1500000000000SEFH\x6a\0\0\0\x18\0\0\0SEFT"
WHOLE = {
    "jpeg": samples.saved("jpeg"),
    "jpeg-grey": samples.saved("jpeg", "L"),
    "jpeg-cmyk": samples.saved("jpeg", "CMYK"),
    "jpeg-444": samples.saved("jpeg", subsampling=0, quality=98),
    "jpeg-422": samples.saved("jpeg", subsampling=1, size=(133, 97)),
    "jpeg-420": samples.saved("jpeg", subsampling=2, size=(133, 97), optimize=True),
    "jpeg-restarts": samples.saved("jpeg", restart_marker_blocks=1, size=(99, 77)),
    "jpeg-restart-rows": samples.saved("jpeg", restart_marker_rows=2, size=(99, 177)),
    "jpeg-1x1": samples.saved("jpeg", size=(1, 1)),
    "progressive": samples.saved("jpeg", progressive=True),
    "png": samples.saved("png"),
    "png-16-bit": samples.saved("png", "I;16"),
    "png-palette": samples.saved("png", "P", transparency=1),
    "webp": samples.saved("webp"),
    "webp-odd": samples.riff((b"VP8 ", samples.saved("webp")[20:])),
    "webp-lossless": samples.saved("webp", "RGBA", lossless=True),
    "webp-alpha": samples.saved("webp", "RGBA"),
    "bmp": samples.saved("bmp"),
    "bmp-palette": samples.saved("bmp", "P"),
}
SEQUENTIAL = [name for name in WHOLE if name.startswith("jpeg")]


@pytest.mark.parametrize("name", WHOLE)
def test_u45_what_follows_a_whole_picture_is_trimmed(name):
    data = WHOLE[name]

    for tail, content in TAILS.items():
        after, _result = stripped(data + content)
        assert after == data, tail
    assert_same_picture(data, after)


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_u45_a_trailer_in_the_place_of_eoi_is_trimmed_and_eoi_put_back(name):
    data = WHOLE[name]

    for tail, content in {**TAILS, "phone": PHONE}.items():
        assert stripped(data[:-2] + content)[0] == data, tail
        assert complete(io.BytesIO(data[:-2] + content)), tail


def test_u45_the_repaired_picture_is_also_what_the_gateway_sends():
    file = io.BytesIO(WHOLE["jpeg-420"][:-2] + PHONE)

    picture, layout = examine(file, filename="x.jpg")

    assert Spliced(file, layout).read() == WHOLE["jpeg-420"]
    assert (picture.width, picture.height) == (133, 97)


@pytest.mark.parametrize("name", ["jpeg-420", "jpeg-422", "jpeg-restarts", "jpeg-restart-rows"])
@pytest.mark.parametrize("tail", [PHONE, b"\n", PHONE + random.Random(3).randbytes(200_000)])
def test_u15_a_trailer_does_not_make_a_cut_picture_whole(name, tail):
    data = WHOLE[name]
    scan = data.index(b"\xff\xda") + 14

    for part in (0.1, 0.5, 0.8):
        refused = refusal(data[: scan + int((len(data) - scan) * part)] + tail)
        assert type(refused) in (errors.Truncated, errors.Damaged), part


@pytest.mark.parametrize("name", [name for name in WHOLE if not name.startswith(("bmp", "png"))])
@examples(60)
@given(data=st.data())
def test_u15_a_picture_cut_anywhere_is_incomplete(name, data):
    whole = WHOLE[name]
    length = data.draw(st.integers(60, len(whole) - 1))

    assert type(refusal(whole[:length])) is errors.Truncated


def segment_ends(jpeg):
    """Where something may be put between two segments, in front of the scan."""
    ends, at = [], 2
    while jpeg[at + 1] != 0xDA:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        ends.append(at)
    return ends


# What no decoder takes for a marker: FF fills, and FF 00 is none.
JUNK = st.lists(
    st.one_of(
        st.binary(max_size=9).map(lambda data: data.replace(b"\xff", b"")),
        st.just(b"\xff\x00"),
    ),
    max_size=4,
).map(b"".join)


@pytest.mark.parametrize("name", [*SEQUENTIAL, "progressive"])
@examples(60)
@given(data=st.data())
def test_u45_bytes_between_the_segments_of_a_jpeg_are_skipped(name, data):
    whole = WHOLE[name]
    spoilt = whole
    junk = b""
    for end in reversed(segment_ends(whole)):
        junk = data.draw(JUNK) + b"\xff" * data.draw(st.integers(0, 300))
        spoilt = spoilt[:end] + junk + spoilt[end:]

    after, result = stripped(spoilt)

    assert after == whole
    assert_same_picture(spoilt, after)


@pytest.mark.parametrize("filling", [b"\xff", b"\0", b"vendor padding 012"], ids=repr)
def test_u45_filling_of_any_length_is_skipped(filling):
    data = WHOLE["jpeg"]
    at = segment_ends(data)[0]

    for count in (1, 255, 256, 257, 70_000, 300_000):
        assert stripped(data[:at] + filling * count + data[at:])[0] == data, count
        assert stripped(data[:2] + b"\xff" * count + data[2:])[0] == data, count


@pytest.mark.parametrize("filling", [b"\xff", b"\0", b"\xff\0", b"\x12"], ids=repr)
def test_u45_50_mb_of_filling_take_few_steps(filling):
    data = WHOLE["jpeg"]
    at = segment_ends(data)[0]
    file = io.BytesIO(data[:at] + filling * ((49 << 20) // len(filling)) + data[at:])

    steps, picture = steps_of(lambda: inspect(file, filename="x.jpg"))

    assert (picture.width, picture.height) == (40, 30)
    assert steps < 20_000


def test_u45_a_scan_that_goes_on_behind_a_marker_of_no_length_is_damaged():
    data = WHOLE["jpeg-444"]
    middle = (data.index(b"\xff\xda") + len(data)) // 2

    assert type(refusal(data[:middle] + b"\xff\x01" + data[middle:])) is errors.Damaged


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff\xd8\xff\xc8\0\x10" + bytes(40), id="U45-jpeg-unknown-marker"),
        pytest.param(b"\xff\xd8\xff\xd9" + bytes(40), id="U45-jpeg-of-nothing"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(40), id="U45-png-without-ihdr"),
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\x0dIDAT" + bytes(40), id="U45-png-other-chunk"),
        pytest.param(b"RIFF\x30\0\0\0WEBP" + bytes(40), id="U45-webp-of-zeros"),
        pytest.param(b"RIFF\x30\0\0\0WEBPEXIF" + bytes(36), id="U45-webp-other-chunk"),
        pytest.param(b"BM" + bytes(12) + b"\x28" + bytes(39), id="U45-bmp-of-zeros"),
    ],
)
def test_what_begins_like_a_picture_and_is_none_is_called_damaged(data):
    refused = refusal(data)

    assert type(refused) is errors.Damaged
    assert refused.message == DAMAGED
    assert (refused.code, refused.sent, refused.charged) == ("damaged", "no", "no")


@examples(150)
@given(
    name=st.sampled_from(sorted(WHOLE)),
    tail=st.binary(max_size=200),
    orientation=st.integers(1, 8),
)
def test_u45_any_tail_goes_and_stripping_twice_is_stripping_once(name, tail, orientation):
    data = WHOLE[name]
    if name in SEQUENTIAL:
        exif = samples.segment(0xE1, samples.exif_of(orientation))
        data = samples.with_segments(data, exif)

    once, result = stripped(data + tail)
    twice, same = stripped(once)

    assert twice == once
    assert same.orientation == result.orientation
    assert_same_picture(data, once)


@examples(100)
@given(name=st.sampled_from(SEQUENTIAL), tail=st.binary(min_size=1, max_size=200))
def test_u45_any_tail_in_the_place_of_eoi_goes(name, tail):
    if not tail.startswith(b"\xff"):  # which could be a marker, or end in one
        assert stripped(WHOLE[name][:-2] + tail)[0] == WHOLE[name]


# U46: which way up


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(samples.with_segments(WHOLE["jpeg"], XMP_SEGMENT), id="U46-jpeg"),
        pytest.param(
            samples.with_chunks(
                WHOLE["png"], samples.chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)
            ),
            id="U46-png",
        ),
        pytest.param(samples.saved("webp", xmp=XMP), id="U46-webp"),
    ],
)
def test_an_orientation_in_xmp_does_not_count(data):
    after, result = stripped(data)

    assert b"xmpmeta" not in after
    assert result.orientation == 1
    picture = inspect(io.BytesIO(data), filename="")
    assert (picture.orientation, picture.shown_width, picture.shown_height) == (1, 40, 30)


@pytest.mark.parametrize("orientation", [1, 3, 8])
def test_u46_exif_decides_where_xmp_says_something_else(orientation):
    exif = samples.segment(0xE1, samples.exif_of(orientation))

    for segments in ((exif, XMP_SEGMENT), (XMP_SEGMENT, exif)):
        after, result = stripped(samples.with_segments(WHOLE["jpeg"], *segments))
        assert result.orientation == orientation
        assert inspect(io.BytesIO(after), filename="").orientation == orientation
