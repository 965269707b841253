"""An uploaded picture: checked as RemBG does, then decoded upright and in sRGB."""

import hashlib
import io
import itertools
import math
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO

import numpy as np
from PIL import Image, ImageCms, ImageOps

from dashboard.sandbox import errors
from dashboard.sandbox.form import Form
from dashboard.sandbox.messages import MEGABYTE
from dashboard.sandbox.parameters import MAX_SIDE

Size = tuple[int, int]
Box = tuple[float, float, float, float]
MAX_PICTURE = 50 * MEGABYTE
EXTENSIONS = (".webp", ".bmp", ".png", ".jpg", ".jpeg")
KINDS = ("PNG", "JPEG", "WEBP", "BMP")
# Sides are checked here, and a bomb within them is decoded alone.
Image.MAX_IMAGE_PIXELS = None
# OSError is Pillow's word for most, and EOFError, IndexError and the like come with bad files, too.
BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError),
    *(struct.error, zlib.error),
)
# A palette or single bits are averaged as RGB or grey; above this some pixels are left out first.
MOST_AVERAGED = 12_500_000
ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)
SRGB = ImageCms.createProfile("sRGB")
# The mode of pixels that a profile of this colour space describes.
PROFILED = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
# A JPEG's marker (ITU-T T.81, table B.1) is not 00, a stuffed byte, a restart or a fill byte.
MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
END_OF_IMAGE = b"\xff\xd9"
SEQUENTIAL, SCAN, STANDALONE = (0xC0, 0xC1), 0xDA, (0x01, 0xD8)
# Tables, line counts, comments and application data may stand between two scans.
BETWEEN_SCANS = {0xC4, 0xCC, SCAN, 0xDB, 0xDC, 0xDD, *range(0xE0, 0xF0), 0xFE}
# Read as picture data where those ended too early; in a complete picture nobody gets to it.
# With restart markers, so that it goes on where each interval begins anew.
INTERVALS = (bytes(range(255, 0, -3))[1:] * 8 + bytes((0xFF, 0xD0 + i % 8)) for i in range(16))
FOREIGN = b"".join(INTERVALS)


@dataclass(frozen=True)
class Picture:
    """A checked upload: its kind, size in pixels as stored, EXIF orientation and bits a sample."""

    file: IO[bytes]
    kind: str
    width: int
    height: int
    orientation: int = 1
    depth: int = 8

    @property
    def upright(self) -> Size:
        sideways = self.orientation in SIDEWAYS
        return (self.height, self.width) if sideways else (self.width, self.height)


def inspect(form: Form) -> Picture:
    """Check an upload as RemBG does; raises Refusal with the first thing that is wrong."""
    if form.file is None:
        raise errors.row("no_image")
    if not form.filename:
        raise errors.row("no_file")
    extension = PurePosixPath(form.filename.replace("\\", "/")).suffix.lower()
    if extension and extension not in EXTENSIONS:
        raise errors.row("file_type", extension=errors.echo(extension))
    size = form.file.seek(0, io.SEEK_END)
    if not size:
        raise errors.row("empty_file")
    if size > MAX_PICTURE:
        raise errors.row("file_size", megabytes=size / MEGABYTE)
    picture = read_header(form.file)
    if not picture.width or not picture.height:
        raise errors.row("signature")
    if picture.width > MAX_SIDE:
        raise errors.row("too_wide", pixels=picture.width)
    if picture.height > MAX_SIDE:
        raise errors.row("too_tall", pixels=picture.height)
    return picture


def read_header(file: IO[bytes]) -> Picture:
    """What a file is, nothing decoded yet; raises Refusal for anything but our four kinds."""
    file.seek(0)
    head = file.read(26)
    try:
        source = Image.open(file, formats=KINDS)
    except BROKEN:
        raise errors.row("signature") from None
    # EXIF's alone (contract, 1): Pillow's own reading takes XMP's where EXIF has none.
    exif, orientation = Image.Exif(), 1
    try:
        exif.load(source.info.get("exif", b""))
        orientation = int(exif.get(ORIENTATION, 1))
    except BROKEN:
        pass
    kind = "JPEG" if source.format == "MPO" else str(source.format)
    return Picture(file, kind, *source.size, orientation, head[24] if kind == "PNG" else 8)


def checked_end(picture: Picture) -> Picture:
    """The picture without its trailer; raises Refusal when it is cut, or too much follows it.

    Phones and editors leave things behind a picture, and browsers show such files.
    """
    picture.file.seek(0)
    data = picture.file.read()
    file, end = picture.file, ENDS[picture.kind](data)
    if picture.kind == "JPEG":
        try:
            file = io.BytesIO(_complete_jpeg(data))
        except BROKEN:
            raise errors.row("signature") from None
    if len(data) - end > max(MEGABYTE, end):
        message = "The file holds more than 1 MB behind the end of its picture."
        raise errors.plain(400, message)
    return replace(picture, file=file)


def _png_end(data: bytes) -> int:
    at = 8
    while at + 8 <= len(data):
        at, kind = at + 12 + int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IEND":
            break
    return at


def _jpeg_end(data: bytes) -> int:
    end = _scan_ends(data)[-1]
    return end + len(END_OF_IMAGE) * data.startswith(END_OF_IMAGE, end)


ENDS: dict[str, Callable[[bytes], int]] = {
    "PNG": _png_end,
    "JPEG": _jpeg_end,
    "WEBP": lambda data: 8 + int.from_bytes(data[4:8], "little"),
    # Some say 0, or too little, and mean the whole of it.
    "BMP": lambda data: int.from_bytes(data[2:6], "little") or len(data),
}


