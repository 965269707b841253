"""The studio's light: one large key, a fill, soft boxes that show in what shines, and the paper."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks.studio.shapes import Floats

Colour = tuple[float, float, float]


def linear(text: str) -> Floats:
    """Return the linear colour of a #RRGGBB text."""
    parts = np.array([int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4).astype("f4")


def smoothstep(low: float, high: float, x: Floats) -> Floats:
    """Return 0 below, 1 above, and a soft way between."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(a: Floats, b: Floats, share: Floats) -> Floats:
    """Return a where the share (n,) is 0, b where it is 1."""
    return a * (1 - share[:, None]) + b * share[:, None]


@dataclass(frozen=True)
class Backdrop:
    """A roll of seamless paper with a pool of light on it."""

    paper: str
    glow: float = 1.6
    falloff: float = 0.78
    shadow: float = 0.62
    middle: tuple[float, float] = (0.47, 0.42)

    @property
    def colour(self) -> Floats:
        """The paper's colour, linear."""
        return linear(self.paper)

    @property
    def tint(self) -> Floats:
        """The paper's hue, for its coloured shadows."""
        return self.colour / self.colour.max()

    def seen(self, screen: Floats) -> Floats:
        """Return the light from the paper at screen places (0..1, from the top left)."""
        x, y = (screen - self.middle).T
        away = np.hypot(x * 1.15, y * 0.95)
        pool = self.falloff + (self.glow - self.falloff) * np.exp(-((away / 0.52) ** 2))
        floor = (
            1
            + 0.07 * smoothstep(0.55, 0.8, screen[:, 1])
            - 0.1 * smoothstep(0.75, 1.1, screen[:, 1])
        )
        return (self.colour * (pool * floor)[:, None]).astype(np.float32)


@dataclass(frozen=True)
class Box:
    """A soft box as it shows in a reflection: where, how large, how bright."""

    towards: Colour
    wide: float
    high: float
    power: float

    def seen(self, rays: Floats, roughness: Floats) -> Floats:
        """Return its light (n,) along rays, its edge as blurred as the surface is rough."""
        ahead = np.array(self.towards) / np.linalg.norm(self.towards)
        right = np.cross(ahead, [0, 1, 0])
        right /= np.linalg.norm(right)
        up = np.cross(right, ahead)
        depth = rays @ ahead
        safe = np.maximum(depth, 0.05)
        x, y = np.abs(rays @ right) / safe, np.abs(rays @ up) / safe
        blur = 0.05 + 1.6 * roughness**1.5
        inside = np.clip((self.wide + blur - x) / (2 * blur), 0, 1)
        inside *= np.clip((self.high + blur - y) / (2 * blur), 0, 1)
        inside = inside * inside * (3 - 2 * inside)
        spread = self.wide * self.high / ((self.wide + blur * 0.6) * (self.high + blur * 0.6))
        return np.where(depth > 0.02, inside * spread * self.power, 0)


BOXES = (
    Box((-0.85, 0.75, 0.55), 0.42, 0.62, 5.2),
    Box((0.95, 0.35, 0.25), 0.16, 0.95, 2.6),
    Box((0.1, 1.0, -0.35), 0.9, 0.35, 2.2),
)


@dataclass(frozen=True)
class Light:
    """Where the key stands, how strong each light is, and a lamp in the scene if there is one."""

    key: Colour = (-4.2, 6.2, 4.2)
    size: float = 1.5
    power: float = 1.6
    fill: float = 0.28
    ambient: float = 0.5
    warmth: Colour = (1.03, 1.0, 0.955)
    boxes: tuple[Box, ...] = BOXES
    lamp: Colour | None = None
    lamp_power: float = 0.0
    lamp_colour: Colour = (1.0, 0.72, 0.42)

    def spots(self) -> list[Floats]:
        """Return points of the key light, which is as large as `size`."""
        key = np.array(self.key)
        right = np.cross(key, [0, 1, 0])
        right /= np.linalg.norm(right)
        up = np.cross(right, key)
        up /= np.linalg.norm(up)
        places = [(0, 0)] + [(np.cos(a), np.sin(a)) for a in np.arange(5) * 2 * np.pi / 5]
        return [(key + (right * x + up * y) * self.size).astype(np.float32) for x, y in places]

    def diffuse(
        self,
        points: Floats,
        normals: Floats,
        shadow: Floats,
        openness: Floats,
        paper: Floats,
        soft: float,
    ) -> Floats:
        """Return the light (n, 3) that falls on points."""
        way = np.array(self.key, dtype=np.float32) - points
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        facing = np.einsum("ij,ij->i", way, normals)
        wrap = 0.12 + soft
        key = (
            np.clip((facing + wrap) / (1 + wrap), 0, 1) * (shadow * (1 - soft) + soft) * self.power
        )
        fill = np.clip(normals @ np.array([0.85, 0.25, 0.45]), 0, 1) * self.fill
        sky = self.ambient * (0.55 + 0.45 * normals[:, 1])
        bounce = np.clip(0.5 - 0.5 * normals[:, 1], 0, 1) * 0.55
        total = key[:, None] * np.array(self.warmth) + ((fill + sky) * openness)[:, None]
        total = total + (bounce * openness)[:, None] * paper
        return (total + self.lamp_on(points, normals)).astype(np.float32)

    def lamp_on(self, points: Floats, normals: Floats) -> Floats:
        """Return the light of the scene's own lamp on points, without its shadows."""
        if self.lamp is None:
            return np.zeros_like(points)
        way = np.array(self.lamp, dtype=np.float32) - points
        away = np.linalg.norm(way, axis=1)
        facing = np.clip(np.einsum("ij,ij->i", way, normals) / away + 0.15, 0, 1)
        return (self.lamp_power * facing / (0.3 + away**2))[:, None] * np.array(
            self.lamp_colour, dtype=np.float32
        )

    def reflected(self, rays: Floats, roughness: Floats, backdrop: Backdrop) -> Floats:
        """Return what a mirror of such roughness shows of the studio along rays."""
        height = rays[:, 1]
        paper = backdrop.colour
        low, high = paper * 0.85, paper * 0.32 + 0.05
        blurred = 0.25 + roughness * 0.6
        room = mix(low, high, smoothstep(-1, 1, height / blurred))
        shine = sum((box.seen(rays, roughness) for box in self.boxes), np.zeros(len(rays)))
        return (room + shine[:, None] * np.array(self.warmth)).astype(np.float32)


def developed(film: Floats) -> np.ndarray:
    """Return 8-bit sRGB: a gentle shoulder for highlights, and fine grain."""
    shoulder = film * (1 + film / 5.5) / (1 + film * 0.62)
    srgb = np.where(
        shoulder <= 0.0031308,
        shoulder * 12.92,
        1.055 * np.maximum(shoulder, 1e-6) ** (1 / 2.4) - 0.055,
    )
    grain = np.random.default_rng(11).normal(0, 0.004, film.shape[:2])[..., None]
    return (np.clip(srgb + grain, 0, 1) * 255 + 0.5).astype(np.uint8)
