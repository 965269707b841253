"""`make bench`: run every measurement, or those that are named, and print what they say."""

import argparse
import subprocess
import sys

ALL = (
    "overview",
    "history",
    "backtest",
    "poller",
    "gateway",
    "segmentation",
    "weight",
    "first_chart",
    "chaos",
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(ALL)}; all when none is named")
    failed = 0
    for name in parser.parse_args().names or ALL:
        print(f"\n== {name}", flush=True)
        # Each in a process of its own: what one loads must not weigh on the next.
        failed += bool(subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
