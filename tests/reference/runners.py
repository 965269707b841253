"""Runs a snippet as its reader would: in a folder with the picture, the key in the environment."""

import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.conftest import ROOT

SECONDS = 120
# Where CI installs the packages that people's programs use: `npm i --prefix var/node …`.
NODE_MODULES = Path(os.environ.get("NODE_MODULES", ROOT / "var" / "node" / "node_modules"))
REMBG_JS = NODE_MODULES / "@remove-background-ai" / "rembg.js"


def program(*words: str, folder: Path, key: str) -> str:
    """Run a program in the folder; return what it says, skip where it is not installed."""
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} on this machine")
    environment = {**os.environ, "API_KEY": key, "no_proxy": "*"}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS
    )
    return done.stdout + done.stderr


def curl(code: str, folder: Path, key: str) -> str:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine")
    return program("sh", "-c", code, folder=folder, key=key)


def python(code: str, folder: Path, key: str) -> str:
    (folder / "snippet.py").write_text(code)
    return program(sys.executable, "snippet.py", folder=folder, key=key)


def node(code: str, folder: Path, key: str) -> str:
    if "rembg.js" in code and not REMBG_JS.exists() and "@remove" in code:
        pytest.skip(f"rembg.js is not installed in {NODE_MODULES}")
    if NODE_MODULES.exists() and not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "snippet.mjs").write_text(code)
    return program("node", "snippet.mjs", folder=folder, key=key)


def php(code: str, folder: Path, key: str) -> str:
    (folder / "snippet.php").write_text(code)
    return program("php", "snippet.php", folder=folder, key=key)


def http(code: str, folder: Path, key: str) -> str:
    """Send the message over a socket; a result is written where the others write theirs."""
    message = code.replace("YOUR_API_KEY_HERE", key).encode().replace(b"\n", b"\r\n")
    if wanted := re.search(rb"<the bytes of (.+)>", message):
        message = message.replace(wanted[0], (folder / wanted[1].decode()).read_bytes())
    head, _, body = message.partition(b"\r\n\r\n")
    length = str(len(body)).encode()
    head = head.replace(b"<length of the body in bytes>", length)
    host = urlsplit("//" + re.search(r"Host: (\S+)", code)[1])
    with socket.create_connection((host.hostname, host.port), timeout=SECONDS) as link:
        link.sendall(head + b"\r\n\r\n" + body)
        answer = b""
        while part := link.recv(65536):
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"image/" in head:
        (folder / "output.raw").write_bytes(body)
    return head.decode() + "\n" + body.decode(errors="replace")


RUN: dict[str, Callable[[str, Path, str], str]] = {
    "curl": curl,
    "http": http,
    "python": python,
    "node": node,
    "php": php,
}
