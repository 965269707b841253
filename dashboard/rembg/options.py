"""The options of rembg.js, by its names or by the wire's (contract 3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from dashboard.rembg import errors
from dashboard.rembg.parameters import Parameters

RETURN_BASE64 = "return_base64"
NAMES = {  # As callers write them, and what each is called here.
    "format": "format",
    "w": "w",
    "h": "h",
    "exact_resize": "exact_resize",
    "angle": "angle",
    "expand": "expand",
    "bg_color": "bg_color",
    "returnMask": "mask",
    "return_mask": "mask",
    "mask": "mask",
    "returnBase64": RETURN_BASE64,
    RETURN_BASE64: RETURN_BASE64,
}


@dataclass(frozen=True)
class Options:
    """What is asked of RemBG, and whether the answer is wanted as text."""

    asked: Parameters
    return_base64: bool

    @classmethod
    def read(cls, options: Mapping[str, object]) -> Options:
        """Read options; None is "not set", as 0 is for `w` and `h`.

        Raises TypeError for a name that is no option or comes twice, and a leaf of `errors` for a
        value that RemBG would refuse.
        """
        values: dict[str, str] = {}
        for name, value in options.items():
            known = _known(name)
            if known in values:
                raise TypeError(f"The option '{known}' was given twice, as '{name}' too.")
            values[known] = _text(value)
        as_text = values.pop(RETURN_BASE64, "") or "false"
        if as_text.lower() not in ("true", "false"):
            raise errors.BadFlag(f"{RETURN_BASE64} must be true or false.")
        return cls(Parameters.parse(values.items()), as_text.lower() == "true")


def _known(name: str) -> str:
    if name in NAMES:
        return NAMES[name]
    near = get_close_matches(str(name), NAMES, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(NAMES)}."
    raise TypeError(f"There is no option '{name}'. {hint}")


def _text(value: object) -> str:
    """Return a value as the wire has it; a whole number may come as 800.0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
