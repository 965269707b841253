"""Takes the picture: marches rays to the things, lights them, develops the film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from benchmarks.studio.light import Backdrop, Light, developed, smoothstep
from benchmarks.studio.shapes import Floats, Shape

NEAR_ENOUGH = 0.0012


@dataclass(frozen=True)
class Surface:
    """How points of a thing look: colour (n, 3) linear, and numbers or (n,) for the rest."""

    colour: Floats
    roughness: Floats | float = 0.5
    mirror: Floats | float = 0.04  # what is reflected head-on
    metal: float = 0.0
    glow: Floats | float = 0.0  # (n, 3) light of its own
    soft: float = 0.0  # light that bleeds around the edge


Look = Callable[[Floats, Floats], Surface]  # of points and normals


@dataclass(frozen=True)
class Thing:
    """A shape with a look."""

    shape: Shape
    look: Look


@dataclass(frozen=True)
class Scene:
    """Things on a seamless backdrop, within `reach` of `centre`."""

    things: tuple[Thing, ...]
    backdrop: Backdrop
    light: Light = field(default_factory=Light)
    eye: tuple[float, float, float] = (0.0, 1.9, 9.0)
    centre: tuple[float, float, float] = (0.0, 0.9, 0.0)
    reach: float = 1.9
    angle: float = 20.0  # of view, upwards, in degrees
    width: int = 1200
    height: int = 900

    def distance(self, p: Floats) -> Floats:
        """Return the distance to the nearest thing."""
        return np.minimum.reduce([thing.shape(p) for thing in self.things])


def photograph(scene: Scene, *, scale: float = 1.0, samples: float = 1.5) -> Image.Image:
    """Render a scene; `samples` times finer on each side than the picture."""
    size = (round(scene.width * scale), round(scene.height * scale))
    fine = (round(size[0] * samples), round(size[1] * samples))
    eye, rays = _rays(scene, *fine)
    screen = np.stack(np.meshgrid(*(np.linspace(0, 1, n) for n in fine)), axis=-1)
    film = _paper(scene, eye, rays, screen.reshape(-1, 2).astype(np.float32))
    travelled = _march(scene, np.broadcast_to(eye, rays.shape), rays)
    hit = np.isfinite(travelled)
    points = eye + rays[hit] * travelled[hit, None]
    film[hit] = _lit(scene, points, rays[hit])
    positive = developed(film.reshape(fine[1], fine[0], 3))
    return Image.fromarray(positive).resize(size, Image.Resampling.LANCZOS)


def _rays(scene: Scene, width: int, height: int) -> tuple[Floats, Floats]:
    eye = np.array(scene.eye, dtype=np.float32)
    ahead = np.array(scene.centre, dtype=np.float32) - eye
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0, 1, 0])
    right /= np.linalg.norm(right)
    up = np.cross(right, ahead)
    half = np.tan(np.radians(scene.angle / 2))
    x = (np.arange(width) + 0.5 - width / 2) / (height / 2) * half
    y = (height / 2 - np.arange(height) - 0.5) / (height / 2) * half
    grid_x, grid_y = np.meshgrid(x, y)
    rays = ahead + grid_x[..., None] * right + grid_y[..., None] * up
    rays = (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).reshape(-1, 3)
    return eye, rays.astype(np.float32)


def _span(scene: Scene, start: Floats, rays: Floats) -> tuple[Floats, Floats]:
    """Return where rays enter and leave the ball around the things (misses: leave < enter)."""
    to = np.array(scene.centre, dtype=np.float32) - start
    along = np.einsum("ij,ij->i", to, rays)
    beside = np.einsum("ij,ij->i", to, to) - along**2
    half = np.sqrt(np.maximum(scene.reach**2 - beside, 0))
    leave = np.where(beside < scene.reach**2, along + half, -1)
    return np.maximum(along - half, 0), leave


def _march(scene: Scene, start: Floats, rays: Floats, steps: int = 110) -> Floats:
    """Return how far each ray goes to a thing, infinity where it meets none."""
    enter, leave = _span(scene, start, rays)
    result = np.full(len(rays), np.inf, dtype=np.float32)
    live = np.flatnonzero(leave > enter)
    travelled = enter[live]
    for _ in range(steps):
        if not len(live):
            break
        distance = scene.distance(start[live] + rays[live] * travelled[:, None])
        arrived = distance < NEAR_ENOUGH
        result[live[arrived]] = travelled[arrived]
        travelled = travelled + distance * 0.9
        going = ~arrived & (travelled < leave[live])
        live, travelled = live[going], travelled[going]
    return result


def _normals(shape: Shape, points: Floats, step: float = 0.006) -> Floats:
    total = np.zeros_like(points)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        offset = np.array(corner, dtype=np.float32)
        total += offset * shape(points + offset * step)[:, None]
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-9)


def _shadow(scene: Scene, points: Floats) -> Floats:
    """Return how much of the key light arrives, 0..1: several rays to a large soft box."""
    total = np.zeros(len(points), dtype=np.float32)
    spots = scene.light.spots()
    for spot in spots:
        rays = spot - points
        rays /= np.linalg.norm(rays, axis=1, keepdims=True)
        total += _clear(scene, points, rays.astype(np.float32), sharpness=14)
    return total / len(spots)


def _clear(scene: Scene, points: Floats, rays: Floats, *, sharpness: float) -> Floats:
    enter, leave = _span(scene, points, rays)
    result = np.ones(len(points), dtype=np.float32)
    live = np.flatnonzero(leave > enter)
    travelled = np.maximum(enter[live], 0.03)
    for _ in range(36):
        if not len(live):
            break
        distance = scene.distance(points[live] + rays[live] * travelled[:, None])
        result[live] = np.minimum(result[live], sharpness * distance / travelled)
        travelled = travelled + np.clip(distance, 0.025, 0.4)
        going = (result[live] > 0.005) & (travelled < leave[live])
        live, travelled = live[going], travelled[going]
    return smoothstep(0, 1, np.clip(result, 0, 1))


def _openness(scene: Scene, points: Floats, normals: Floats, *, ground: bool) -> Floats:
    """Return how open the surroundings are, 0..1 (ambient occlusion)."""
    closed = np.zeros(len(points), dtype=np.float32)
    for step, weight in ((0.05, 0.9), (0.12, 0.7), (0.25, 0.5), (0.5, 0.32), (0.9, 0.2)):
        away = points + normals * step
        distance = scene.distance(away)
        if ground:
            distance = np.minimum(distance, away[:, 1])
        closed += weight * np.clip((step - distance) / step, 0, 1)
    return np.exp(-1.15 * closed)


def _paper(scene: Scene, eye: Floats, rays: Floats, screen: Floats) -> Floats:
    """Return the backdrop's light, with the shadow that the things throw on it."""
    film = scene.backdrop.seen(screen)
    down = rays[:, 1] < -1e-4
    away = np.where(down, -eye[1] / np.where(down, rays[:, 1], -1), np.inf)
    spot = eye + rays * np.minimum(away, 60)[:, None]
    near = down & (np.hypot(spot[:, 0], spot[:, 2]) < scene.reach * 4)
    points = spot[near].astype(np.float32)
    up = np.tile(np.array([0, 1, 0], dtype=np.float32), (len(points), 1))
    shadow = 1 - _shadow(scene, points + up * 0.002)
    dark = 1 - _openness(scene, points, up, ground=False)
    kept = 1 - scene.backdrop.shadow * shadow[:, None] * (1 - scene.backdrop.tint * 0.5)
    film[near] *= kept * (1 - 0.75 * dark[:, None] * (1 - scene.backdrop.tint * 0.4))
    glow = scene.light.lamp_on(points, up)
    film[near] += glow * scene.backdrop.colour
    return film


