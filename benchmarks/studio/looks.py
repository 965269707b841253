"""Looks that several things have."""

from __future__ import annotations

import numpy as np

from benchmarks.studio.camera import Look, Surface
from benchmarks.studio.light import linear
from benchmarks.studio.shapes import Floats


def plain(colour: str, *, roughness: float = 0.5, mirror: float = 0.04, metal: float = 0.0) -> Look:
    """Return a look of one colour all over."""
    shade = linear(colour)
    return lambda p, n: Surface(np.tile(shade, (len(p), 1)), roughness, mirror, metal)


def scaled(p: Floats, *by: float) -> Floats:
    """Return points stretched for noise that is longer one way than another."""
    return p * np.array(by, dtype=np.float32)
