"""A sneaker."""

from __future__ import annotations

import numpy as np

from benchmarks.studio.camera import Look, Scene, Surface, Thing
from benchmarks.studio.light import Backdrop, linear, mix, smoothstep
from benchmarks.studio.looks import plain
from benchmarks.studio.noise import clouds
from benchmarks.studio.shapes import Floats, Outline, Shape, cut, moved, smooth, turned, union


def _half_width(x: Floats) -> Floats:
    """Return half the width of a shoe's sole at places along it, heel -1.4 to toe 1.4."""
    waist = 0.13 * np.exp(-(((x + 0.3) / 0.62) ** 2))
    middle = 0.44 + 0.07 * smoothstep(-0.4, 0.9, x) - waist
    toe = np.clip((x - 0.5) / 0.94, 0, 1)
    heel = np.clip((-0.75 - x) / 0.69, 0, 1)
    return (middle * np.sqrt(1 - toe**2.6) * np.sqrt(1 - heel**2.6)).astype("f4")


def _spring(x: Floats) -> Floats:
    """Return how high the sole stands off the ground, as the toe does."""
    return 0.16 * smoothstep(0.55, 1.6, x) ** 1.5 + 0.03 * smoothstep(-1.0, -1.6, x)


def _sole(low: float, high: float, grow: float) -> Shape:
    x = -1.44 * np.cos(np.linspace(0, np.pi, 160))
    wide = _half_width(x)
    print_ = Outline([*zip(x, wide, strict=True), *zip(x[::-1], -wide[::-1], strict=True)])

    def distance(p: Floats) -> Floats:
        y = p[:, 1] - _spring(p[:, 0])
        thick = np.abs(y - (low + high) / 2) - (high - low) / 2 + 0.05
        side = print_(p[:, 0], p[:, 2]) - grow + 0.05
        outside = np.hypot(np.maximum(thick, 0), np.maximum(side, 0))
        return (outside + np.minimum(np.maximum(thick, side), 0) - 0.05) * 0.8

    return distance


def _upper() -> Shape:
    profile = Outline(
        smooth(
            [(-1.36, 0.18), (-1.38, 0.5), (-1.33, 0.85), (-1.36, 1.18), (-1.28, 1.22), (-1.1, 1.08)]
            + [(-0.8, 0.98), (-0.5, 1.04), (-0.3, 1.2), (-0.17, 1.26), (-0.06, 1.17), (0.16, 0.98)]
            + [(0.5, 0.76), (0.8, 0.64), (1.08, 0.57), (1.27, 0.45), (1.37, 0.3), (1.38, 0.18)],
            closed=True,
            steps=14,
        )
    )

    def distance(p: Floats) -> Floats:
        y = p[:, 1] - 0.8 * _spring(p[:, 0])
        narrow = 1 - 0.42 * smoothstep(0.25, 1.25, y)
        side = np.abs(p[:, 2]) - _half_width(p[:, 0]) * narrow - 0.015
        front = profile(p[:, 0], y)
        h = np.maximum(0.3 - np.abs(front - side), 0) / 0.3
        return (np.maximum(front, side) + h * h * 0.075) * 0.72

    return distance


def sneaker() -> Scene:
    """A low sneaker in suede on a white sole."""
    upper = _upper()
    hole = moved(turned(_pit, axis="z", degrees=-8), -0.74, 1.3, 0)
    body = cut(upper, hole, 0.06)
    laces = union(*(_lace(upper, x) for x in (-0.06, 0.1, 0.26, 0.42, 0.58)))
    turn = -32.0

    def suede(p: Floats, n: Floats) -> Surface:
        x, y = p[:, 0], p[:, 1] - _spring(p[:, 0])
        colour = np.tile(linear("#3f6f63"), (len(p), 1))
        toe = x - 0.83 - 0.22 * (0.75 - y)
        heel = -0.98 - x + 0.25 * (y - 0.6)
        throat = np.minimum(0.3 - np.abs(p[:, 2]) + 0.06 * x, np.minimum(x + 0.2, 0.72 - x))
        flank = 0.11 - np.abs(x + 0.42 * y - 0.1)
        panel = np.maximum.reduce([toe, heel, throat])
        colour = mix(colour, linear("#d39a3c"), smoothstep(-0.006, 0.006, flank))
        colour = mix(colour, linear("#2b5048"), smoothstep(-0.006, 0.006, panel))
        seam = smoothstep(0.007, 0.003, np.abs(panel - 0.03)) * (
            np.sin((x + y + p[:, 2]) * 150) > -0.4
        )
        colour = mix(colour, linear("#d9b46a"), seam * (y < 1.1))
        lining = smoothstep(0.0, 0.03, upper(p) * -1 - 0.012)
        colour = mix(colour, linear("#e8dcc6"), lining)
        nap = 0.8 + 0.4 * clouds(p * 38, 3)
        return Surface(colour * nap[:, None], roughness=0.95, mirror=0.015, soft=0.1)

    def rubber(p: Floats, n: Floats) -> Surface:
        y = p[:, 1] - _spring(p[:, 0])
        colour = mix(linear("#b98150"), linear("#f1ece2"), smoothstep(0.075, 0.085, y))
        colour = mix(colour, linear("#c9c1b2"), smoothstep(0.008, 0.002, np.abs(y - 0.245)) * 0.8)
        return Surface(colour, roughness=0.55, mirror=0.035)

    def placed(shape: Shape) -> Shape:
        return turned(shape, axis="y", degrees=turn)

    def at_home(look: Look) -> Look:
        back = np.radians(turn)
        c, s = np.float32(np.cos(back)), np.float32(np.sin(back))

        def looked(p: Floats, n: Floats) -> Surface:
            q = p.copy()
            q[:, 2], q[:, 0] = c * p[:, 2] + s * p[:, 0], c * p[:, 0] - s * p[:, 2]
            return look(q, n)

        return looked

    sole = _sole(0.0, 0.3, 0.035)
    things = (
        Thing(placed(body), at_home(suede)),
        Thing(placed(sole), at_home(rubber)),
        Thing(placed(laces), plain("#efe6d5", roughness=0.8, mirror=0.02)),
    )
    return Scene(
        things, Backdrop("#b7c6da"), eye=(0, 2.6, 10), centre=(0, 0.55, 0), reach=1.75, angle=17
    )


def _pit(p: Floats) -> Floats:
    """The opening for the foot: an egg, deep."""
    q = p / np.array([0.46, 0.62, 0.235], dtype=np.float32)
    return (np.linalg.norm(q, axis=1) - 1) * 0.2


def _lace(upper: Shape, x: float) -> Shape:
    """A lace from side to side that lies on the shoe at x."""

    def distance(p: Floats) -> Floats:
        away = np.hypot(p[:, 0] - x - 0.1 * np.abs(p[:, 2]), upper(p) / 0.72 - 0.012)
        return (np.maximum(away - 0.034, np.abs(p[:, 2]) - 0.23)) * 0.7

    return distance
