"""What a picture is, and why it is refused, before it costs a credit (promises 2.1)."""

import io
import struct
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import overview
from dashboard.rembg import errors
from dashboard.rembg.pictures import MAX_BYTES, complete, head, inspect, without_metadata
from tests.examples import examples
from tests.rembg import samples

SIGNATURE = "File does not appear to be a valid image (invalid file signature)"
DAMAGED = "The image file is damaged. Please open it, save it again and upload that."


def steps_of(deed):
    """Return how many calls a deed makes, Python's and C's, and what it returns.

    A step for each byte or piece shows in it on any machine, however busy; seconds do not.
    """
    count = 0

    def count_on(_frame, event, _argument):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count_on)
    try:
        returned = deed()
    finally:
        sys.setprofile(before)
    return count, returned


def look(data, filename="x.png"):
    return inspect(io.BytesIO(data), filename=filename)


def refusal(data, filename="x.png"):
    with pytest.raises(errors.PictureRefused) as caught:
        look(data, filename)
    return caught.value


class Hollow(io.RawIOBase):
    """A file of some first bytes and then zeros, which takes no memory whatever its size."""

    def __init__(self, first, size):
        self.first, self.size, self.place = first, size, 0

    def seek(self, offset, whence=0):
        self.place = offset + {0: 0, 1: self.place, 2: self.size}[whence]
        return self.place

    def tell(self):
        return self.place

    def read(self, count=-1):
        end = self.size if count < 0 else min(self.size, self.place + count)
        data = self.first[self.place : end].ljust(max(0, end - self.place), b"\0")
        self.place = end
        return data


@pytest.mark.parametrize(
    ("kind", "content_type", "extension"),
    [
        ("jpeg", "image/jpeg", "jpg"),
        ("png", "image/png", "png"),
        ("webp", "image/webp", "webp"),
        ("bmp", "image/bmp", "bmp"),
    ],
)
def test_a_picture_is_described_by_its_header(kind, content_type, extension):
    data = samples.saved(kind)

    picture = look(data)

    assert (picture.kind, picture.content_type, picture.extension) == (
        kind,
        content_type,
        extension,
    )
    assert (picture.width, picture.height, picture.orientation) == (40, 30, 1)
    assert (picture.shown_width, picture.shown_height) == (40, 30)
    assert picture.size == len(data)


def test_the_file_is_left_at_its_beginning_also_when_it_is_refused():
    file = io.BytesIO(samples.saved("png"))
    inspect(file, filename="x.png")
    assert file.tell() == 0

    file = io.BytesIO(samples.saved("png")[:-1])
    with pytest.raises(errors.Truncated):
        inspect(file, filename="x.png")
    assert file.tell() == 0


def test_u3_an_empty_file_is_refused():
    refused = refusal(b"", "a.exe")

    assert type(refused) is errors.EmptyFile
    assert refused.message == "Uploaded file is empty (0 bytes)."
    assert (refused.sent, refused.charged, refused.retriable) == ("no", "no", False)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x89", id="U4-1-byte"),
        pytest.param(b"BM", id="U4-2-bytes"),
        pytest.param(b"\xff\xd8\xff", id="U4-3-bytes-of-jpeg"),
        pytest.param(b"\xff\xd8\xff\xe0\0\x10J", id="U4-7-bytes"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="U4-png-signature-only"),
        pytest.param(b"RIFF\x04\0\0\0WEBP", id="U4-webp-header-only"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>', id="U8-svg"),
        pytest.param(b"<!doctype html><img src=x>", id="U9-html"),
        pytest.param(b"%PDF-1.7\n1 0 obj\n<<>>\nendobj", id="U9-pdf"),
        pytest.param(b"PK\x03\x04" + bytes(60), id="U9-zip"),
        pytest.param(b"GIF89a" + bytes(60), id="U9-gif"),
        pytest.param(b"II*\0" + bytes(60), id="U9-tiff"),
        pytest.param(b"%!PS-Adobe-3.0 EPSF-3.0\n", id="U9-eps"),
        pytest.param(b"8BPS\0\1" + bytes(60), id="U9-psd"),
        pytest.param(b"\0\0\1\0\1\0" + bytes(60), id="U9-ico"),
        pytest.param(b"\0\0\0\x1cftypavif" + bytes(60), id="U9-avif"),
        pytest.param(b"\0\0\0\x18ftypheic" + bytes(60), id="U9-heic"),
        pytest.param(b"RIFF\x24\0\0\0WAVEfmt " + bytes(28), id="U9-wav"),
        pytest.param(b"BMW is not a picture, and this is only text.", id="U9-text-like-bmp"),
        pytest.param(b"\xff\xd8\xff" + b"just text " * 9, id="U9-text-like-jpeg"),
    ],
)
def test_what_is_not_a_picture_is_refused_by_its_content(data):
    refused = refusal(data)

    assert type(refused) is errors.BadSignature
    assert refused.message == SIGNATURE


