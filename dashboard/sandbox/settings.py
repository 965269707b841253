"""What the sandbox takes from the environment; a wrong value stops the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


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
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; raises BadSetting naming the variable."""
        data_dir = PROJECT / environ.get("DATA_DIR", "var")
        cores = max(2, os.cpu_count() or 1)
        return cls(
            host=environ.get("SANDBOX_HOST", "127.0.0.1"),
            port=int(_number(environ, "SANDBOX_PORT", 8001, most=65535)),
            data_dir=data_dir,
            model=PROJECT / (environ.get("SANDBOX_MODEL") or data_dir / "models" / "u2netp.onnx"),
            latency=_number(environ, "SANDBOX_LATENCY", 0),
            slow=_number(environ, "SANDBOX_SLOW", 5),
            read_timeout=_number(environ, "SANDBOX_READ_TIMEOUT", 10, least=0.05),
            segmentations=int(_number(environ, "SANDBOX_SEGMENTATIONS", cores, least=1)),
            large_wait=_number(environ, "SANDBOX_LARGE_WAIT", 60),
            rate_limit=int(_number(environ, "SANDBOX_RATE_LIMIT", 200, most=10**9)),
            retry_after=environ.get("SANDBOX_RETRY_AFTER", "45"),
        )


def _number(
    environ: Mapping[str, str], name: str, default: float, *, least: float = 0, most: float = 3600
) -> float:
    text = environ.get(name, str(default))
    try:
        value = float(text)
    except ValueError:
        raise BadSetting(f"{name}={text!r}: use a number.") from None
    if not least <= value <= most:
        raise BadSetting(f"{name}={text!r}: use a number from {least:g} to {most:g}.")
    return value
