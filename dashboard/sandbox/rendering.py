"""From an uploaded picture to the one that was asked for, in the contract's order.

Orient by EXIF, cut out, mask or background, size, angle, encode. Decoding and cutting happen at
the size that is asked for where that is smaller, so that memory follows the result.
"""

import math
import tempfile
from typing import IO, Any

import numpy as np
from PIL import Image, ImageChops

from dashboard.sandbox import errors
from dashboard.sandbox.parameters import MAX_SIDE, Color, Parameters
from dashboard.sandbox.pictures import Box, Picture, Size, checked_end, decode, resized
from dashboard.sandbox.segmentation import SIDE, Matte, Segmenter

# Above this a picture is worked on alone, one at a time in the process.
LARGE = 6_000_000
SPOOL = 1024 * 1024
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
BAND_PIXELS = 100_000
# Of each level of alpha: how much of the picture's own colour stays, and whether nothing is left.
OWN = [min(255, max(0, (level - 96) * 255 // 144)) for level in range(256)]
EMPTY = [255] + [0] * 255


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
        matte = _matte(decode(picture, (SIDE, SIDE)), segmenter)
        pixels = decode(picture, size)
    else:
        pixels = decode(picture, size)
        matte = _matte(resized(pixels, (SIDE, SIDE)), segmenter)
    # What lies behind the subject, from front to back; JPEG and BMP have no transparency.
    opaque = parameters.format in ("JPEG", "BMP") and not parameters.mask
    backdrops = [each for each in (parameters.bg_color, WHITE if opaque else None) if each]
    pixels = _cut(pixels, matte, backdrops, as_mask=parameters.mask)
    pixels = _turn(pixels, parameters, backdrops)
    # The caller closes it: it is the body of the answer.
    target = tempfile.SpooledTemporaryFile(max_size=SPOOL)  # noqa: SIM115
    pixels.save(target, parameters.format, **SAVING[parameters.format])
    return target


def _matte(small: Image.Image, segmenter: Segmenter) -> Matte:
    return segmenter.matte(_over(small, [WHITE]).convert("RGB"))


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
    most = MOST_PIXELS
    if parameters.format == "WEBP":
        most = MOST_AS_WEBP if math.prod(native) <= HUGE else MOST_AS_WEBP_OF_HUGE
    canvas = _canvas(size, parameters.angle) if parameters.expand else size
    excess = math.sqrt(math.prod(canvas) / most)
    if excess > 1:
        size = (max(1, int(size[0] / excess)), max(1, int(size[1] / excess)))
    return size


def _over(picture: Image.Image, backdrops: list[Color]) -> Image.Image:
    """A picture on one or several colours; as it is where it has no alpha."""
    for color in backdrops if picture.mode == "RGBA" else ():
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, color), picture)
    return picture


def _cut(
    picture: Image.Image, matte: Matte, backdrops: list[Color], *, as_mask: bool
) -> Image.Image:
    """The subject on its backdrops, RGB where one is opaque; or the alpha mask alone, L."""
    opaque = any(color[3] == 255 for color in backdrops)
    result = Image.new("L" if as_mask else "RGB" if opaque else "RGBA", picture.size)
    rows = max(1, BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        box = (0, top, picture.width, min(top + rows, picture.height))
        band = picture.crop(box)
        slope, offset, colors = (
            each.resize(band.size, Image.Resampling.BILINEAR, _part(each, box, picture.height))
            for each in (matte.slope, matte.offset, matte.colors)
        )
        levels = np.asarray(slope) * np.asarray(band.convert("L")) + np.asarray(offset)
        alpha = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
        if band.mode == "RGBA":
            alpha = ImageChops.multiply(alpha, band.getchannel("A"))
        if not as_mask:
            # At an edge the subject's own colour, as the picture's is mixed with the ground's.
            cut = Image.composite(band.convert("RGB"), colors, alpha.point(OWN))
            cut.paste((0, 0, 0), mask=alpha.point(EMPTY))
            cut.putalpha(alpha)
        result.paste(alpha if as_mask else _over(cut, backdrops).convert(result.mode), box)
    return result


def _part(image: Image.Image, box: tuple[int, int, int, int], height: int) -> Box:
    """The rows of a smaller image that lie below a band of a picture of this height."""
    scale = image.height / height
    return (0, box[1] * scale, image.width, box[3] * scale)


def _turn(picture: Image.Image, parameters: Parameters, backdrops: list[Color]) -> Image.Image:
    """Turn counter-clockwise; new corners are empty, black in a mask, or of the background."""
    degrees = parameters.angle % 360
    if not degrees:
        return picture
    if not degrees % 90 and (parameters.expand or degrees == 180):
        return picture.rotate(degrees, expand=True)
    color = _over(Image.new("RGBA", (1, 1)), backdrops)
    # Pillow turns RGBA premultiplied, and takes the colour for it as it is given.
    fill = color.convert("RGBa" if picture.mode == "RGBA" else picture.mode).getpixel((0, 0))
    width, height = picture.size
    canvas = _canvas(picture.size, degrees) if parameters.expand else picture.size
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    # Where in the picture each pixel of the canvas comes from, centre on centre.
    x, y = canvas[0] / 2, canvas[1] / 2
    across = (cosine, -sine, width / 2 - cosine * x + sine * y)
    down = (sine, cosine, height / 2 - sine * x - cosine * y)
    affine, bicubic = Image.Transform.AFFINE, Image.Resampling.BICUBIC
    return picture.transform(canvas, affine, (*across, *down), bicubic, fillcolor=fill)


def _canvas(size: Size, angle: float) -> Size:
    """The canvas that holds the whole picture when turned."""
    cosine, sine = (abs(f(math.radians(angle))) for f in (math.cos, math.sin))
    width, height = size
    # Rounded first, so that 90 degrees is not a hair wider than the picture.
    across = round(width * cosine + height * sine, 6)
    down = round(width * sine + height * cosine, 6)
    return max(1, math.ceil(across)), max(1, math.ceil(down))