def _lit(scene: Scene, points: Floats, rays: Floats) -> Floats:
    film = np.zeros_like(points)
    nearest = np.argmin([thing.shape(points) for thing in scene.things], axis=0)
    for index, thing in enumerate(scene.things):
        mine = nearest == index
        if mine.any():
            film[mine] = _shaded(scene, thing, points[mine], rays[mine])
    return film


def _shaded(scene: Scene, thing: Thing, points: Floats, rays: Floats) -> Floats:
    normals = _normals(thing.shape, points)
    surface = thing.look(points, normals)
    light = scene.light
    shadow = _shadow(scene, points + normals * 0.01)
    openness = _openness(scene, points, normals, ground=True)
    diffuse = light.diffuse(points, normals, shadow, openness, scene.backdrop.colour, surface.soft)
    facing = np.clip(-np.einsum("ij,ij->i", rays, normals), 0, 1)
    head_on = np.broadcast_to(np.asarray(surface.mirror, dtype=np.float32), facing.shape)[:, None]
    if surface.metal:
        head_on = surface.colour
    roughness = np.broadcast_to(np.asarray(surface.roughness, dtype=np.float32), facing.shape)
    edge = (1 - facing[:, None]) ** 5 * (1 - roughness[:, None]) ** 2
    fresnel = head_on + (1 - head_on) * edge
    bounced = rays - 2 * np.einsum("ij,ij->i", rays, normals)[:, None] * normals
    seen = light.reflected(bounced, roughness, scene.backdrop)
    hidden = _clear(scene, points + normals * 0.02, bounced, sharpness=6)
    seen = seen * (0.35 + 0.65 * np.minimum(openness, hidden))[:, None]
    body = (
        surface.colour * diffuse * (1 - surface.metal) * (1 - fresnel.mean(axis=1, keepdims=True))
    )
    return body + fresnel * seen + surface.glow
