"""From an uploaded picture to the one that was asked for, in the contract's order.

Orient by EXIF, cut out, mask or background, size, angle, encode. Decoding and cutting happen at
the size that is asked for where that is smaller, so that memory follows the result.
"""

from __future__ import annotations

import math
import tempfile
from typing import IO, Any

from PIL import Image

from dashboard.sandbox import errors, matting
from dashboard.sandbox.parameters import MAX_SIDE, Color, Parameters
from dashboard.sandbox.pictures import Picture, Size, checked_end, decode, resized
from dashboard.sandbox.segmentation import SIDE, Segmenter

# Above this a picture is worked on alone, one at a time in the process.
LARGE = 6_000_000
BAND_PIXELS = 1_000_000
SPOOL = 1024 * 1024
QUARTERS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
WHITE: Color = (255, 255, 255, 255)
MOST_PIXELS = 25_000_000
# libwebp takes up to 25 bytes a pixel to encode alpha, and 16 to decode.
MOST_AS_WEBP = 12_200_000
HUGE, MOST_AS_WEBP_OF_HUGE = 16_000_000, 7_000_000
MOST_FROM_WEBP = 30_000_000
TYPES = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "BMP": "image/bmp"}
SAVING: dict[str, dict[str, Any]] = {
    "PNG": {"compress_level": 1},
    "JPEG": {"quality": 90},
    "WEBP": {"quality": 82, "method": 0},
    "BMP": {},
}


def is_large(picture: Picture, parameters: Parameters) -> bool:
    """Whether a removal takes so much memory that there can be only one at a time."""
    size = target_size(picture.upright, parameters)
    # libjpeg decodes at the size that is asked for; the others decode the whole picture.
    stored = 0 if picture.kind == "JPEG" else picture.width * picture.height
    return max(stored, math.prod(size), math.prod(_canvas(size, parameters.angle))) > LARGE


def render(picture: Picture, parameters: Parameters, segmenter: Segmenter) -> IO[bytes]:
    """The encoded result; raises Refusal for one that cannot be decoded."""
    if picture.kind == "WEBP" and picture.width * picture.height > MOST_FROM_WEBP:
        raise errors.busy("The sandbox has no memory for a WebP of this size.")
    picture = checked_end(picture)
    size = target_size(picture.upright, parameters)
    if is_large(picture, parameters):
        # Decoded twice, as the model's memory and the picture's together would be too much.
        small = decode(picture, (SIDE, SIDE))
        matte = _matte(small, segmenter)
        pixels = decode(picture, size)
    else:
        pixels = decode(picture, size)
        matte = _matte(resized(pixels, (SIDE, SIDE), (0, 0, *pixels.size)), segmenter)
    backdrop = _backdrop(parameters)
    if parameters.mask:
        pixels = matting.mask(pixels, matte)
    else:
        pixels = matting.cut_out(pixels, matte, backdrop)
    pixels = _turn(pixels, parameters, backdrop)
    return _encode(pixels, parameters.format)


def target_size(native: Size, parameters: Parameters) -> Size:
    """The size before turning: the aspect is kept unless both sides are forced.

    No side passes 10000 px, and no turned canvas what memory is kept for: then it is smaller.
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
    excess = math.sqrt(math.prod(canvas) / _most_pixels(native, parameters.format))
    if excess > 1:
        size = (max(1, int(size[0] / excess)), max(1, int(size[1] / excess)))
    return size


def _most_pixels(native: Size, kind: str) -> int:
    if kind != "WEBP":
        return MOST_PIXELS
    return MOST_AS_WEBP if math.prod(native) <= HUGE else MOST_AS_WEBP_OF_HUGE


def _matte(small: Image.Image, segmenter: Segmenter) -> matting.Matte:
    if small.mode == "RGBA":
        small = Image.alpha_composite(Image.new("RGBA", small.size, WHITE), small).convert("RGB")
    return matting.refine(small, segmenter.matte(small))


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
    rows = max(1, BAND_PIXELS // size[0])
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
    # The caller closes it: it is the body of the answer.
    target = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115
    picture.save(target, kind, **SAVING[kind])
    return target