@pytest.mark.parametrize("name", ["a.exe", "A.EXE", "dir/b.tar.exe", "photo.jpg.exe"])
def test_u5_another_format_by_name_is_refused_with_its_extension(name):
    refused = refusal(b"MZ" + bytes(100), name)

    assert type(refused) is errors.FileType
    assert (
        refused.message
        == "File type '.exe' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg"
    )


def test_u5_a_gif_by_name_and_a_gif_by_content_are_both_refused():
    assert type(refusal(samples.saved("gif"), "x.gif")) is errors.FileType
    assert type(refusal(samples.saved("gif"), "x.png")) is errors.BadSignature


@pytest.mark.parametrize(
    "name", ["x.jpg", "x.JPEG", "x.webp", "x.bmp", "x.jfif", "image", "", "v1.2", ".htaccess"]
)
def test_u6_u7_content_decides_under_any_picture_name_or_none(name):
    assert look(samples.saved("png"), name).kind == "png"


@pytest.mark.parametrize(
    "tail",
    [
        b"<script>alert(1)</script>",
        b"PK\x03\x04" + bytes(200),
        bytes(70_000),
        b"\xff\xd8\xff",
        b"\n",
        b"\r\n",
        b"<?xpacket begin=''?><x:xmpmeta/>" * 8,
    ],
)
@pytest.mark.parametrize("kind", samples.KINDS)
def test_u10_u45_a_trailer_as_phones_write_it_is_accepted(kind, tail):
    assert look(samples.saved(kind) + tail).kind == kind


def test_u10_a_gif_that_is_also_a_png_is_refused():
    assert type(refusal(b"GIF89a" + samples.saved("png"))) is errors.BadSignature


def test_u11_the_largest_sides_are_accepted():
    data = samples.header_png(10_000, 10_000, depth=1, colour=0)

    assert (look(data).width, look(data).height) == (10_000, 10_000)


@pytest.mark.parametrize(
    ("sides", "leaf", "sentence"),
    [
        pytest.param(
            (10_001, 10_000),
            errors.TooWide,
            "Image width (10001px) exceeds the maximum allowed width of 10000px.",
            id="U12-wide",
        ),
        pytest.param(
            (10_000, 10_001),
            errors.TooTall,
            "Image height (10001px) exceeds the maximum allowed height of 10000px.",
            id="U12-tall",
        ),
        pytest.param(
            (65_500, 65_500),
            errors.TooWide,
            "Image width (65500px) exceeds the maximum allowed width of 10000px.",
            id="U13-65500",
        ),
        pytest.param(
            (2**31 - 1, 1),
            errors.TooWide,
            "Image width (2147483647px) exceeds the maximum allowed width of 10000px.",
            id="U13-widest",
        ),
        pytest.param((0, 0), errors.Damaged, DAMAGED, id="U13-0x0"),
        pytest.param((1, 0), errors.Damaged, DAMAGED, id="U13-1x0"),
    ],
)
def test_sides_beyond_the_limit_are_refused_with_their_number(sides, leaf, sentence):
    refused = refusal(samples.header_png(*sides))

    assert type(refused) is leaf
    assert refused.message == sentence


def jpeg_of(width, height):
    data = samples.saved("jpeg")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def bmp_of(width, height):
    data = samples.saved("bmp")
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


def webp_of(width, height):
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = samples.saved("webp")[20:]
    return samples.riff((b"VP8X", bytes(4) + sides), (b"VP8 ", frame))


@pytest.mark.parametrize("made", [jpeg_of, bmp_of, webp_of])
def test_u12_sides_are_read_in_every_format(made):
    assert type(refusal(made(12_000, 30))) is errors.TooWide
    assert type(refusal(made(40, 15_000))) is errors.TooTall
    assert type(refusal(made(12_000, 30)[:-1])) is errors.TooWide


