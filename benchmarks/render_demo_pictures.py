"""Render the demo's product pictures: `python -m benchmarks.render_demo_pictures [NAME ...]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import ExifTags, Image

from benchmarks.studio.camera import photograph
from benchmarks.studio.footwear import sneaker
from benchmarks.studio.fruit import apple
from benchmarks.studio.goods import bottle, lamp
from benchmarks.studio.pottery import mug, vase

SCENES = {
    "apple": apple,
    "bottle": bottle,
    "lamp": lamp,
    "mug": mug,
    "sneaker": sneaker,
    "vase": vase,
}
TARGET = Path(__file__).resolve().parent.parent / "dashboard" / "overview" / "demo_pictures"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=sorted(SCENES))
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--to", type=Path, default=TARGET)
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    for name in options.names:
        picture = photograph(SCENES[name](), scale=options.scale)
        path = options.to / f"{name}.jpg"
        exif = Image.Exif()
        if picture.height > picture.width:  # as a phone stores it: lying on its side
            picture = picture.transpose(Image.Transpose.ROTATE_90)
            exif[ExifTags.Base.Orientation] = 6
        picture.save(path, quality=88, optimize=True, exif=exif)
        print(f"{path.name}: {picture.size}, {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    main()
