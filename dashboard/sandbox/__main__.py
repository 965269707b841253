"""Start the sandbox: `python -m dashboard.sandbox [--host HOST] [--port PORT]`."""

import argparse
import sys

from dashboard.sandbox.server import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m dashboard.sandbox", description=__doc__)
    add_arguments(parser)
    sys.exit(run(**vars(parser.parse_args())))