def test_a_bmp_stored_from_the_top_down_has_its_height():
    data = samples.saved("bmp", size=(40, 30))
    turned = data[:22] + struct.pack("<i", -30) + data[26:]

    assert look(turned).height == 30


@pytest.mark.parametrize("made", [jpeg_of, bmp_of])
def test_u13_nothing_by_nothing_is_no_picture(made):
    assert type(refusal(made(0, 0))) is errors.Damaged


def test_u13_a_canvas_that_hides_a_larger_frame_is_refused():
    assert type(refusal(webp_of(20, 20))) is errors.Damaged


def test_u14_one_pixel_is_enough():
    for kind in samples.KINDS:
        assert look(samples.saved(kind, size=(1, 1))).width == 1


@pytest.mark.parametrize("part", [0.02, 0.5, 0.999])
@pytest.mark.parametrize("kind", samples.KINDS)
def test_u15_a_cut_file_is_incomplete(kind, part):
    data = samples.saved(kind, size=(200, 150))

    refused = refusal(data[: int(len(data) * part)])

    assert type(refused) is errors.Truncated
    assert refused.message == "The image file is incomplete. Please upload it again."


VARIANTS = {
    "jpeg": samples.saved("jpeg"),
    "progressive": samples.saved("jpeg", progressive=True, exif=samples.exif_of()),
    "restarts": samples.saved("jpeg", restart_marker_blocks=1, comment=b"hello"),
    "png": samples.saved("png", pnginfo=samples.png_text(a="b"), exif=samples.exif_of()),
    "webp": samples.saved("webp"),
    "lossless": samples.saved("webp", "RGBA", lossless=True, exif=samples.exif_of(), xmp=b"<x/>"),
    "bmp": samples.saved("bmp"),
}


@pytest.mark.parametrize("variant", VARIANTS)
@examples(150)
@given(data=st.data())
def test_u15_a_file_cut_anywhere_is_refused(variant, data):
    whole = VARIANTS[variant]
    length = data.draw(st.integers(0, len(whole) - 1))

    refused = refusal(whole[:length])
    if length >= 54:  # the longest of the headers that make a file a picture
        assert type(refused) is errors.Truncated
    assert not complete(io.BytesIO(whole[:length]))


@pytest.mark.parametrize("lie", [-2, 2, 1000])
def test_u15_a_webp_that_lies_about_its_length_is_incomplete(lie):
    data = samples.saved("webp")
    told = struct.pack("<I", len(data) - 8 + lie)

    assert type(refusal(data[:4] + told + data[8:])) is errors.Truncated


def test_u15_a_thumbnail_does_not_stand_in_for_the_end_of_the_picture():
    thumbnail = samples.saved("jpeg", size=(8, 8))
    data = samples.with_segments(
        samples.saved("jpeg"), samples.segment(0xE1, b"Exif\0\0" + thumbnail)
    )

    assert look(data).width == 40
    assert type(refusal(data[:-2])) is errors.Truncated


def test_u15_segments_between_the_scans_are_stepped_over():
    data = samples.saved("jpeg", progressive=True, size=(200, 150))
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    data = data[:second] + samples.segment(0xFE, b"\xff\xd9" * 40) + data[second:]

    assert look(data).width == 200
    assert type(refusal(data[: second + 60])) is errors.Truncated


