"""Start the sandbox: `python -m dashboard.sandbox [--host HOST] [--port PORT]`."""

from __future__ import annotations

import argparse
import sys

from dashboard.sandbox.server import add_arguments, run
from dashboard.sandbox.settings import BadSetting


def main() -> int:
    """Read the arguments, then serve."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.sandbox", description=__doc__)
    add_arguments(parser)
    try:
        return run(**vars(parser.parse_args()))
    except BadSetting as exc:
        sys.stderr.write(f"{exc}\n")
        return 2
    except OSError as exc:
        sys.stderr.write(f"Cannot listen: {exc.strerror}.\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
