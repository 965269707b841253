"""Value noise that is the same on every machine."""

from __future__ import annotations

import numpy as np

from benchmarks.studio.shapes import Floats


def _lattice(cells: np.ndarray) -> Floats:
    """Return a number in 0..1 for each whole-numbered point."""
    x, y, z = cells.astype(np.int64).T.astype(np.uint32)
    h = x * np.uint32(374761393) + y * np.uint32(668265263) + z * np.uint32(2147483647)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(2246822519)
    return ((h ^ (h >> np.uint32(15))) & np.uint32(0xFFFFFF)).astype(np.float32) / 0xFFFFFF


def value(p: Floats) -> Floats:
    """Return smooth noise in 0..1, one feature a unit."""
    cell = np.floor(p)
    t = p - cell
    t = t * t * (3 - 2 * t)
    total = np.zeros(len(p), dtype=np.float32)
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(corner, t, 1 - t), axis=1)
        total += weight * _lattice(cell + corner)
    return total


def clouds(p: Floats, octaves: int = 4) -> Floats:
    """Return noise of several sizes in 0..1."""
    total = np.zeros(len(p), dtype=np.float32)
    for octave in range(octaves):
        total += value(p * 2**octave + 17.3 * octave) / 2 ** (octave + 1)
    return total / (1 - 0.5**octaves)
