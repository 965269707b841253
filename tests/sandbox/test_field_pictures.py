"""Pictures as phones and editors leave them: what stands behind and between (U42, U45, U46)."""

import itertools
import random
import struct

import numpy as np
import pytest
from PIL import Image

from tests.sandbox.box import DOT, Box, encoded, scene
from tests.sandbox.test_error_table import SENTENCES

PHOTO = scene(320, 240)
JPEG = encoded(PHOTO, "JPEG", quality=92)
NOISE = random.Random(7).randbytes(240_000)
# As full of detail as photos are: what is cut off is more than a trailer can stand in for.
DETAILED = Image.blend(PHOTO, Image.frombytes("RGB", (320, 240), NOISE[:230_400]), 0.3)
JPEGS = {
    "baseline": encoded(DETAILED, "JPEG"),
    "progressive": encoded(DETAILED, "JPEG", progressive=True),
    "restarts": encoded(DETAILED, "JPEG", restart_marker_rows=1),
    "grey": encoded(DETAILED.convert("L"), "JPEG"),
    "cmyk": encoded(DETAILED.convert("CMYK"), "JPEG"),
}
SAMSUNG = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1500000000000SEFH\x6a\0\0\0\x18\0\0\0SEFT"
TRAILERS = {
    "newline": b"\n",
    "xmp": b"<?xpacket begin=''?><x:xmpmeta/>" * 8,
    "zeros": bytes(900_000),
    "script": b"<script>alert(1)</script>",
    "another-jpeg": JPEG,
}
PICTURES = {
    "jpeg": JPEG,
    "png": encoded(PHOTO),
    "webp": encoded(PHOTO, "WEBP"),
    "webp-lossless": encoded(PHOTO, "WEBP", lossless=True),
    "bmp": encoded(PHOTO, "BMP"),
}
DAMAGED = SENTENCES["signature"][1]


def first_segment(data: bytes) -> int:
    """Where the first segment of a JPEG ends."""
    return 4 + int.from_bytes(data[4:6], "big")


def paired(ones, others) -> list[tuple]:
    """Pair each of the longer list with one of the other, which begins anew as often as needed."""
    pairs = zip(itertools.cycle(ones), itertools.cycle(others), strict=False)
    return list(itertools.islice(pairs, max(len(ones), len(others))))


@pytest.mark.parametrize(
    ("kind", "trailer"), [*paired(PICTURES, TRAILERS), ("jpeg", "another-jpeg")]
)
def test_u45_bytes_behind_the_end_are_dropped(box: Box, kind, trailer):
    assert box.picture(PICTURES[kind] + TRAILERS[trailer]).size == (320, 240)


@pytest.mark.parametrize("kind", [*PICTURES, "dot"])
def test_u42_a_trailer_beyond_its_bound_is_refused_and_costs_nothing(box: Box, fresh, kind):
    answer = box.remove(PICTURES.get(kind, DOT) + bytes(1024 * 1024 + 1), fresh)

    assert answer.status_code == 400
    assert answer.json()["error"] == "The file holds more than 1 MB behind the end of its picture."
    assert box.ledger(fresh) == []


def test_u42_behind_a_large_picture_there_may_be_as_much_again(box: Box):
    image = encoded(
        Image.fromarray(np.frombuffer(NOISE * 8, np.uint8)[:1_500_000].reshape(500, 1000, 3))
    )

    assert len(image) > 1_400_000
    assert box.remove(image + bytes(1_200_000), format="png").status_code == 200


BETWEEN = {
    "zeros": bytes(4),
    "text": b"vendor padding 012",
    "fill-1": b"\xff",
    "fill-3000": b"\xff" * 3000,
    "zero-and-fill": b"\0\xff\xff\xff",
    "stuffed": b"\xff\0ab",
}


@pytest.mark.parametrize(("kind", "between"), paired(JPEGS, BETWEEN))
def test_u45_bytes_between_segments_are_skipped(box: Box, kind, between):
    data = JPEGS[kind]
    cut = first_segment(data)

    assert box.picture(data[:cut] + BETWEEN[between] + data[cut:]).size == (320, 240)


INSTEAD = [b"", SAMSUNG, b"\0\0\x30\x0a" + NOISE + b"SEFT", bytes(5000), b"\n"]


