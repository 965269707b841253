"""Start the sandbox: `python -m dashboard.sandbox [--host HOST] [--port PORT]`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

from dashboard.sandbox.server import run
from dashboard.sandbox.settings import BadSetting, Settings


def main() -> int:
    """Read the settings and the arguments, then serve."""
    try:
        settings = Settings.from_environment()
    except BadSetting as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    parser = argparse.ArgumentParser(prog="python -m dashboard.sandbox", description=__doc__)
    parser.add_argument("--host", default=settings.host)
    parser.add_argument("--port", type=int, default=settings.port, help="0 takes a free one")
    arguments = parser.parse_args()
    try:
        return run(replace(settings, host=arguments.host, port=arguments.port))
    except OSError as exc:
        sys.stderr.write(f"Cannot listen on {arguments.host}:{arguments.port}: {exc.strerror}.\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
