"""An uploaded picture as pixels: upright, in colour, and no larger than it has to be."""

from __future__ import annotations

import itertools
import struct
import warnings
import zlib
from typing import IO

import numpy as np
from PIL import Image

from dashboard.sandbox import crew, errors
from dashboard.sandbox.parameters import MAX_SIDE
from dashboard.sandbox.pictures import Header

STRIP_PIXELS = 1_000_000
Size = tuple[int, int]
Image.MAX_IMAGE_PIXELS = MAX_SIDE * MAX_SIDE
warnings.simplefilter("error", Image.DecompressionBombWarning)
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
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)


def open_picture(file: IO[bytes], header: Header) -> tuple[Image.Image, int]:
    """The picture, not decoded yet, and its EXIF orientation; raises Refusal."""
    file.seek(0)
    try:
        source = Image.open(file, formats=[header.kind])
    except BROKEN:
        raise errors.SIGNATURE.refusal() from None
    if source.size != (header.width, header.height):
        raise errors.SIGNATURE.refusal()
    try:
        return source, int(source.getexif().get(ORIENTATION, 1))
    except BROKEN:
        return source, 1


def decode(source: Image.Image, orientation: int, size: Size) -> Image.Image:
    """The picture as RGB or RGBA, upright and of this size; raises Refusal when it is broken."""
    stored = (size[1], size[0]) if orientation in SIDEWAYS else size
    try:
        drafted = source.draft(None, stored)
        source.load()
    except BROKEN:
        raise errors.SIGNATURE.refusal() from None
    box = drafted[1] if drafted else (0, 0, *source.size)
    picture = _in_color(shrunk(_resizable(source), stored, box))
    if orientation in TURNS:
        picture = picture.transpose(TURNS[orientation])
    return picture


def _resizable(picture: Image.Image) -> Image.Image:
    """The picture in a mode that can be averaged."""
    if picture.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    if picture.mode in ("I", "F"):
        return Image.fromarray(np.clip(np.asarray(picture) / 257, 0, 255).astype(np.uint8))
    if "transparency" in picture.info or picture.mode in ("PA", "La", "RGBa"):
        return picture.convert("RGBA")
    if picture.mode == "1":
        return picture.convert("L")
    if picture.mode == "P":
        return picture.convert("RGB")
    return picture


def shrunk(picture: Image.Image, size: Size, box: tuple[float, ...]) -> Image.Image:
    """The part `box` of a picture at this size, averaged where that is smaller."""
    factor = min(picture.width // size[0], picture.height // size[1])
    if factor > 1:
        picture = _reduced(picture, factor)
        box = tuple(side / factor for side in box)
    if picture.size == size:
        return picture
    bounds = (0.0, 0.0, min(box[2], picture.width), min(box[3], picture.height))
    grows = size[0] > picture.width or size[1] > picture.height
    method = Image.Resampling.BICUBIC if grows else Image.Resampling.BILINEAR
    if picture.mode == "RGB" and size[0] * size[1] > STRIP_PIXELS // 2:
        return _resized_together(picture, size, method, bounds)
    return picture.resize(size, method, bounds)


def _resized_together(
    picture: Image.Image,
    size: Size,
    method: Image.Resampling,
    bounds: tuple[float, float, float, float],
) -> Image.Image:
    """Resize in bands, one for each core; they fit, as each looks beyond its edges."""
    result = Image.new(picture.mode, size)
    edges = [size[1] * i // crew.CORES for i in range(crew.CORES + 1)]
    scale = bounds[3] / size[1]

    def resize(band: tuple[int, int]) -> None:
        top, bottom = band
        box = (bounds[0], top * scale, bounds[2], bottom * scale)
        result.paste(picture.resize((size[0], bottom - top), method, box), (0, top))

    bands = [band for band in itertools.pairwise(edges) if band[0] < band[1]]
    list(crew.together(resize, bands))
    return result


def _reduced(picture: Image.Image, factor: int) -> Image.Image:
    """Reduce in bands: with alpha, Pillow would copy the whole picture first."""
    size = (-(-picture.width // factor), -(-picture.height // factor))
    result = Image.new(picture.mode, size)
    rows = max(1, STRIP_PIXELS // (picture.width * factor)) * factor
    for top in range(0, picture.height, rows):
        bottom = min(top + rows, picture.height)
        band = picture.crop((0, top, picture.width, bottom)).reduce(factor)
        result.paste(band, (0, top // factor))
    return result


def _in_color(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGB", "RGBA"):
        return picture
    return picture.convert("RGBA" if picture.mode == "LA" else "RGB")
