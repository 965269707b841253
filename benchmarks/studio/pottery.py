"""Things made of clay: a mug, a vase."""

from __future__ import annotations

import numpy as np

from benchmarks.studio.camera import Scene, Surface, Thing
from benchmarks.studio.light import Backdrop, linear, mix, smoothstep
from benchmarks.studio.looks import plain, scaled
from benchmarks.studio.noise import clouds, value
from benchmarks.studio.shapes import Floats, blend, revolved, smooth, solid, tube, turned


def mug() -> Scene:
    """A hand-thrown mug: cream glaze with specks over raw clay."""
    outer = smooth(
        [(0, 0), (0.58, 0), (0.69, 0.035), (0.735, 0.14), (0.75, 0.6), (0.745, 1.2), (0.765, 1.5)]
        + [(0.755, 1.555)]
    )
    inner = smooth(
        [(0.7, 1.555), (0.68, 1.5), (0.665, 1.2), (0.66, 0.6), (0.63, 0.2), (0.5, 0.11), (0, 0.1)]
    )
    curve = smooth(
        [(0.62, 1.28), (0.95, 1.36), (1.22, 1.2), (1.27, 0.88), (1.12, 0.58), (0.9, 0.4)]
        + [(0.66, 0.33)]
    )
    body = blend(revolved([*outer, *inner]), tube(curve, 0.078, flat=1.35), 0.1)

    def look(p: Floats, n: Floats) -> Surface:
        edge = 0.36 + 0.05 * (clouds(scaled(p, 1.6, 0, 1.6), 2) - 0.5)
        glazed = smoothstep(-0.012, 0.012, p[:, 1] - edge)
        specks = smoothstep(0.80, 0.86, value(p * 34)) * smoothstep(0.45, 0.6, value(p * 9 + 5))
        glaze = mix(linear("#e9dfcd"), linear("#6d5138"), specks * 0.85)
        clay = linear("#a9744f") * (0.82 + 0.36 * clouds(scaled(p, 6, 30, 6)))[:, None]
        rim = smoothstep(1.525, 1.55, p[:, 1]) * 0.55
        colour = mix(mix(clay, glaze, glazed), linear("#b88a62"), rim)
        return Surface(colour, roughness=0.8 - 0.66 * glazed, mirror=0.02 + 0.035 * glazed)

    coffee = Thing(
        solid([(0, 1.22), (0.67, 1.22), (0.67, 1.27), (0, 1.27)]),
        plain("#2a160b", roughness=0.05, mirror=0.04),
    )
    things = (Thing(turned(body, axis="y", degrees=28), look), coffee)
    return Scene(things, Backdrop("#c9d3ce"), eye=(0, 3.3, 8.5), centre=(0.1, 0.78, 0), reach=1.75)


def vase() -> Scene:
    """A stoneware vase, thrown on a wheel, its glaze running from chalk to deep blue."""
    outer = smooth(
        [(0, 0), (0.4, 0), (0.47, 0.03), (0.62, 0.3), (0.83, 0.75), (0.86, 1.12), (0.66, 1.55)]
        + [(0.34, 1.86), (0.235, 2.1), (0.24, 2.35), (0.31, 2.56), (0.335, 2.6)],
        steps=24,
    )
    ringed = [(r + 0.0026 * np.sin(y * 42) * min(1, 4 * r), y) for r, y in outer]
    inner = smooth([(0.3, 2.61), (0.2, 2.35), (0.19, 2.1), (0.25, 1.9), (0.3, 1.7), (0, 1.6)])

    def look(p: Floats, n: Floats) -> Surface:
        run = p[:, 1] + 0.5 * (clouds(scaled(p, 3.2, 0.5, 3.2)) - 0.5)
        colour = mix(linear("#27506b"), linear("#7fa5ab"), smoothstep(0.25, 1.15, run))
        colour = mix(colour, linear("#e6dfd0"), smoothstep(1.0, 1.75, run))
        breaking = 0.5 + 0.5 * np.sin(p[:, 1] * 42)
        colour = mix(colour, linear("#d8c9ae"), 0.14 * breaking)
        colour = colour * (0.9 + 0.2 * clouds(p * 9))[:, None]
        foot = smoothstep(0.075, 0.05, p[:, 1])
        return Surface(mix(colour, linear("#8d6b4d"), foot), 0.42 + 0.4 * foot, 0.045)

    things = (Thing(revolved([*ringed, *inner]), look),)
    backdrop = Backdrop("#dccdb9")
    return Scene(things, backdrop, eye=(0, 2.5, 10.5), centre=(0, 1.26, 0), reach=1.75, angle=19.5)