@pytest.mark.parametrize(("kind", "trailer"), paired(JPEGS, INSTEAD))
def test_u45_a_complete_jpeg_needs_no_end_marker(box: Box, kind, trailer):
    whole = np.asarray(box.picture(JPEGS[kind])).astype(int)

    result = box.picture(JPEGS[kind][:-2] + trailer)

    assert np.abs(np.asarray(result).astype(int) - whole).max() <= 1


@pytest.mark.parametrize(
    "trailer",
    [b"", b"\xff\xd9", SAMSUNG, b"\0\0\x30\x0a" + NOISE + b"SEFT"],
    ids=["none", "end-marker", "samsung", "video"],
)
@pytest.mark.parametrize(("kind", "share"), paired(JPEGS, [0.6, 0.8, 0.9]))
def test_u15_a_cut_jpeg_is_an_error_whatever_stands_behind_it(
    box: Box, fresh, kind, trailer, share
):
    data = JPEGS[kind]
    head = data.index(b"\xff\xda") + 20

    answer = box.remove(data[: head + int((len(data) - head) * share)] + trailer, fresh)

    assert (answer.status_code, answer.json()["error"]) == (400, DAMAGED)
    assert box.ledger(fresh) == []


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
@pytest.mark.parametrize("kind", ["png", "webp", "webp-lossless", "bmp"])
def test_u15_a_cut_picture_of_another_kind_is_an_error(box: Box, kind, share):
    data = PICTURES[kind]

    answer = box.remove(data[: int(len(data) * share)])

    assert (answer.status_code, answer.json()["error"]) == (400, DAMAGED)


def xmp(orientation: int) -> bytes:
    return (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="%d"/>'
        b"</rdf:RDF></x:xmpmeta>" % orientation
    )  # fmt: skip


def with_xmp(data: bytes, orientation: int) -> bytes:
    content = b"http://ns.adobe.com/xap/1.0/\0" + xmp(orientation)
    segment = b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content
    cut = first_segment(data)
    return data[:cut] + segment + data[cut:]


def exif(orientation: int) -> Image.Exif:
    result = Image.Exif()
    result[0x0112] = orientation
    return result


@pytest.mark.parametrize("orientation", [3, 6, 8])
@pytest.mark.parametrize("kind", ["jpeg", "webp", "png"])
def test_u46_orientation_in_xmp_alone_turns_nothing(box: Box, kind, orientation):
    if kind == "jpeg":
        image = with_xmp(JPEG, orientation)
    else:
        image = encoded(PHOTO, kind.upper(), xmp=xmp(orientation))

    result = box.picture(image)

    assert result.size == (320, 240)
    assert result.getpixel((96, 120))[:3] == pytest.approx((190, 30, 40), abs=12)


@pytest.mark.parametrize("orientation", [1, 6, 8])
def test_u46_exif_wins_over_xmp(box: Box, orientation):
    image = with_xmp(encoded(PHOTO, "JPEG", exif=exif(orientation)), 6 if orientation != 6 else 1)

    assert box.picture(image).size == ((320, 240) if orientation == 1 else (240, 320))


# Its subject is nearer to the upper left corner than to any other.
LOPSIDED = PHOTO.crop((0, 40, 320, 240))
PLACES = {
    **{1: (0.3, 0.15), 2: (0.7, 0.15), 3: (0.7, 0.85), 4: (0.3, 0.85)},
    **{5: (0.15, 0.3), 6: (0.85, 0.3), 7: (0.85, 0.7), 8: (0.15, 0.7)},
}


@pytest.mark.parametrize("orientation", PLACES)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_u18_u46_exif_turns_every_kind_that_has_it_before_it_is_sized(box: Box, kind, orientation):
    upright = (80, 50) if orientation < 5 else (80, 128)

    result = box.picture(encoded(LOPSIDED, kind, exif=exif(orientation)), w="80")

    assert result.size == upright
    assert 0x0112 not in result.getexif()
    x, y = (int(share * side) for share, side in zip(PLACES[orientation], upright, strict=True))
    assert result.getpixel((x, y))[:3] == pytest.approx((190, 30, 40), abs=30)
