"""A demo of one's own on free ports, for what is measured from outside."""

import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "demo-demo-demo"


@contextmanager
def running() -> Iterator[tuple[str, requests.Session]]:
    """Start `manage.py demo`, sign the owner in, and stop it again; yields address and session."""
    port, sandbox_port = free_port(), free_port()
    data_dir = Path(tempfile.mkdtemp(prefix="dashboard-bench-"))
    environment = os.environ | {
        "PORT": str(port),
        "SANDBOX_PORT": str(sandbox_port),
        "DATA_DIR": str(data_dir),
        "SANDBOX_MODEL": str(ROOT / "var" / "models" / "u2netp.onnx"),
    }
    with (data_dir / "output").open("wb") as output:
        demo = subprocess.Popen(
            [sys.executable, "manage.py", "demo"], cwd=ROOT, env=environment, stdout=output
        )
    try:
        while "owner@demo.example" not in (data_dir / "output").read_text():
            assert demo.poll() is None, "the demo ended"
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", signed_in(f"http://127.0.0.1:{port}")
    finally:
        demo.terminate()
        demo.wait(timeout=45)


def signed_in(url: str) -> requests.Session:
    session = requests.Session()
    page = session.get(f"{url}/accounts/login/", timeout=10).text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token is not None
    form = {"login": "owner@demo.example", "password": PASSWORD, "csrfmiddlewaretoken": token[1]}
    session.post(f"{url}/accounts/login/", data=form, timeout=10).raise_for_status()
    return session


def account_path(url: str, session: requests.Session) -> str:
    accounts = session.get(f"{url}/api/v1/teams/demo/accounts", timeout=10).json()["accounts"]
    return f"/teams/demo/accounts/{accounts[0]['id']}/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
