"""From an uploaded picture to the one that was asked for, in the contract's order.

Orient by EXIF, cut out, mask or background, size, angle, encode. Decoding and cutting happen at
the size that is asked for where that is smaller, so that memory follows the result.
"""

from __future__ import annotations

import io
import math
import tempfile
import threading
from contextlib import nullcontext
from typing import IO, Any

from PIL import Image

from dashboard.sandbox import decoding, matting, png
from dashboard.sandbox.parameters import MAX_SIDE, Color, Parameters
from dashboard.sandbox.pictures import Header
from dashboard.sandbox.segmentation import SIDE, Segmenter

MAX_PIXELS = MAX_SIDE * MAX_SIDE
# Above this a picture is worked on alone, one at a time in the process.
LARGE = 16_000_000
STRIP_PIXELS = 1_000_000
QUARTERS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
WHITE: Color = (255, 255, 255, 255)
# A WebP with alpha takes libwebp 25 bytes a pixel to encode.
MOST_PIXELS = {"PNG": MAX_PIXELS, "JPEG": MAX_PIXELS, "BMP": MAX_PIXELS, "WEBP": 25_000_000}
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "BMP": "image/bmp"}
SAVING: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 90},
    "WEBP": {"quality": 82, "method": 1},
    "BMP": {},
}
Size = tuple[int, int]
_alone = threading.Lock()


def render(
    file: IO[bytes], header: Header, parameters: Parameters, segmenter: Segmenter
) -> IO[bytes]:
    """The encoded result, at its start; raises Refusal for a picture that cannot be decoded."""
    source, orientation = decoding.open_picture(file, header)
    native = (header.width, header.height)
    if orientation in decoding.SIDEWAYS:
        native = (header.height, header.width)
    size = target_size(native, parameters)
    large = _is_large(header, size, parameters)
    with _alone if large else nullcontext():
        picture = decoding.decode(source, orientation, size)
        del source
        matte = _matte(picture, segmenter, frugal=large)
        return _render(picture, matte, parameters)


def _is_large(header: Header, size: Size, parameters: Parameters) -> bool:
    # libjpeg decodes at the size that is asked for; the others decode the whole picture.
    stored = 0 if header.kind == "JPEG" else header.width * header.height
    return max(stored, math.prod(size), math.prod(_canvas(size, parameters.angle))) > LARGE


def _render(picture: Image.Image, matte: matting.Matte, parameters: Parameters) -> IO[bytes]:
    backdrop = _backdrop(parameters)
    if parameters.mask:
        result = matting.mask(picture, matte)
    else:
        result = matting.cut_out(picture, matte, backdrop)
    del picture
    return _encode(_turn(result, parameters, backdrop), parameters.format)


def target_size(native: Size, parameters: Parameters) -> Size:
    """The size before turning: the aspect is kept unless both sides are forced.

    No side passes 10000 px, and no turned canvas the format's MOST_PIXELS: then it is smaller.
    """
    width, height = native
    w, h = parameters.w, parameters.h
    if w and h and parameters.exact_resize:
        size = (w, h)
    elif w or h:
        scale = min((w or MAX_SIDE) / width, (h or MAX_SIDE) / height)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
    else:
        size = native
    canvas = _canvas(size, parameters.angle) if parameters.expand else size
    excess = math.sqrt(canvas[0] * canvas[1] / MOST_PIXELS[parameters.format])
    if excess > 1:
        size = (max(1, int(size[0] / excess)), max(1, int(size[1] / excess)))
    return size


def _matte(picture: Image.Image, segmenter: Segmenter, *, frugal: bool) -> matting.Matte:
    small = decoding.shrunk(picture, (SIDE, SIDE), (0, 0, *picture.size))
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, WHITE), small).convert("RGB")
    return matting.refine(small, segmenter.matte(small, frugal=frugal))


def _backdrop(parameters: Parameters) -> Color | None:
    """What lies behind the subject; JPEG and BMP have no transparency."""
    color = parameters.bg_color
    if parameters.format in ("PNG", "WEBP") or (color and color[3] == 255):
        return color
    if color is None:
        return WHITE
    over = Image.alpha_composite(Image.new("RGBA", (1, 1), WHITE), Image.new("RGBA", (1, 1), color))
    red, green, blue, _ = over.tobytes()
    return (red, green, blue, 255)


def _turn(picture: Image.Image, parameters: Parameters, backdrop: Color | None) -> Image.Image:
    """Turn counter-clockwise; new corners are empty, black in a mask, or of the background."""
    degrees = parameters.angle % 360
    if degrees in QUARTERS and (parameters.expand or degrees == 180):
        return picture.transpose(QUARTERS[int(degrees)])
    if not degrees:
        return picture
    size = _canvas(picture.size, degrees) if parameters.expand else picture.size
    fill = Image.new(picture.mode, (1, 1), _fill(picture.mode, backdrop))
    if picture.mode == "RGBA":
        picture, fill = picture.convert("RGBa"), fill.convert("RGBa")
    result = Image.new("RGBA" if picture.mode == "RGBa" else picture.mode, size)
    rows = max(1, STRIP_PIXELS // size[0])
    for top in range(0, size[1], rows):
        strip = picture.transform(
            (size[0], min(rows, size[1] - top)),
            Image.Transform.AFFINE,
            _affine(picture.size, size, degrees, top),
            Image.Resampling.BICUBIC,
            fillcolor=fill.getpixel((0, 0)),
        )
        result.paste(strip.convert(result.mode), (0, top))
    return result


def _fill(mode: str, backdrop: Color | None) -> int | tuple[int, ...]:
    if mode == "L":
        return 0
    color = backdrop or (0, 0, 0, 0)
    return color if mode == "RGBA" else color[:3]


def _canvas(size: Size, angle: float) -> Size:
    """The canvas that holds the whole picture when turned."""
    cosine, sine = (abs(f(math.radians(angle))) for f in (math.cos, math.sin))
    width, height = size
    # Rounded first, so that 90 degrees is not a hair wider than the picture.
    across = round(width * cosine + height * sine, 6)
    down = round(width * sine + height * cosine, 6)
    return max(1, math.ceil(across)), max(1, math.ceil(down))


def _affine(size: Size, canvas: Size, degrees: float, top: int) -> tuple[float, ...]:
    """Where in the picture each pixel of a canvas strip comes from, centre on centre."""
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x, y = canvas[0] / 2, canvas[1] / 2 - top
    return (
        cosine,
        -sine,
        size[0] / 2 - cosine * x + sine * y,
        sine,
        cosine,
        size[1] / 2 - sine * x - cosine * y,
    )


def _encode(picture: Image.Image, kind: str) -> IO[bytes]:
    small = picture.width * picture.height <= LARGE
    # The caller closes it: it is the body of the answer.
    target: IO[bytes] = io.BytesIO() if small else tempfile.TemporaryFile()  # noqa: SIM115
    if kind == "PNG":
        png.write(picture, target)
    else:
        picture.save(target, kind, **SAVING[kind])
    target.seek(0)
    return target
