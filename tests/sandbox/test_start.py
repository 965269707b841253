"""Starting the sandbox, its settings and its model."""

import os
import signal
import subprocess
import sys

import pytest

from dashboard.sandbox.model import fetch, is_right
from dashboard.sandbox.settings import BadSetting, Settings
from tests.sandbox.box import MODEL, ROOT


def test_manage_py_starts_it_too(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "manage.py", "sandbox", "--port", "0"],
        cwd=ROOT,
        env={**os.environ, "DATA_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    line = process.stdout.readline()
    process.send_signal(signal.SIGINT)

    assert line.startswith(b"listening on http://127.0.0.1:")
    assert process.wait(timeout=120) == 0
    process.stdout.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [("SANDBOX_PORT", "x"), ("SANDBOX_PORT", "70000"), ("SANDBOX_LATENCY", "-1")],
)
def test_a_wrong_setting_stops_the_start_and_is_named(name, value):
    done = subprocess.run(
        [sys.executable, "-m", "dashboard.sandbox"],
        cwd=ROOT,
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 2
    assert name in done.stderr


def test_settings_have_defaults():
    settings = Settings.from_environment({})

    assert (settings.host, settings.port) == ("127.0.0.1", 8001)
    assert settings.model == ROOT / "var" / "models" / "u2netp.onnx"
    assert settings.state_file == ROOT / "var" / "sandbox" / "state.sqlite3"
    with pytest.raises(BadSetting, match="SANDBOX_SLOW"):
        Settings.from_environment({"SANDBOX_SLOW": "soon"})


def test_a_model_that_is_there_is_not_fetched_again(tmp_path):
    if not MODEL.is_file():
        pytest.skip("var/models/u2netp.onnx is not there: run python -m dashboard.sandbox.model")

    assert is_right(MODEL)
    assert fetch(MODEL) is False


def test_another_file_is_not_the_model(tmp_path):
    other = tmp_path / "u2netp.onnx"
    other.write_bytes(b"something else")

    assert not is_right(other)
