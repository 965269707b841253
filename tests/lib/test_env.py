"""Settings: read once, typed, loud."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard.lib.env import kept_secret

ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path, **environment: str) -> subprocess.CompletedProcess:
    """Load the settings in a process of their own."""
    base = {"PATH": os.environ["PATH"], "DATA_DIR": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "-c", "from dashboard import settings; print(settings.SITE_URL)"],
        cwd=ROOT,
        env=base | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_without_any_setting_it_starts_on_this_machine_with_the_sandbox(tmp_path):
    assert start(tmp_path).stdout.strip() == "http://127.0.0.1:8000"


def test_all_wrong_values_are_named_at_once(tmp_path):
    done = start(tmp_path, PORT="eighty", DEBUG="perhaps")

    assert done.returncode != 0
    assert "PORT" in done.stderr
    assert "DEBUG" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({"DEBUG": "True", "SITE_URL": "https://a.example"}, id="K22-debug-in-public"),
        pytest.param({"EMAIL_VERIFICATION": "maybe"}, id="email-verification"),
        pytest.param({"DATABASE_URL": "nonsense"}, id="database"),
        pytest.param({"REMBG_API_URL": "http://api.rembg.com"}, id="A5-plain-http"),
        pytest.param({"REMBG_SITE_URL": "www.rembg.com"}, id="no-scheme"),
        pytest.param({"SITE_URL": "ftp://rembg.example.com"}, id="site-url"),
        pytest.param({"ENCRYPTION_KEYS": "k1:too-short"}, id="K16-encryption-key"),
    ],
)
def test_a_dangerous_or_wrong_setting_stops_the_start(tmp_path, environment):
    assert start(tmp_path, **environment).returncode != 0


def test_a_setting_may_be_the_path_of_a_file(tmp_path):
    path = tmp_path / "site"
    path.write_text("https://rembg.example.com\n")

    assert start(tmp_path, SITE_URL_FILE=str(path)).stdout.strip() == "https://rembg.example.com"


def test_a_kept_secret_is_made_once_and_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "secrets" / "secret_key"

    first = kept_secret(path)

    assert kept_secret(path) == first
    assert len(first) >= 50
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["secret_key"]
