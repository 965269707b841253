"""Starting the sandbox, its settings and its model."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys

import pytest
import requests

from dashboard.sandbox.model import fetch, is_right
from dashboard.sandbox.settings import BadSetting, Settings
from tests.sandbox.box import MODEL, ROOT, Box
from tests.waiting import WAIT, wait_until


def answers(url):
    """Whether it answers at all."""
    try:
        return requests.get(f"{url}/healthz", timeout=5).ok
    except requests.RequestException:
        return False


def test_manage_py_starts_it_too(tmp_path):
    box = Box(tmp_path, command=("manage.py", "sandbox", "--port", "0"))

    assert box.url.startswith("http://127.0.0.1:")
    assert box.stop(signal.SIGINT) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are Linux's")
def test_r23_more_visitors_than_it_may_have_files_open_do_not_end_it(tmp_path):
    box = Box(tmp_path, model=tmp_path / "none")
    files, process = f"/proc/{box.process.pid}/fd", box.process
    few = len(os.listdir(files)) + 4
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (few, few))
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection(("127.0.0.1", box.port), timeout=WAIT))
        wait_until(
            lambda: len(os.listdir(files)) >= few or process.poll() is not None,
            "it to have as many files open as it may",
        )
    wait_until(lambda: answers(box.url) or process.poll() is not None, "it to answer again")

    assert process.poll() is None
    assert box.stop() == 0


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
