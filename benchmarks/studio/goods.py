"""Things from a shop: a lamp, a bottle of hand wash."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.studio.camera import Scene, Surface, Thing
from benchmarks.studio.light import Backdrop, Light, linear, mix, smoothstep
from benchmarks.studio.looks import plain
from benchmarks.studio.noise import value
from benchmarks.studio.shapes import Floats, Shape, blend, smooth, solid, tube, turned, union


def lamp() -> Scene:
    """A table lamp, lit: a lacquered foot under an opal dome."""
    dome = smooth(
        [
            (0, 2.62),
            (0.3, 2.58),
            (0.62, 2.44),
            (0.86, 2.18),
            (0.95, 1.88),
            (0.93, 1.72),
            (0.88, 1.68),
        ]
        + [(0.8, 1.7), (0.4, 1.74), (0, 1.74)],
        steps=20,
    )
    foot = solid(
        smooth(
            [(0, 0), (0.52, 0), (0.56, 0.03), (0.55, 0.08), (0.46, 0.28), (0.34, 0.72), (0.26, 1.2)]
            + [(0.22, 1.72), (0, 1.76)],
            steps=20,
        )
    )

    def opal(p: Floats, n: Floats) -> Surface:
        around = np.exp(-(((p[:, 1] - 1.98) / 0.42) ** 2)) * 0.85 + 0.25
        below = smoothstep(1.74, 1.68, p[:, 1]) * 0.5
        warm = linear("#ffc98a") * (around + below)[:, None]
        colour = np.tile(linear("#f3e8d8"), (len(p), 1))
        return Surface(colour * 0.55, roughness=0.16, mirror=0.04, glow=warm * 0.95, soft=0.15)

    lacquer = plain("#a5452c", roughness=0.22, mirror=0.05)
    things = (Thing(solid([(r, y) for r, y in reversed(dome)]), opal), Thing(foot, lacquer))
    light = Light(power=0.85, ambient=0.34, fill=0.2, lamp=(0, 1.62, 0), lamp_power=0.42)
    backdrop = Backdrop("#8fa39b", glow=1.15, falloff=0.5, shadow=0.5)
    return Scene(things, backdrop, light, (0, 2.3, 10.5), (0, 1.28, 0), 1.8, 19)


def bottle() -> Scene:
    """Hand wash in amber glass, with a pump and a label; taken upright, as phones are held."""
    glass = solid(
        smooth(
            [
                (0, 0),
                (0.56, 0),
                (0.63, 0.03),
                (0.655, 0.12),
                (0.655, 0.9),
                (0.655, 1.72),
                (0.63, 1.86),
            ]
            + [(0.5, 2.02), (0.34, 2.1), (0.29, 2.16), (0.285, 2.25), (0, 2.26)],
            steps=20,
        )
    )
    label = _label()

    def amber(p: Floats, n: Floats) -> Surface:
        facing = np.clip(n @ np.array([0, 0.15, 0.99]), 0, 1)
        deep = np.exp(-np.outer(0.5 + 1.1 * facing, [0.62, 1.75, 4.2]))
        low = smoothstep(0.3, 0.0, p[:, 1])
        through = deep * (0.62 + 0.5 * low + 0.25 * smoothstep(0.5, 0.1, facing))[:, None]
        dark = np.tile(linear("#4a2108"), (len(p), 1)) * 0.35
        glazed = Surface(dark, roughness=0.06, mirror=0.05, glow=through.astype("f4"))
        return _labelled(p, glazed, label)

    collar = solid([(0, 2.2), (0.33, 2.2), (0.345, 2.22), (0.345, 2.42), (0.32, 2.45), (0, 2.45)])
    pump = solid([(0, 2.4), (0.13, 2.4), (0.13, 2.56), (0.075, 2.58), (0.075, 2.78), (0, 2.78)])
    head = solid([(0, 2.76), (0.19, 2.76), (0.21, 2.78), (0.21, 2.88), (0.18, 2.92), (0, 2.93)])
    spout = tube(smooth([(0, 2.845), (0.4, 2.85), (0.66, 2.82), (0.75, 2.74)]), 0.062)
    top = turned(union(pump, blend(head, spout, 0.08)), axis="y", degrees=32)
    black = plain("#17181a", roughness=0.32, mirror=0.05)
    things = (Thing(glass, amber), Thing(union(_ribbed(collar), top), black))
    return Scene(
        things,
        Backdrop("#e3c9b8", falloff=0.6),
        eye=(0, 2.6, 11.5),
        centre=(0.05, 1.46, 0),
        reach=1.85,
        angle=22.5,
        width=900,
        height=1200,
    )


def _ribbed(shape: Shape) -> Shape:
    def distance(p: Floats) -> Floats:
        return shape(p) + 0.004 * (1 + np.cos(np.arctan2(p[:, 2], p[:, 0]) * 48))

    return distance


def _label() -> Floats:
    """Return the label's print (rows, columns, 3), linear."""
    paper = Image.new("RGB", (900, 640), "#f2ece1")
    draw = ImageDraw.Draw(paper)
    draw.rectangle((28, 28, 872, 612), outline="#3d4a3a", width=3)
    for y, size, text in ((120, 96, "Moss & Tide"), (300, 40, "HAND WASH"), (520, 32, "300 ml")):
        draw.text((450, y), text, fill="#33402f", font=ImageFont.load_default(size), anchor="mt")
    draw.line((330, 262, 570, 262), fill="#b06a3b", width=5)
    draw.text(
        (450, 390),
        "rosemary, sea salt, cedar",
        fill="#6b6455",
        font=ImageFont.load_default(34),
        anchor="mt",
    )
    paper = paper.resize((675, 480), Image.Resampling.LANCZOS)
    print_ = np.asarray(paper, dtype=np.float32) / 255
    return np.where(print_ <= 0.04045, print_ / 12.92, ((print_ + 0.055) / 1.055) ** 2.4)


def _labelled(p: Floats, under: Surface, print_: Floats) -> Surface:
    """Put the label around the front of a bottle."""
    around = np.arctan2(p[:, 0], p[:, 2]) + 0.12
    u, v = 0.5 + around / 2.1, (1.56 - p[:, 1]) / 1.02
    on = ((np.abs(u - 0.5) < 0.5) & (np.abs(v - 0.5) < 0.5)).astype(np.float32)
    rows, columns = print_.shape[:2]
    x = np.clip(u * columns - 0.5, 0, columns - 1.001)
    y = np.clip(v * rows - 0.5, 0, rows - 1.001)
    i, j = x.astype(int), y.astype(int)
    above = mix(print_[j, i], print_[j, i + 1], x - i)
    paper = mix(above, mix(print_[j + 1, i], print_[j + 1, i + 1], x - i), y - j)
    paper = paper * (0.96 + 0.06 * value(p * 60))[:, None]
    return Surface(
        mix(under.colour, paper, on).astype("f4"),
        roughness=0.06 + 0.6 * on,
        mirror=0.05 - 0.02 * on,
        glow=under.glow * (1 - on)[:, None],
    )
