"""An apple."""

from __future__ import annotations

import numpy as np

from benchmarks.studio.camera import Scene, Surface, Thing
from benchmarks.studio.light import Backdrop, linear, mix, smoothstep
from benchmarks.studio.looks import scaled
from benchmarks.studio.noise import clouds, value
from benchmarks.studio.shapes import Floats, blend, moved, rod, smooth, solid, tube, turned


def apple() -> Scene:
    """A ripe apple with its leaf."""
    half = smooth(
        [(0, 0.16), (0.12, 0.1), (0.3, 0.02), (0.52, 0.09), (0.79, 0.42), (0.93, 0.9), (0.86, 1.32)]
        + [(0.6, 1.58), (0.34, 1.61), (0.14, 1.5), (0.05, 1.36), (0, 1.3)],
        steps=20,
    )
    body = solid(half)

    def lobed(p: Floats) -> Floats:
        around = np.arctan2(p[:, 2], p[:, 0])
        swell = 1 + 0.018 * np.cos(5 * around + 0.4) * (1.5 - p[:, 1]) + 0.022 * np.cos(around)
        return body(p * np.stack([1 / swell, np.ones_like(swell), 1 / swell], 1)) * 0.93

    def skin(p: Floats, n: Floats) -> Surface:
        around = np.arctan2(p[:, 2], p[:, 0])
        way = np.stack([np.cos(around) * 7, p[:, 1] * 0.9, np.sin(around) * 7], 1)
        streaks = clouds(way.astype("f4"), 5)
        sunny = 0.5 + 0.35 * np.cos(around - 2.4) + 0.55 * (clouds(p * 1.3 + 3) - 0.5)
        ripe = smoothstep(0.28, 0.72, 0.58 * streaks + 0.5 * sunny + 0.06)
        colour = mix(linear("#d9b64c"), linear("#b3191c"), ripe)
        colour = mix(colour, linear("#7d0f18"), 0.6 * smoothstep(0.55, 0.8, streaks) * ripe)
        hollow = smoothstep(0.34, 0.1, np.hypot(p[:, 0], p[:, 2])) * smoothstep(1.2, 1.45, p[:, 1])
        colour = mix(colour, linear("#a39a42"), hollow * 0.85)
        dots = smoothstep(0.86, 0.93, value(p * 44))
        colour = mix(colour, linear("#e2c58c"), dots * 0.4)
        return Surface(colour, roughness=0.12 + 0.08 * streaks, mirror=0.04, soft=0.08)

    stem = tube(smooth([(0, 1.3), (0.01, 1.55), (0.06, 1.78), (0.14, 1.98)]), 0.032)
    knob = rod((0.13, 1.96, 0), (0.145, 1.995, 0), 0.045)
    leaf = turned(moved(_leaf, 0.1, 1.78, 0.02), axis="y", degrees=-18)
    things = (
        Thing(lobed, skin),
        Thing(blend(stem, knob, 0.05), _bark),
        Thing(leaf, _green),
    )
    backdrop = Backdrop("#d5dbe0")
    return Scene(things, backdrop, eye=(0, 2.9, 9), centre=(0.05, 0.98, 0), reach=1.65, angle=19)


def _leaf(p: Floats) -> Floats:
    """A thin, arched leaf along x from the origin, a unit long."""
    along = np.clip(p[:, 0] / 0.95, 0, 1)
    wide = 0.27 * np.maximum(np.sin(np.pi * along**0.8), 0) ** 0.9 + 0.004
    arch = 0.32 * np.sin(along * 2.2) - 0.1 * along + 0.22 * np.abs(p[:, 2])
    flat = np.abs(p[:, 1] - arch) - 0.008
    side = np.maximum(np.abs(p[:, 2]) - wide, np.abs(p[:, 0] - 0.475) - 0.475)
    return np.maximum(flat, side) * 0.55


def _green(p: Floats, n: Floats) -> Surface:
    vein = smoothstep(0.75, 0.95, np.sin((np.abs(p[:, 2]) * 1.1 - p[:, 0]) * 55) * 0.5 + 0.5)
    colour = mix(linear("#4f7f2b"), linear("#86a94a"), 0.35 * vein + 0.3 * clouds(p * 8))
    return Surface(colour, roughness=0.38, mirror=0.04, soft=0.2)


def _bark(p: Floats, n: Floats) -> Surface:
    colour = mix(linear("#5b3c22"), linear("#93704a"), clouds(scaled(p, 30, 8, 30)))
    return Surface(colour, roughness=0.7)