JPEG, PNG, WEBP, BMP = (samples.saved(kind) for kind in ("jpeg", "png", "webp", "bmp"))
CANVAS = bytes(4) + bytes([39, 0, 0, 29, 0, 0])  # 40 x 30
FRAME = JPEG[JPEG.index(b"\xff\xc0") :][:19]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(samples.with_segments(JPEG, FRAME), id="jpeg-of-two-frames"),
        pytest.param(JPEG.replace(b"\xff\xc0", b"\xff\xc3"), id="jpeg-lossless"),
        pytest.param(JPEG.replace(FRAME, b""), id="jpeg-without-a-frame"),
        pytest.param(samples.with_segments(JPEG, b"\xff\xe1\0\1"), id="jpeg-segment-too-short"),
        pytest.param(samples.with_segments(JPEG, b"\xff\xd8"), id="jpeg-begins-twice"),
        pytest.param(samples.header_png(9, 9, depth=3), id="png-depth-3"),
        pytest.param(samples.header_png(9, 9, colour=5), id="png-colour-type-5"),
        pytest.param(samples.with_chunks(PNG, samples.chunk(b"PHPX", b"")), id="png-critical"),
        pytest.param(samples.with_chunks(PNG, samples.chunk(b"t\0Xt", b"")), id="png-no-letters"),
        pytest.param(
            samples.with_chunks(PNG, samples.chunk(b"IDAT", b""), samples.chunk(b"tEXt", b"")),
            id="png-data-in-two-places",
        ),
        pytest.param(WEBP[:20] + bytes([WEBP[20] | 1]) + WEBP[21:], id="webp-without-a-key-frame"),
        pytest.param(
            samples.riff(
                (b"VP8X", bytes(4) + bytes([39, 0, 0, 29, 0, 0])), *[(b"VP8 ", WEBP[20:])] * 2
            ),
            id="webp-of-two-frames",
        ),
        pytest.param(BMP[:26] + b"\2" + BMP[27:], id="bmp-of-two-planes"),
        pytest.param(BMP[:28] + b"\7" + BMP[29:], id="bmp-depth-7"),
        pytest.param(BMP[:30] + b"\4" + BMP[31:], id="bmp-with-a-jpeg-inside"),
        pytest.param(BMP[:10] + bytes(4) + BMP[14:], id="bmp-pixels-in-the-header"),
    ],
)
def test_u45_a_file_that_decoders_would_read_in_two_ways_is_called_damaged(data):
    refused = refusal(data)

    assert type(refused) is errors.Damaged
    assert refused.message == DAMAGED


def test_a_marker_without_a_length_is_stepped_over():
    assert look(samples.with_segments(JPEG, b"\xff\x01", b"\xff\xff\xff\xd0")).width == 40


@pytest.mark.parametrize("boundary", [64 << 10, (64 << 10) + (256 << 10) - 2])
def test_the_end_of_a_jpeg_is_found_across_the_edges_of_what_is_read_at_once(boundary):
    whole = jpeg_of(10_000, 10_000)  # more pixels than the data here can hold
    for place in range(boundary - 3, boundary + 3):
        data = whole[:-2].ljust(place, b"\x12") + b"\xff\xd9"

        assert look(data).size == place + 2
        assert type(refusal(data[:-1])) is errors.Truncated


def test_an_orientation_that_a_webp_does_not_announce_is_none():
    data = samples.saved("webp", "RGBA", exif=samples.exif_of(6))
    silent = data[:20] + bytes([data[20] & ~0x08]) + data[21:]

    assert look(data).orientation == 6
    assert look(silent).orientation == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [("I;16", False), ("P", False), ("LA", True), ("1", False), ("RGBA", True)],
)
def test_u21_every_mode_of_png_is_accepted(options, expected):
    assert look(samples.saved("png", options)).has_alpha is expected


def test_u21_cmyk_grey_and_transparent_palettes_are_accepted():
    assert look(samples.saved("jpeg", "CMYK")).has_alpha is False
    assert look(samples.saved("jpeg", "L")).kind == "jpeg"
    assert look(samples.saved("png", "P", transparency=0)).has_alpha is True
    assert look(samples.saved("webp", "RGBA")).has_alpha is True
    assert look(samples.saved("webp", "RGBA", lossless=True)).has_alpha is True
    assert look(samples.saved("webp", "RGB", lossless=True)).has_alpha is False
    assert look(samples.saved("bmp", "RGBA")).has_alpha in (True, None)
    assert look(samples.saved("bmp", "1")).has_alpha is False


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_u18_the_orientation_is_read_and_turns_the_sides(kind, orientation):
    picture = look(samples.saved(kind, exif=samples.exif_of(orientation)))

    assert picture.orientation == orientation
    assert (picture.width, picture.height) == (40, 30)
    shown = (40, 30) if orientation < 5 else (30, 40)
    assert (picture.shown_width, picture.shown_height) == shown


