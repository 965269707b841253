"""The rules of POST /rmbg, for form, gateway and client alike (contract 1, promises P1-P12)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from dashboard.rembg import colors, errors, wording
from dashboard.rembg.errors import FieldRefused

FORMATS = ("webp", "png", "jpeg", "bmp")  # Lower case, as we send them; the default first.
CONTENT_TYPES = {f: f"image/{f}" for f in FORMATS}
EXTENSIONS = ("webp", "bmp", "png", "jpg", "jpeg")  # Of files that may be sent.
MIN_SIDE, MAX_SIDE = 1, 10_000  # Pixels, of `w` and `h` and of the picture sent.
MAX_BYTES = 52_428_800  # 50 MB, of the picture sent.
MAX_ANGLE = 360  # Degrees, either way.
MAX_ECHO = 20  # Characters of a wrong value that an error repeats.

INTEGER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,4})?", re.ASCII | re.IGNORECASE)
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
HEX_COLOR = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Parameters:
    """What is asked of RemBG besides the picture itself; the defaults are upstream's."""

    format: str = "webp"
    w: int | None = None
    h: int | None = None
    exact_resize: bool = False
    mask: bool = False
    bg_color: str | None = None
    angle: float = 0.0
    expand: bool = True

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> Parameters:
        """Read pairs of name and text; an empty text is "not set", unknown names are dropped.

        Raises the one error's leaf, or InvalidFields naming every field that is wrong.
        """
        sheet = _Sheet()
        sheet.read(pairs)
        if sheet.values.get("mask") and sheet.values.get("bg_color"):
            sheet.problems.append(errors.MaskWithColor())
        if len(sheet.problems) == 1:
            raise sheet.problems[0]
        if sheet.problems:
            raise errors.InvalidFields(
                details=tuple(d for problem in sheet.problems for d in problem.details)
            )
        return cls(**sheet.values)

    def fields(self) -> list[tuple[str, str]]:
        """Return the pairs to send: the format, and what differs from upstream's defaults."""
        pairs = [("format", self.format)]
        pairs += [(name, str(side)) for name, side in (("w", self.w), ("h", self.h)) if side]
        pairs += [("exact_resize", "true")] if self.exact_resize else []
        pairs += [("mask", "true")] if self.mask else []
        pairs += [("bg_color", self.bg_color)] if self.bg_color else []
        pairs += [("angle", repr(self.angle).removesuffix(".0"))] if self.angle else []
        pairs += [] if self.expand else [("expand", "false")]
        return pairs


@dataclass
class _Sheet:
    """The fields as they are read: the values so far, and everything that is wrong."""

    values: dict[str, Any] = field(default_factory=dict)
    problems: list[FieldRefused] = field(default_factory=list)

    def read(self, pairs: Iterable[tuple[str, str]]) -> None:
        known = list(pairs)
        counts = Counter(name for name, _ in known)
        texts = dict(known)
        for name in (name for name in PARSERS if name in texts):
            if counts[name] > 1:
                sentence = f"{name} was sent more than once."
                self.problems.append(_problem(errors.RepeatedField, name, sentence))
            elif texts[name] != "":
                self._read_one(name, texts[name])

    def _read_one(self, name: str, text: str) -> None:
        try:
            value = PARSERS[name](name, text)
        except FieldRefused as problem:
            self.problems.append(problem)
        else:
            if value is not None:
                self.values[name] = value


def _problem(leaf: type[FieldRefused], name: str, sentence: str) -> FieldRefused:
    return leaf(sentence, details=(errors.FieldProblem(name, sentence),))


def _echo(text: str) -> str:
    """Return the beginning of a wrong value, without anything that is not seen."""
    return wording.message(text[: 2 * MAX_ECHO])[:MAX_ECHO]


def _side(name: str, text: str) -> int | None:
    if not INTEGER.fullmatch(text):
        sentence = f"'{name}' must be an integer, got: '{_echo(text)}'"
        raise _problem(errors.SizeType, name, sentence)
    side = int(text)
    if side == 0:  # The official client sends 0 for "not set".
        return None
    if side < MIN_SIDE:
        sentence = f"'{name}' must be at least {MIN_SIDE}, got: {side}"
        raise _problem(errors.SizeMin, name, sentence)
    if side > MAX_SIDE:
        sentence = f"'{name}' must be at most {MAX_SIDE}, got: {side}"
        raise _problem(errors.SizeMax, name, sentence)
    return side


def _angle(name: str, text: str) -> float:
    if len(text) > 40 or not (NUMBER.fullmatch(text) or NOT_FINITE.fullmatch(text)):
        sentence = f"'{name}' must be a number, got: '{_echo(text)}'"
        raise _problem(errors.AngleType, name, sentence)
    angle = float(text)
    if not math.isfinite(angle) or abs(angle) > MAX_ANGLE:
        limits = f"between -{MAX_ANGLE} and {MAX_ANGLE} degrees"
        raise _problem(errors.AngleRange, name, f"'{name}' must be {limits}, got: {angle}")
    return angle or 0.0  # -0.0 is no angle either.


def _format(name: str, text: str) -> str:
    if text.lower() not in FORMATS:
        sentence = f"Invalid format '{_echo(text)}'. Allowed formats: PNG, JPEG, WEBP, BMP"
        raise _problem(errors.BadFormat, name, sentence)
    return text.lower()


def _color(name: str, text: str) -> str:
    if not HEX_COLOR.fullmatch(text) and text.lower() not in colors.NAMED:
        rule = "Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA"
        raise _problem(errors.BadColor, name, f"Invalid color format '{_echo(text)}'. {rule}")
    return text.lower()


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise _problem(errors.BadFlag, name, f"{name} must be true or false.")
    return text.lower() == "true"


PARSERS: Mapping[str, Callable[[str, str], Any]] = {
    "format": _format,
    "w": _side,
    "h": _side,
    "exact_resize": _flag,
    "mask": _flag,
    "bg_color": _color,
    "angle": _angle,
    "expand": _flag,
}
