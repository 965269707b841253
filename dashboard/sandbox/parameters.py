"""What `POST /rmbg` may be asked for, and RemBG's sentence for what it may not."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PIL import ImageColor

from dashboard.sandbox import errors
from dashboard.sandbox.errors import Refusal, echo

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


def parse(fields: Mapping[str, str]) -> Parameters:
    """Read the form fields; unknown ones are ignored. Raises Refusal with all that is wrong."""
    values, problems = errors.read_each(READERS, fields)
    parameters = Parameters(**values)
    if parameters.mask and parameters.bg_color:
        problems += errors.row("mask_bg", "mask").problems
    if problems:
        raise Refusal(400, problems)
    return parameters


def size(name: str, text: str) -> int | None:
    """A side in pixels, 1..10000; 0 is "not set", as the official client sends it."""
    if not WHOLE.fullmatch(text):
        raise errors.row("size_type", name, name=name, text=echo(text))
    value = int(text)
    if not 0 <= value <= MAX_SIDE:
        raise errors.row("size_min" if value < 0 else "size_max", name, name=name, value=value)
    return value or None


def angle(name: str, text: str) -> float:
    """A rotation in degrees, -360..360."""
    if not NUMBER.fullmatch(text):
        raise errors.row("angle_type", name, text=echo(text))
    value = float(text)
    if math.isnan(value) or abs(value) > MAX_DEGREES:
        raise errors.row("angle_range", name, value=value)
    return value


def picture_format(name: str, text: str) -> str:
    if text.upper() not in FORMATS:
        raise errors.row("format", name, text=echo(text))
    return text.upper()


def boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise errors.plain(400, f"'{name}' must be true or false, got: '{echo(text)}'", name)
    return text.lower() == "true"


def color(name: str, text: str) -> Color:
    """A hex colour in four lengths, or a name of the CSS list."""
    if not HEX.fullmatch(text) and text.lower() not in ImageColor.colormap:
        raise errors.row("bg_color", name, text=echo(text))
    red, green, blue, *alpha = ImageColor.getrgb(text.lower())
    return (red, green, blue, alpha[0] if alpha else 255)


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