def _complete_jpeg(data: bytes) -> bytes:
    """The picture with its end marked and nothing behind it; raises one of BROKEN when it is cut.

    Its scans' data decide, not its last bytes: decoded with other bytes behind each scan, a
    complete picture is the same, and one that was cut shows them.
    """
    ends = _scan_ends(data)
    picture = data[: ends[-1]] + END_OF_IMAGE
    scans = [data[start:end] for start, end in itertools.pairwise((0, *ends))]
    if _decoded(picture) != _decoded(FOREIGN.join([*scans, END_OF_IMAGE])):
        raise EOFError
    return picture


def _scan_ends(data: bytes) -> list[int]:
    """Where the data of each of a JPEG's scans end: at the next marker, or with the file."""
    ends: list[int] = []
    at, in_scan, is_only = 2, False, False
    components = b""
    while match := MARKER.search(data, at):
        code, at = match[1][0], match.end()
        length = int.from_bytes(data[at : at + 2], "big")
        if in_scan:
            ends.append(match.start())
        if ends and (is_only or code not in BETWEEN_SCANS or at + length > len(data)):
            return ends
        if code in SEQUENTIAL:
            components = data[at + 7 : at + 8]
        in_scan = code == SCAN
        is_only = in_scan and data[at + 2 : at + 3] == components
        at += 0 if code in STANDALONE else length
    return [*ends, len(data)] if in_scan or not ends else ends


def _decoded(data: bytes) -> bytes:
    """A digest of a JPEG, decoded as small as still shows each scan."""
    source = Image.open(io.BytesIO(data), formats=["JPEG"])
    # Later scans of a progressive one hold only details, which an eighth would not show.
    least = 2 if source.info.get("progressive") else 8
    source.draft(None, (max(1, source.width // least), max(1, source.height // least)))
    return hashlib.sha256(source.tobytes()).digest()


def decode(picture: Picture, size: Size) -> Image.Image:
    """The picture in sRGB, RGB or RGBA, upright and of this size; raises Refusal when broken."""
    stored = (size[1], size[0]) if picture.orientation in SIDEWAYS else size
    picture.file.seek(0)
    try:
        source = Image.open(picture.file, formats=[picture.kind])
        drafted = source.draft(None, stored)
        source.load()
    except BROKEN:
        raise errors.row("signature") from None
    pixels, profile = _averageable(source, picture.depth), source.info.get("icc_profile", b"")
    # It may take 100 MB, as the result may.
    del source
    result = _in_srgb(resized(pixels, stored, drafted[1] if drafted else None), profile)
    result.info.clear()
    result.getexif()[ORIENTATION] = picture.orientation
    ImageOps.exif_transpose(result, in_place=True)
    return result


def resized(picture: Image.Image, size: Size, box: Box | None = None) -> Image.Image:
    """The part `box` of a picture at this size."""
    if picture.size == size:
        return picture
    grows = size[0] > picture.width or size[1] > picture.height
    method = Image.Resampling.BICUBIC if grows else Image.Resampling.BILINEAR
    return picture.resize(size, method, box)


def _averageable(source: Image.Image, depth: int) -> Image.Image:
    """Pixels of 8 bits, without a palette, a transparent colour (tRNS) as alpha."""
    key = source.info.get("transparency")
    if source.mode in ("1", "P"):
        step = math.ceil(math.sqrt(source.width * source.height / MOST_AVERAGED))
        if step > 1:
            size = (math.ceil(source.width / step), math.ceil(source.height / step))
            source = source.resize(size, Image.Resampling.NEAREST)
    if source.mode == "P":
        return source.convert("RGB" if key is None else "RGBA")
    if source.mode.startswith("I;16"):
        samples = np.asarray(source)
        result = Image.fromarray((samples >> 8).astype(np.uint8))
        if key is not None:
            result.putalpha(Image.fromarray(np.uint8(255) * (samples != key)))
        return result
    result = source.convert("L") if source.mode == "1" else source
    if key is None:
        return result
    # It is given in the file's own depth; of a single bit Pillow makes 0 or 255 by itself.
    keys = key if isinstance(key, tuple) else (key,)
    most = 2**depth - 1
    eight = [each >> 8 if depth == 16 else min(255, each * 255 // most) for each in keys]
    result.info["transparency"] = tuple(eight) if isinstance(key, tuple) else eight[0]
    return result.convert("RGBA" if result.mode == "RGB" else "LA")


def _in_srgb(pixels: Image.Image, icc: bytes) -> Image.Image:
    """The same as RGB or RGBA: by the picture's profile, where it has one that fits."""
    color = {"L": "L", "LA": "L", "CMYK": "CMYK"}.get(pixels.mode, "RGB")
    transform = None
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        mode = PROFILED[profile.profile.xcolor_space.strip()]
        if mode == color or (mode, color) == ("RGB", "L"):
            transform = ImageCms.buildTransform(profile, SRGB, mode, "RGB")
            color = mode
    except (*BROKEN, ImageCms.PyCMSError):
        pass
    has_alpha = pixels.mode in ("LA", "RGBA")
    if transform is None:
        wanted = "RGBA" if has_alpha else "RGB"
        return pixels if pixels.mode == wanted else pixels.convert(wanted)
    result = transform.apply(pixels.convert(color))
    if has_alpha:
        result.putalpha(pixels.getchannel("A"))
    return result