def tiff(count, entries=b"", first=8, order=">"):
    mark = {">": b"MM\0*", "<": b"II*\0"}[order]
    return mark + struct.pack(f"{order}IH", first, count) + entries


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(tiff(1, struct.pack(">HHII", 0x8769, 4, 1, 8) + b"\0\0\0\x08"), id="U19-loop"),
        pytest.param(tiff(65535, struct.pack(">HHIHH", 0x100, 3, 1, 6, 0) * 4000), id="U19-65535"),
        pytest.param(
            tiff(65535, struct.pack(">HHIHH", 0x112, 3, 1, 6, 0)), id="U19-65535-and-an-orientation"
        ),
        pytest.param(tiff(1, first=2**32 - 1), id="U19-far-away"),
        pytest.param(tiff(3, b"\x01\x12"), id="U19-cut"),
        pytest.param(tiff(1, struct.pack(">HHIHH", 0x112, 3, 1, 9, 0)), id="U19-orientation-9"),
        pytest.param(tiff(1, struct.pack(">HHIHH", 0x112, 2, 1, 6, 0)), id="U19-wrong-type"),
        pytest.param(tiff(1, struct.pack(">HHIHH", 0x112, 3, 0, 6, 0)), id="U19-none-of-it"),
        pytest.param(b"MM\0*", id="U19-header-only"),
        pytest.param(b"", id="U19-empty"),
        pytest.param(b"garbage" * 9, id="U19-garbage"),
    ],
)
def test_u19_malformed_exif_is_taken_for_upright_and_soon(block):
    data = samples.with_segments(
        samples.saved("jpeg"), samples.segment(0xE1, b"Exif\0\0" + block[:60_000])
    )

    steps, picture = steps_of(lambda: look(data))

    assert picture.orientation == 1
    assert steps < 5_000


def test_the_orientation_is_read_in_either_byte_order():
    for order in "<>":
        block = tiff(1, struct.pack(f"{order}HHIHH", 0x112, 3, 1, 6, 0), order=order)
        data = samples.with_segments(
            samples.saved("jpeg"), samples.segment(0xE1, b"Exif\0\0" + block)
        )
        assert look(data).orientation == 6


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_u20_an_animation_is_refused(kind):
    refused = refusal(samples.animation(kind))

    assert type(refused) is errors.Animated
    assert refused.message == "Animated images are not supported. Please upload a single picture."


def test_u20_an_animation_of_one_frame_is_a_picture():
    control = samples.chunk(b"acTL", struct.pack(">II", 1, 0))

    assert look(samples.with_chunks(samples.saved("png"), control)).kind == "png"


def test_u26_exactly_50_mb_are_accepted():
    rows = (MAX_BYTES - 54) // 8000
    file = Hollow(bmp_of(2000, rows)[:28] + struct.pack("<HI", 32, 0) + bytes(20), MAX_BYTES)

    assert MAX_BYTES == 52_428_800
    assert inspect(file, filename="x.bmp").size == MAX_BYTES


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        pytest.param(52_428_801, "50.0", id="U27-one-more-byte"),
        pytest.param(57_881_395, "55.2", id="U27-55.2"),
        pytest.param(64 << 20, "64.0", id="U27-64"),
    ],
)
def test_u27_more_than_50_mb_are_refused_with_the_size(size, shown):
    with pytest.raises(errors.FileTooLarge) as caught:
        inspect(Hollow(b"MZ", size), filename="a.exe")

    assert caught.value.message == (
        f"File size ({shown} MB) exceeds the maximum allowed size of 50 MB."
    )


@pytest.mark.parametrize("kind", samples.KINDS)
def test_u42_more_behind_a_picture_than_itself_or_1_mb_is_refused(kind):
    data = samples.saved(kind, size=(1, 1))
    most = len(data) + (1 << 20)

    assert inspect(Hollow(data, most), filename="x").size == most
    with pytest.raises(errors.TrailerTooLong) as caught:
        inspect(Hollow(data, 49 << 20), filename="x")
    with pytest.raises(errors.TrailerTooLong):
        inspect(Hollow(data, most + 1), filename="x")

    assert caught.value.message == (
        "49.0 MB of other data follow the end of the image; at most 1 MB, or as much as the image "
        "itself, is accepted. Please save it again."
    )
    assert (caught.value.sent, caught.value.charged, caught.value.code) == ("no", "no", "trailer")


@pytest.mark.parametrize("kind", samples.KINDS)
def test_u42_a_large_picture_may_have_as_much_behind_it(kind):
    options = {"webp": {"lossless": True}, "jpeg": {"quality": 100, "subsampling": 0}}
    data = samples.saved(kind, size=(800, 700), **options.get(kind, {}))
    assert len(data) > 1 << 20

    assert look(data + bytes(len(data))).kind == kind
    assert type(refusal(data + bytes(len(data) + 1))) is errors.TrailerTooLong


