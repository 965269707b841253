"""The sandbox's whole work on a 12-megapixel JPEG beside the bare run of its model.

The whole work is what a request costs beside the wire: read, orient, decode, cut out, resize to
1600 pixels, encode as PNG. The bare run is onnxruntime on a tensor that is already there.
"""

import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from dashboard.sandbox.parameters import parse
from dashboard.sandbox.pictures import read_header
from dashboard.sandbox.rendering import render
from dashboard.sandbox.segmentation import SIDE, Segmenter
from dashboard.sandbox.settings import Settings

PICTURE = Path(__file__).parent.parent / "dashboard" / "overview" / "demo_pictures" / "mug.jpg"
MEGAPIXELS_12 = (4000, 3000)
ROUNDS = 15


def main() -> None:
    model = Settings.from_environment().model
    segmenter = Segmenter(model)
    asked = parse({"format": "png", "w": "1600"})
    jpeg = twelve_megapixels()
    bare = bare_run(model)

    def whole() -> None:
        render(read_header(io.BytesIO(jpeg)), asked, segmenter).close()

    pairs = [(seconds(bare), seconds(whole)) for _ in range(ROUNDS)][2:]
    ratios = sorted(whole / bare for bare, whole in pairs)
    print(f"model alone: {statistics.median(pair[0] for pair in pairs) * 1000:.0f} ms (median)")
    print(f"whole work: {statistics.median(pair[1] for pair in pairs) * 1000:.0f} ms (median)")
    print(f"ratio: {statistics.median(ratios):.2f} (median), {ratios[0]:.2f} to {ratios[-1]:.2f}")


def twelve_megapixels() -> bytes:
    file = io.BytesIO()
    Image.open(PICTURE).resize(MEGAPIXELS_12, Image.Resampling.BICUBIC).save(
        file, "JPEG", quality=90
    )
    return file.getvalue()


def bare_run(model: Path) -> Callable[[], None]:
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    source, target = session.get_inputs()[0].name, session.get_outputs()[0].name
    tensor = np.random.default_rng(1).random((1, 3, SIDE, SIDE), dtype=np.float32)
    return lambda: session.run([target], {source: tensor})


def seconds(deed: Callable[[], object]) -> float:
    began = time.perf_counter()
    deed()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
