"""What the sandbox takes from the environment; a wrong value stops the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
MEGABYTE = 1024 * 1024


class BadSetting(Exception):
    """A setting that cannot be used; the text says which and why."""


@dataclass(frozen=True)
class Settings:
    """Everything that can be set; durations are seconds, sizes bytes."""

    host: str = "127.0.0.1"
    port: int = 8001
    data_dir: Path = PROJECT / "var"
    model: Path = PROJECT / "var" / "models" / "u2netp.onnx"
    latency: float = 0.0
    slow: float = 5.0
    read_timeout: float = 10.0
    idle_timeout: float = 75.0
    drain_timeout: float = 30.0
    segmentations: int = 2
    large_wait: float = 60.0
    connections: int = 256
    rate_limit: int = 200
    retry_after: str = "45"
    body_limit: int = 64 * MEGABYTE

    @property
    def state_file(self) -> Path:
        return self.data_dir / "sandbox" / "state.sqlite3"

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; raises BadSetting naming the variable."""
        data_dir = PROJECT / environ.get("DATA_DIR", "var")
        return cls(
            host=environ.get("SANDBOX_HOST", cls.host),
            port=int(_number(environ, "SANDBOX_PORT", cls.port, most=65535)),
            data_dir=data_dir,
            model=PROJECT / (environ.get("SANDBOX_MODEL") or data_dir / "models" / "u2netp.onnx"),
            latency=_number(environ, "SANDBOX_LATENCY", cls.latency),
            slow=_number(environ, "SANDBOX_SLOW", cls.slow),
            read_timeout=_number(environ, "SANDBOX_READ_TIMEOUT", cls.read_timeout, least=0.05),
            segmentations=int(
                _number(environ, "SANDBOX_SEGMENTATIONS", max(2, os.cpu_count() or 1), least=1)
            ),
            large_wait=_number(environ, "SANDBOX_LARGE_WAIT", cls.large_wait),
            rate_limit=int(_number(environ, "SANDBOX_RATE_LIMIT", cls.rate_limit, most=10**9)),
            retry_after=environ.get("SANDBOX_RETRY_AFTER", cls.retry_after),
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