# What a stranger can do to cost us time or memory: as many pieces as fit, as large as can be said.
EVIL = {
    "png-claims-2-GB-chunk": samples.saved("png")[:33] + b"\x7f\xff\xff\xffIDAT" + bytes(50),
    "png-of-empty-chunks": samples.saved("png")[:33] + samples.chunk(b"teXt", b"") * 1_000_000,
    "png-of-empty-data": samples.saved("png")[:33] + samples.chunk(b"IDAT", b"") * 1_000_000,
    "jpeg-of-empty-segments": b"\xff\xd8" + b"\xff\xe1\0\2" * 4_000_000,
    "jpeg-of-fill": b"\xff\xd8" + b"\xff" * 20_000_000,
    "jpeg-of-scans": samples.saved("jpeg")[:-2] + b"\xff\xda\0\2" * 4_000_000,
    "webp-of-empty-chunks": samples.riff(
        (b"VP8X", bytes(10)), (b"junk", (b"junk" + bytes(4)) * 1_000_000)
    ).replace(b"junk" + struct.pack("<I", 8_000_000), b"junk" + bytes(4), 1),
    "bmp-of-4-billion-rows": bmp_of(1, -(2**31)),
}


@pytest.mark.parametrize("name", EVIL)
def test_u13_hostile_headers_cost_little_time_and_memory(name):
    file = io.BytesIO(EVIL[name])

    tracemalloc.start()
    with pytest.raises(errors.PictureRefused):
        inspect(file, filename="x.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000

    def again():
        with pytest.raises(errors.PictureRefused):
            inspect(file, filename="x.png")

    steps, _nothing = steps_of(again)
    assert steps < 400_000


def test_a_jpeg_of_50_mb_is_read_to_its_end_at_once():
    small = samples.saved("jpeg", size=(400, 300))
    middle = small.index(b"\xff\xda") + 400
    filled = b"\x12\xff\x00\x34" * 1000
    data = small[:middle] + filled * ((49 << 20) // len(filled)) + small[middle:]
    file = io.BytesIO(data)

    steps, found = steps_of(lambda: inspect(file, filename="x.jpg"))

    assert found.size == len(data)
    assert steps < 20_000


@pytest.mark.parametrize("kind", samples.KINDS)
def test_the_head_of_an_answer_is_enough_for_its_kind_and_sides(kind):
    data = samples.saved(kind, size=(300, 200))

    assert head(data[:1024]) == (kind, 300, 200)
    assert complete(io.BytesIO(data))


def test_the_head_of_something_else_is_none():
    assert head(b"") is None
    assert head(b"<html>") is None
    assert head(samples.saved("jpeg")[:40]) is None


STARTS = [samples.saved(kind)[:n] for kind in samples.KINDS for n in (2, 12, 16, 26, 40)]


@examples(400)
@given(st.sampled_from([b"", *STARTS]), st.binary(max_size=400))
def test_no_bytes_whatever_raise_anything_but_a_refusal(start, rest):
    try:
        look(start + rest)
    except errors.PictureRefused as refused:
        assert refused.charged == "no"


@examples(400)
@given(st.sampled_from(sorted(VARIANTS)), st.data())
def test_no_damaged_picture_raises_anything_but_a_refusal(variant, data):
    damaged = bytearray(VARIANTS[variant])
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, min(len(damaged) - 1, 300)))
        damaged[place] = data.draw(st.integers(0, 255))
    try:
        look(bytes(damaged))
    except errors.PictureRefused as refused:
        assert refused.sent == "no"


DEMO = sorted((Path(overview.__file__).parent / "demo_pictures").glob("*.jpg"))


@pytest.mark.parametrize("path", DEMO, ids=lambda path: path.stem)
def test_the_pictures_of_the_demo_are_whole_small_and_tell_nothing(path):
    data = path.read_bytes()

    picture = look(data, path.name)

    assert {picture.shown_width, picture.shown_height} == {1200, 900}
    assert picture.size <= 120 * 1024
    kept = without_metadata(io.BytesIO(data), filename="")[1].read()
    assert look(kept) == replace(picture, size=len(kept))


def test_one_picture_of_the_demo_lies_on_its_side():
    assert len(DEMO) >= 6
    assert [look(path.read_bytes()).orientation for path in DEMO].count(6) == 1
