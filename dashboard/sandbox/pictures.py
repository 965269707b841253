"""An uploaded picture: checked as RemBG does, then decoded upright and in sRGB."""

from __future__ import annotations

import functools
import io
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import IO, Any

import numpy as np
from PIL import Image, ImageChops, ImageCms

from dashboard.sandbox import errors, jpeg
from dashboard.sandbox.form import MAX_PICTURE, Upload
from dashboard.sandbox.parameters import MAX_SIDE
from dashboard.sandbox.settings import MEGABYTE

Size = tuple[int, int]
Box = tuple[float, float, float, float]
EXTENSIONS = (".webp", ".bmp", ".png", ".jpg", ".jpeg")
KINDS = ("PNG", "JPEG", "WEBP", "BMP")
# Sides are checked here, and a bomb within them is decoded alone.
Image.MAX_IMAGE_PIXELS = None
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)
BAND_PIXELS = 1_000_000
ORIENTATION = 0x0112
SIDEWAYS = (5, 6, 7, 8)
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SRGB = ImageCms.createProfile("sRGB")
# The mode of pixels that a profile of this colour space describes.
GREYS = ("1", "L", "LA", "I;16", "I;16B")
PROFILED = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}


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


def inspect(upload: Upload) -> Picture:
    """Check an upload as RemBG does; raises Refusal with the first thing that is wrong."""
    if not upload.filename:
        raise errors.NO_FILE.refusal()
    extension = PurePosixPath(upload.filename.replace("\\", "/")).suffix.lower()
    if extension and extension not in EXTENSIONS:
        raise errors.FILE_TYPE.refusal(extension=errors.echo(extension))
    if not upload.size:
        raise errors.EMPTY_FILE.refusal()
    if upload.size > MAX_PICTURE:
        raise errors.FILE_SIZE.refusal(megabytes=upload.size / MEGABYTE)
    picture = read_header(upload.file)
    if not picture.width or not picture.height:
        raise errors.SIGNATURE.refusal()
    if picture.width > MAX_SIDE:
        raise errors.TOO_WIDE.refusal(pixels=picture.width)
    if picture.height > MAX_SIDE:
        raise errors.TOO_TALL.refusal(pixels=picture.height)
    return picture


def read_header(file: IO[bytes]) -> Picture:
    """What a file is, nothing decoded yet; raises Refusal for anything but our four kinds."""
    file.seek(0)
    head = file.read(26)
    try:
        with_header = Image.open(file, formats=KINDS)
    except BROKEN:
        raise errors.SIGNATURE.refusal() from None
    kind = "JPEG" if with_header.format == "MPO" else str(with_header.format)
    depth = head[24] if kind == "PNG" else 8
    return Picture(file, kind, *with_header.size, _orientation(with_header), depth)


def _orientation(source: Image.Image) -> int:
    """EXIF's alone (contract, 1): Pillow's own reading takes XMP's where EXIF has none."""
    exif = Image.Exif()
    try:
        exif.load(source.info.get("exif", b""))
        return int(exif.get(ORIENTATION, 1))
    except BROKEN:
        return 1


def checked_end(picture: Picture) -> Picture:
    """The picture without its trailer; raises Refusal when it is cut, or too much follows it.

    Phones and editors leave things behind a picture, and browsers show such files.
    """
    picture.file.seek(0)
    data = picture.file.read()
    file = picture.file
    if picture.kind == "JPEG":
        try:
            found = jpeg.complete(data)
        except BROKEN:
            found = None
        if found is None:
            raise errors.SIGNATURE.refusal()
        file, end = io.BytesIO(found[0]), found[1]
    else:
        end = ENDS[picture.kind](data)
    if len(data) - end > max(MEGABYTE, end):
        raise errors.TRAILER.refusal()
    return replace(picture, file=file)


def _png_end(data: bytes) -> int:
    at = 8
    while at + 8 <= len(data):
        at, kind = at + 12 + int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IEND":
            break
    return at


def _riff_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


def _bmp_end(data: bytes) -> int:
    """Where the file says that it ends; some say 0, or too little, and mean the whole of it."""
    return int.from_bytes(data[2:6], "little") or len(data)


ENDS: dict[str, Callable[[bytes], int]] = {"PNG": _png_end, "WEBP": _riff_end, "BMP": _bmp_end}


