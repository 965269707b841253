"""Where the subject of a picture is: by the u2netp model, or by a plain cut without one."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import (
    Fail,
    InvalidArgument,
    InvalidGraph,
    InvalidProtobuf,
)
from PIL import Image

Floats = NDArray[np.float32]
SIDE = 320
# The model was trained on ImageNet's colours (u2net, data_loader.py).
MEAN = np.array((0.485, 0.456, 0.406), dtype=np.float32)
DEVIATION = np.array((0.229, 0.224, 0.225), dtype=np.float32)
NO_MODEL = "none"
# The guided filter (He, Sun, Tang: "Guided image filtering"), in pixels of the small picture.
GUIDE_RADIUS = 3
GUIDE_SMOOTHNESS = 2e-4
# Where to look for the subject's own colour around an edge: a blur of the picture at 1/4.
COLOR_STEP, COLOR_RADIUS = 4, 2
# The matte between these is stretched to 0..1, so that inside is opaque and outside empty.
FAINTEST, STRONGEST = 0.12, 0.88


@dataclass(frozen=True)
class Matte:
    """A cut at model size: alpha is `slope * luminance + offset`, 0 to 255, at any size.

    `colors` are the subject's around each place, an RGB picture.
    """

    slope: Image.Image
    offset: Image.Image
    colors: Image.Image


class Segmenter:
    """Finds subjects; one model for the whole process, loaded when first needed."""

    def __init__(self, model: Path) -> None:
        self._path = model
        self._lock = threading.Lock()
        self._session: onnxruntime.InferenceSession | None = None
        self._unusable = not model.is_file()

    @property
    def name(self) -> str:
        """The model's name, `none` when the plain cut stands in for it."""
        return NO_MODEL if self._unusable else self._path.stem

    def matte(self, picture: Image.Image) -> Matte:
        """The cut of a picture of SIDE × SIDE pixels, RGB."""
        return refine(picture, self._coarse(picture))

    def _coarse(self, picture: Image.Image) -> Floats:
        """How much each pixel belongs to the subject, 0 to 1."""
        session = self._load()
        if session is None:
            return plain_cut(picture)
        source = session.get_inputs()[0]
        outputs = [session.get_outputs()[0].name]
        result = session.run(outputs, {source.name: _tensor(picture)})
        matte = np.asarray(result[0], dtype=np.float32)[0, 0]
        low, high = float(matte.min()), float(matte.max())
        scaled: Floats = (matte - low) / np.float32(max(high - low, 1e-6))
        return scaled

    def _load(self) -> onnxruntime.InferenceSession | None:
        with self._lock:
            if self._session is None and not self._unusable:
                try:
                    self._session = _session(self._path)
                except (Fail, InvalidGraph, InvalidProtobuf, InvalidArgument, OSError):
                    self._unusable = True
            return self._session


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    options.inter_op_num_threads = 1
    # A run takes 160 MB. With these it gives them back; the level above takes 80 MB more for the
    # layout of its tensors, and is no faster.
    options.enable_cpu_mem_arena = options.enable_mem_pattern = False
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(
        str(path), sess_options=options, providers=["CPUExecutionProvider"]
    )


def _tensor(picture: Image.Image) -> Floats:
    pixels = np.asarray(picture, dtype=np.float32)
    pixels = (pixels / max(float(pixels.max()), 1.0) - MEAN) / DEVIATION
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis], dtype=np.float32)


def plain_cut(picture: Image.Image) -> Floats:
    """Cut without a model: what reaches the border in the border's colours is background.

    Where that leaves next to nothing, or nearly everything, an ellipse is taken instead.
    """
    side = SIDE // 2
    pixels = np.asarray(picture.resize((side, side), Image.Resampling.BOX), dtype=np.float32)
    ground = _flood(_distance_to_border(pixels) < 40.0)
    if not 0.02 < ground.mean() < 0.98:
        across = np.linspace(-1, 1, side)
        ground = np.hypot(across[:, np.newaxis], across[np.newaxis, :]) > 0.825
    matte = Image.fromarray((~ground).astype(np.float32))
    return np.asarray(matte.resize(picture.size, Image.Resampling.BILINEAR))


def _distance_to_border(pixels: Floats) -> Floats:
    """Distance of each pixel's colour from the nearest of the border's main colours."""
    border = np.concatenate((pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]))
    strip = Image.fromarray(border.astype(np.uint8)[np.newaxis])
    palette = strip.quantize(4).convert("RGB").getcolors(8) or []
    common = [color for count, color in palette if count > len(border) // 10]
    nearest: Floats = np.min([np.linalg.norm(pixels - color, axis=2) for color in common], axis=0)
    return nearest


def _flood(similar: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The similar pixels that are connected with the border."""
    ground = np.zeros_like(similar)
    ground[[0, -1], :], ground[:, [0, -1]] = similar[[0, -1], :], similar[:, [0, -1]]
    size = -1
    while size != (size := int(ground.sum())):
        ground[1:] |= ground[:-1] & similar[1:]
        ground[:-1] |= ground[1:] & similar[:-1]
        ground[:, 1:] |= ground[:, :-1] & similar[:, 1:]
        ground[:, :-1] |= ground[:, 1:] & similar[:, :-1]
    return ground


def refine(small: Image.Image, coarse: Floats) -> Matte:
    """Fit a coarse matte to the edges of the small RGB picture that it was made from."""
    light = np.asarray(small.convert("L"), dtype=np.float32) / 255
    means = _blur(np.stack((light, coarse, light * coarse, light * light)), GUIDE_RADIUS)
    mean_light, mean_matte, mean_both, mean_square = means
    variance = mean_square - mean_light * mean_light
    slope = (mean_both - mean_light * mean_matte) / (variance + GUIDE_SMOOTHNESS)
    slope, offset = _blur(np.stack((slope, mean_matte - slope * mean_light)), GUIDE_RADIUS)
    scale = 1 / (STRONGEST - FAINTEST)
    share = np.asarray(Image.fromarray(coarse).reduce(COLOR_STEP))
    pixels = np.asarray(small.reduce(COLOR_STEP), dtype=np.float32).transpose(2, 0, 1)
    *sums, shares = _blur(np.stack((*(pixels * share), share)), COLOR_RADIUS)
    colors = np.stack(sums, axis=-1) / np.maximum(shares, 1e-4)[..., np.newaxis]
    return Matte(
        slope=Image.fromarray(slope * scale),
        offset=Image.fromarray((offset - FAINTEST) * scale * 255),
        colors=Image.fromarray(np.clip(colors, 0, 255).astype(np.uint8)),
    )


def _blur(planes: Floats, radius: int) -> Floats:
    """The mean of the square around each pixel of each plane; borders go on as they are."""
    for _ in range(2):
        planes = planes.swapaxes(1, 2)
        padded = np.pad(planes, ((0, 0), (0, 0), (radius, radius)), mode="edge")
        width, places = planes.shape[2], 2 * radius + 1
        total = sum((padded[..., at : at + width] for at in range(places)), np.zeros_like(planes))
        planes = total / np.float32(places)
    return planes
