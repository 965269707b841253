"""From the model's coarse matte to clean edges at any size, in bands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Box = tuple[int, int, int, int]
Color = tuple[int, int, int, int]

# The guided filter (He, Sun, Tang: "Guided image filtering"), in pixels of the small picture.
GUIDE_RADIUS = 3
GUIDE_SMOOTHNESS = 2e-4
# Where to look for the subject's own colour around an edge: a blur of the picture at 1/4.
COLOR_STEP, COLOR_RADIUS = 4, 2
# The matte between these is stretched to 0..1, so that inside is opaque and outside empty.
FAINTEST, STRONGEST = 0.12, 0.88
BAND_PIXELS = 100_000


@dataclass(frozen=True)
class Matte:
    """A cut at model size: alpha is `slope * luminance + offset`, 0 to 255, at any size.

    `subject` and `ground` are the colours on either side of the edges, to unmix them.
    """

    slope: Image.Image
    offset: Image.Image
    subject: Floats
    ground: Floats


def refine(small: Image.Image, coarse: Floats) -> Matte:
    """Fit a coarse matte to the edges of the small RGB picture that it was made from."""
    light = np.asarray(small.convert("L"), dtype=np.float32) / 255
    means = _blur(np.stack((light, coarse, light * coarse, light * light)), GUIDE_RADIUS)
    mean_light, mean_matte, mean_both, mean_square = means
    variance = mean_square - mean_light * mean_light
    slope = (mean_both - mean_light * mean_matte) / (variance + GUIDE_SMOOTHNESS)
    slope, offset = _blur(np.stack((slope, mean_matte - slope * mean_light)), GUIDE_RADIUS)
    scale = 1 / (STRONGEST - FAINTEST)
    slope, offset = slope * scale, (offset - FAINTEST) * scale * 255
    subject, ground = _sides(small, coarse)
    return Matte(
        slope=Image.fromarray(slope),
        offset=Image.fromarray(offset),
        subject=subject,
        ground=ground,
    )


def _sides(small: Image.Image, coarse: Floats) -> tuple[Floats, Floats]:
    colors = np.asarray(small.reduce(COLOR_STEP), dtype=np.float32).transpose(2, 0, 1)
    matte = np.asarray(Image.fromarray(coarse).reduce(COLOR_STEP))
    sums = _blur(
        np.stack((*(colors * matte), *(colors * (1 - matte)), matte, 1 - matte)), COLOR_RADIUS
    )
    subject = sums[0:3] / np.maximum(sums[6], 1e-4)
    ground = sums[3:6] / np.maximum(sums[7], 1e-4)
    return subject.transpose(1, 2, 0), ground.transpose(1, 2, 0)


def _blur(planes: Floats, radius: int) -> Floats:
    """The mean of the square around each pixel of each plane; borders go on as they are."""
    padded = np.pad(planes, ((0, 0), (radius, radius), (radius, radius)), mode="edge")
    width = 2 * radius + 1
    rows = padded[:, : planes.shape[1], :].copy()
    for shift in range(1, width):
        rows += padded[:, shift : shift + planes.shape[1], :]
    both = rows[:, :, : planes.shape[2]].copy()
    for shift in range(1, width):
        both += rows[:, :, shift : shift + planes.shape[2]]
    both /= width * width
    return both


def mask(picture: Image.Image, matte: Matte) -> Image.Image:
    """The alpha mask of an RGB or RGBA picture, as an L image of its size."""
    result = Image.new("L", picture.size)
    for box in _bands(picture.size):
        result.paste(Image.fromarray(_alpha(picture.crop(box), matte, box, picture.size)), box)
    return result


def cut_out(picture: Image.Image, matte: Matte, backdrop: Color | None) -> Image.Image:
    """The subject alone: transparent around it, or on a backdrop; RGB if that is opaque."""
    opaque = backdrop is not None and backdrop[3] == 255
    result = Image.new("RGB" if opaque else "RGBA", picture.size)
    for box in _bands(picture.size):
        band = picture.crop(box)
        alpha = _alpha(band, matte, box, picture.size)
        cut = Image.fromarray(_unmixed(band, alpha, matte, box, picture.size))
        cut.putalpha(Image.fromarray(alpha))
        if backdrop is not None:
            cut = Image.alpha_composite(Image.new("RGBA", cut.size, backdrop), cut)
        result.paste(cut.convert(result.mode), box)
    return result


def _bands(size: tuple[int, int]) -> Iterator[Box]:
    rows = max(1, BAND_PIXELS // size[0])
    for top in range(0, size[1], rows):
        yield 0, top, size[0], min(top + rows, size[1])


def _alpha(band: Image.Image, matte: Matte, box: Box, whole: tuple[int, int]) -> Bytes:
    scale = matte.slope.height / whole[1]
    part = (0, box[1] * scale, matte.slope.width, box[3] * scale)
    bilinear = Image.Resampling.BILINEAR
    alpha = np.asarray(matte.slope.resize(band.size, bilinear, part)) * np.asarray(
        band.convert("L")
    )
    alpha += np.asarray(matte.offset.resize(band.size, bilinear, part))
    result: Bytes = np.clip(alpha, 0, 255).astype(np.uint8)
    if band.mode == "RGBA":
        own = np.asarray(band.getchannel("A"), dtype=np.uint16)
        result = (result * own // 255).astype(np.uint8)
    return result


def _unmixed(
    band: Image.Image, alpha: Bytes, matte: Matte, box: Box, whole: tuple[int, int]
) -> Bytes:
    """The band's colours, black where nothing is left, and freed of the ground at edges."""
    pixels = np.array(band.convert("RGB"))
    pixels *= (alpha > 0)[..., np.newaxis]
    rows, columns = np.nonzero((alpha > 0) & (alpha < 255))
    if rows.size:
        down = (rows + box[1]) * matte.subject.shape[0] // whole[1]
        across = (columns + box[0]) * matte.subject.shape[1] // whole[0]
        subject, ground = matte.subject[down, across], matte.ground[down, across]
        share = alpha[rows, columns, np.newaxis].astype(np.float32) / 255
        mixed = share * subject + (1 - share) * ground
        own = subject + share * (pixels[rows, columns] - mixed)
        pixels[rows, columns] = np.clip(own, 0, 255).astype(np.uint8)
    return pixels
