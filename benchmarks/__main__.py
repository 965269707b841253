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
# What takes long in full is shortened when all are run; named, it runs in full.
SHORTER = {"history": ["--quick"]}


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of: {', '.join(ALL)}; all when none is named")
    failed, named = 0, parser.parse_args().names
    for name in named or ALL:
        print(f"\n== {name}", flush=True)
        # Each in a process of its own: what one loads must not weigh on the next.
        options = [] if named else SHORTER.get(name, [])
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        failed += bool(subprocess.run(command).returncode)
    return failed


if __name__ == "__main__":
    sys.exit(main())
