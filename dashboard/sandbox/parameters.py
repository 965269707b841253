"""What `POST /rmbg` may be asked for, and RemBG's sentence for what it may not."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ImageColor

from dashboard.sandbox import errors
from dashboard.sandbox.errors import Problem, Refusal

FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
MAX_SIDE = 10_000
MAX_DEGREES = 360.0
Color = tuple[int, int, int, int]
# More than 18 digits are no size anybody means; Python itself refuses beyond 4300.
WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
HEX = re.compile(r"#(?:[0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.ASCII | re.IGNORECASE)
NUMBER = re.compile(
    r"[+-]?(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,6})?|nan|inf(?:inity)?)",
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True)
class Parameters:
    """What a removal is asked to give back; sizes in pixels, `angle` in degrees."""

    format: str = "WEBP"
    w: int | None = None
    h: int | None = None
    exact_resize: bool = False
    mask: bool = False
    bg_color: Color | None = None
    angle: float = 0.0
    expand: bool = True


class Wrong(Exception):
    """A value that breaks its rule."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def parse(fields: Mapping[str, str]) -> Parameters:
    """Read the form fields; unknown ones are ignored. Raises Refusal with all that is wrong."""
    values: dict[str, Any] = {}
    problems = []
    for name, read in READERS.items():
        if name in fields:
            try:
                values[name] = read(name, fields[name])
            except Wrong as exc:
                problems.append(exc.problem)
    parameters = Parameters(**values)
    if parameters.mask and parameters.bg_color:
        problems.append(errors.MASK_BG.problem("mask"))
    if problems:
        raise Refusal(400, problems)
    return parameters


def size(name: str, text: str) -> int | None:
    """A side in pixels, 1..10000; 0 is "not set", as the official client sends it."""
    if not WHOLE.fullmatch(text):
        raise Wrong(errors.SIZE_TYPE.problem(name, name=name, text=errors.echo(text)))
    value = int(text)
    if value < 0:
        raise Wrong(errors.SIZE_MIN.problem(name, name=name, value=value))
    if value > MAX_SIDE:
        raise Wrong(errors.SIZE_MAX.problem(name, name=name, value=value))
    return value or None


def angle(name: str, text: str) -> float:
    """A rotation in degrees, -360..360."""
    if not NUMBER.fullmatch(text):
        raise Wrong(errors.ANGLE_TYPE.problem(name, text=errors.echo(text)))
    value = float(text)
    if math.isnan(value) or abs(value) > MAX_DEGREES:
        raise Wrong(errors.ANGLE_RANGE.problem(name, value=value))
    return value


def picture_format(name: str, text: str) -> str:
    if text.upper() not in FORMATS:
        raise Wrong(errors.FORMAT.problem(name, text=errors.echo(text)))
    return text.upper()


def boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Wrong(errors.NOT_BOOLEAN.problem(name, name=name, text=errors.echo(text)))
    return text.lower() == "true"


def color(name: str, text: str) -> Color:
    """A hex colour in four lengths, or a name of the CSS list."""
    if HEX.fullmatch(text):
        digits = text[1:] if len(text) > 5 else "".join(2 * digit for digit in text[1:])
        red, green, blue, *alpha = bytes.fromhex(digits)
        return (red, green, blue, alpha[0] if alpha else 255)
    if text.lower() not in ImageColor.colormap:
        raise Wrong(errors.BG_COLOR.problem(name, text=errors.echo(text)))
    red, green, blue, *_ = ImageColor.getrgb(text.lower())
    return (red, green, blue, 255)


READERS: dict[str, Callable[[str, str], object]] = {
    "format": picture_format,
    "w": size,
    "h": size,
    "exact_resize": boolean,
    "mask": boolean,
    "bg_color": color,
    "angle": angle,
    "expand": boolean,
}
