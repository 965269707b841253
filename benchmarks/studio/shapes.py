"""Shapes as signed distance functions: points (n, 3) in, distances (n,) out; y is up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Shape = Callable[[Floats], Floats]
Point = tuple[float, float]


def smooth(points: Sequence[Point], *, closed: bool = False, steps: int = 12) -> list[Point]:
    """Return a Catmull-Rom curve through the points."""
    ring = np.array(points, dtype=float)
    before, after = (ring[-1:], ring[:2]) if closed else (ring[:1], ring[-1:])
    padded = np.concatenate([before, ring, after])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    curve: list[Point] = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        piece = (
            2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
        )
        curve.extend(map(tuple, piece / 2))
    return curve if closed else [*curve, tuple(ring[-1])]


class Outline:
    """The signed distance to a closed polygon in the plane (or to a line), kept as a grid."""

    def __init__(
        self, polygon: Sequence[Point], *, cell: float = 0.004, closed: bool = True
    ) -> None:
        corners = np.array(polygon, dtype=np.float32)
        self.low = corners.min(axis=0) - 0.15
        span = corners.max(axis=0) + 0.15 - self.low
        self.cell = cell
        columns, rows = np.ceil(span / cell).astype(int) + 1
        u = self.low[0] + np.arange(columns, dtype=np.float32) * cell
        v = self.low[1] + np.arange(rows, dtype=np.float32) * cell
        self.grid = _signed_distance(corners if closed else corners[:-1], corners, u, v)
        self.high = self.low + (np.array(self.grid.shape) - 1) * cell

    def __call__(self, u: Floats, v: Floats) -> Floats:
        """Return the distance; outside the grid, that to the grid is added."""
        at = np.stack([u, v], axis=-1)
        inside = np.clip(at, self.low, self.high)
        outside = np.linalg.norm(at - inside, axis=-1)
        place = np.clip((inside - self.low) / self.cell, 0, np.array(self.grid.shape) - 1.001)
        column, row = place.astype(int).T
        x, y = (place - place.astype(int)).T
        grid = self.grid
        near = grid[column, row] * (1 - x) + grid[column + 1, row] * x
        far = grid[column, row + 1] * (1 - x) + grid[column + 1, row + 1] * x
        return (near * (1 - y) + far * y + outside).astype(np.float32)


def _signed_distance(starts: Floats, corners: Floats, u: Floats, v: Floats) -> Floats:
    """Return distances (columns, rows) from grid points to the edges, negative inside."""
    grid_u, grid_v = np.meshgrid(u, v, indexing="ij")
    nearest = np.full(grid_u.shape, 1e9, dtype=np.float32)
    crossings = np.zeros(grid_u.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(starts, np.roll(corners, -1, axis=0), strict=False):
        dx, dy = bx - ax, by - ay
        length = dx * dx + dy * dy
        if length < 1e-12:
            continue
        along = np.clip(((grid_u - ax) * dx + (grid_v - ay) * dy) / length, 0, 1)
        away = (grid_u - ax - along * dx) ** 2 + (grid_v - ay - along * dy) ** 2
        np.minimum(nearest, away, out=nearest)
        if dy:
            rows = (v >= min(ay, by)) & (v < max(ay, by))
            edge = ax + (v[rows] - ay) / dy * dx
            crossings[:, rows] ^= u[:, None] < edge[None, :]
    inside = crossings & (len(starts) == len(corners))
    return np.where(inside, -1, 1).astype(np.float32) * np.sqrt(nearest)


def revolved(half: Sequence[Point]) -> Shape:
    """Turn a closed outline of (radius, height) around the y axis."""
    mirrored = Outline(half)
    return lambda p: mirrored(np.hypot(p[:, 0], p[:, 2]), p[:, 1])


def tube(line: Sequence[Point], radius: float, *, flat: float = 1.0) -> Shape:
    """Bend a tube along a line in the plane z = 0; `flat` makes it wider in z."""
    middle = Outline(line, closed=False)
    return lambda p: np.hypot(middle(p[:, 0], p[:, 1]), p[:, 2] / flat) - radius


def solid(profile: Sequence[Point]) -> Shape:
    """Turn an open outline of (radius, height), bottom to top, into a solid body."""
    mirror = [(-r, y) for r, y in reversed(profile)]
    return revolved([*profile, *mirror])


def moved(shape: Shape, x: float = 0, y: float = 0, z: float = 0) -> Shape:
    """Put a shape somewhere else."""
    offset = np.array([x, y, z], dtype=np.float32)
    return lambda p: shape(p - offset)


def turned(shape: Shape, *, axis: str, degrees: float) -> Shape:
    """Turn a shape around an axis through the origin."""
    c, s = np.float32(np.cos(np.radians(degrees))), np.float32(np.sin(np.radians(degrees)))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]

    def shape_turned(p: Floats) -> Floats:
        q = p.copy()
        q[:, i], q[:, j] = c * p[:, i] + s * p[:, j], c * p[:, j] - s * p[:, i]
        return shape(q)

    return shape_turned


def ball(x: float, y: float, z: float, radius: float) -> Shape:
    """A ball."""
    centre = np.array([x, y, z], dtype=np.float32)
    return lambda p: np.linalg.norm(p - centre, axis=1) - radius


def rod(a: Sequence[float], b: Sequence[float], radius: float, end: float | None = None) -> Shape:
    """A rod with round ends from a to b, `end` thick at b."""
    start = np.array(a, dtype=np.float32)
    way = np.array(b, dtype=np.float32) - start
    taper = (radius if end is None else end) - radius

    def distance(p: Floats) -> Floats:
        along = np.clip((p - start) @ way / (way @ way), 0, 1)
        return np.linalg.norm(p - start - along[:, None] * way, axis=1) - radius - taper * along

    return distance


def union(*shapes: Shape) -> Shape:
    """What is in any of the shapes."""
    return lambda p: np.minimum.reduce([shape(p) for shape in shapes])


def blend(a: Shape, b: Shape, softness: float) -> Shape:
    """What is in either shape, with a fillet between them."""

    def distance(p: Floats) -> Floats:
        one, other = a(p), b(p)
        h = np.maximum(softness - np.abs(one - other), 0) / softness
        return np.minimum(one, other) - h * h * softness / 4

    return distance


def cut(a: Shape, b: Shape, softness: float = 0.0) -> Shape:
    """What is in a and not in b, the edge rounded."""

    def distance(p: Floats) -> Floats:
        one, other = a(p), -b(p)
        if not softness:
            return np.maximum(one, other)
        h = np.maximum(softness - np.abs(one - other), 0) / softness
        return np.maximum(one, other) + h * h * softness / 4

    return distance