def decode(picture: Picture, size: Size) -> Image.Image:
    """The picture in sRGB, RGB or RGBA, upright and of this size; raises Refusal when broken."""
    stored = (size[1], size[0]) if picture.orientation in SIDEWAYS else size
    picture.file.seek(0)
    try:
        source = Image.open(picture.file, formats=[picture.kind])
        drafted = source.draft(None, stored)
        source.load()
    except BROKEN:
        raise errors.SIGNATURE.refusal() from None
    box = drafted[1] if drafted else (0, 0, *source.size)
    result = _in_srgb(source, picture.depth, stored, box)
    return result.transpose(TURNS[picture.orientation]) if picture.orientation in TURNS else result


def resized(picture: Image.Image, size: Size, box: Box) -> Image.Image:
    """The part `box` of a picture at this size."""
    if picture.size == size:
        return picture
    grows = size[0] > box[2] - box[0] or size[1] > box[3] - box[1]
    method = Image.Resampling.BICUBIC if grows else Image.Resampling.BILINEAR
    return picture.resize(size, method, box)


def _in_srgb(source: Image.Image, depth: int, size: Size, box: Box) -> Image.Image:
    """The part `box` of a decoded picture as RGB or RGBA of this size.

    In bands: 100 megapixels are not copied as a whole.
    """
    managed = _color_transform(source)
    mode = managed(_averageable(source.crop((0, 0, 1, 1)), depth)).mode
    fits = size == source.size
    result = source if fits and mode == source.mode else Image.new(mode, size)
    scale = box[3] / size[1]
    # Rows beyond a band's edges, as averaging looks there.
    margin = 0 if fits else math.ceil(2 * scale) + 2
    rows = max(1, int(BAND_PIXELS / max(source.width * scale, size[0])))
    for top in range(0, size[1], rows):
        bottom = min(top + rows, size[1])
        first = max(0, int(top * scale) - margin)
        last = min(source.height, math.ceil(bottom * scale) + margin)
        band = _averageable(source.crop((0, first, source.width, last)), depth)
        part = (0.0, top * scale - first, box[2], min(bottom * scale - first, band.height))
        result.paste(managed(resized(band, (size[0], bottom - top), part)), (0, top))
    return result


def _averageable(band: Image.Image, depth: int) -> Image.Image:
    """Pixels of 8 bits, without a palette, a transparent colour (tRNS) as alpha."""
    key = band.info.get("transparency")
    if band.mode == "P":
        return band.convert("RGB" if key is None else "RGBA")
    if band.mode.startswith("I;16"):
        samples = np.asarray(band)
        result = Image.fromarray((samples >> 8).astype(np.uint8))
        alpha = None if key is None else Image.fromarray(np.uint8(255) * (samples != key))
    else:
        result = band.convert("L") if band.mode == "1" else band
        alpha = None if key is None else _alpha(result, key, depth)
    if alpha is not None:
        result.info.pop("transparency", None)
        result = result.convert("RGBA" if result.mode == "RGB" else "LA")
        result.putalpha(alpha)
    return result


def _alpha(band: Image.Image, key: Any, depth: int) -> Image.Image:
    """0 where every sample is the transparent one, which is given in the file's own depth."""
    keys = key if isinstance(key, tuple) else (key,)
    # Of a single bit Pillow makes 0 or 255 by itself.
    most = 2**depth - 1
    eight = [each >> 8 if depth == 16 else min(255, each * 255 // most) for each in keys]
    masks = [
        channel.point([0 if value == own else 255 for value in range(256)])
        for channel, own in zip(band.split(), eight, strict=True)
    ]
    return functools.reduce(ImageChops.lighter, masks)


def _color_transform(source: Image.Image) -> Callable[[Image.Image], Image.Image]:
    """What brings a band into sRGB: by the picture's profile, where it has one that fits."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(source.info["icc_profile"]))
        mode = PROFILED[profile.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(profile, SRGB, mode, "RGB")
    except (*BROKEN, ImageCms.PyCMSError):
        return _unmanaged
    color = "CMYK" if source.mode == "CMYK" else "L" if source.mode in GREYS else "RGB"
    if mode != color and (mode, color) != ("RGB", "L"):
        return _unmanaged

    def managed(band: Image.Image) -> Image.Image:
        alpha = band.getchannel("A") if band.mode in ("LA", "RGBA") else None
        result = transform.apply(band.convert(mode))
        if alpha is not None:
            result.putalpha(alpha)
        return result

    return managed


def _unmanaged(band: Image.Image) -> Image.Image:
    return band.convert("RGBA" if band.mode in ("LA", "RGBA") else "RGB")
