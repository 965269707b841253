"""What the sandbox takes from the environment; a wrong value stops the start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

PROJECT = Path(__file__).resolve().parents[2]
# Default, least and most.
NUMBERS = {
    "port": (8001, 0, 65535),
    "latency": (0.0, 0, 3600),
    "slow": (5.0, 0, 3600),
    "read_timeout": (10.0, 0.05, 3600),
    "segmentations": (max(2, os.cpu_count() or 1), 1, 3600),
    "large_wait": (60.0, 0, 3600),
    "rate_limit": (200, 0, 10**9),
}


class BadSetting(Exception):
    """A setting that cannot be used; the text says which and why."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; durations are seconds."""

    host: str
    port: int
    data_dir: Path
    model: Path
    latency: float
    slow: float
    read_timeout: float
    segmentations: int
    large_wait: float
    rate_limit: int
    retry_after: str

    @property
    def state_file(self) -> Path:
        return self.data_dir / "sandbox" / "state.sqlite3"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the settings; raises BadSetting naming the variable."""
        data_dir = PROJECT / environ.get("DATA_DIR", "var")
        return cls(
            host=environ.get("SANDBOX_HOST", "127.0.0.1"),
            data_dir=data_dir,
            model=PROJECT / (environ.get("SANDBOX_MODEL") or data_dir / "models" / "u2netp.onnx"),
            retry_after=environ.get("SANDBOX_RETRY_AFTER", "45"),
            **{name: _number(environ, name) for name in NUMBERS},
        )


def _number(environ: Mapping[str, str], name: str) -> Any:
    """A number of the default's type."""
    default, least, most = NUMBERS[name]
    variable = f"SANDBOX_{name.upper()}"
    text = environ.get(variable, str(default))
    try:
        value = float(text)
    except ValueError:
        raise BadSetting(f"{variable}={text!r}: use a number.") from None
    if not least <= value <= most:
        raise BadSetting(f"{variable}={text!r}: use a number from {least:g} to {most:g}.")
    return type(default)(value)
