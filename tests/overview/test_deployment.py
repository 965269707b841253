"""The documented proxies wait longer than we do (R24), and what `check --deploy` says."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from django.conf import settings as django_settings
from django.core.management import call_command

from dashboard.overview.checks import longest_call
from tests.conftest import ROOT
from tests.ports import free_port, is_listened_to
from tests.waiting import WAIT, wait_until

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
CONFIGURATION = (ROOT / "docs" / "nginx.conf").read_text()


def said() -> str:
    out = io.StringIO()
    call_command("check", "--deploy", stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("file", "names"),
    [
        ("nginx.conf", ["proxy_read_timeout", "proxy_send_timeout"]),
        ("Caddyfile", ["read_timeout", "write_timeout", "response_header_timeout"]),
    ],
)
def test_r24_the_documented_proxies_wait_longer_than_the_longest_call(file, names):
    text = (ROOT / "docs" / file).read_text()

    for name in names:
        [seconds] = re.findall(rf"^\s*{name} (\d+)s;?$", text, re.M)
        assert int(seconds) > longest_call()


def test_r24_check_deploy_prints_how_long_a_proxy_must_wait(settings):
    settings.BEHIND_PROXY, settings.REMBG_DEADLINE_SECONDS = 1, 200.5

    assert "must wait at least 231 seconds" in said()
    settings.BEHIND_PROXY = 0
    assert "must wait" not in said()


def test_check_deploy_warns_of_a_sqlite_that_may_damage_the_database(settings):
    old = django_settings.SQLITE and sqlite3.sqlite_version_info < (3, 51, 3)

    assert ("is older than 3.51.3" in said()) is old
    settings.SQLITE = False
    assert "3.51.3" not in said()


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers that came, and nothing for a body."""

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = str(self.headers).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def proxy(tmp_path) -> Iterator[str]:
    """The documented nginx on a port of its own, without TLS, before a server that echoes."""
    if not NGINX:
        pytest.skip("nginx is not installed")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    port = free_port()
    text = re.sub(r"^\s*(listen 443|ssl_certificate).*\n", "", CONFIGURATION, flags=re.M)
    text = text.replace("listen 80;", f"listen 127.0.0.1:{port};")
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{server.server_port}")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    file = tmp_path / "nginx.conf"
    user = "user root;" if sys.platform == "linux" else ""
    head = f"{user} daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;"
    file.write_text(f"{head} events {{}} http {{ access_log off; {places}\n{text}\n}}")
    nginx = subprocess.Popen([NGINX, "-e", f"{tmp_path}/error.log", "-c", str(file)])
    wait_until(lambda: is_listened_to(port) or nginx.poll() is not None, "nginx to listen")
    assert nginx.poll() is None, (tmp_path / "error.log").read_text()
    yield f"http://127.0.0.1:{port}"
    nginx.terminate()
    nginx.wait(WAIT)
    server.shutdown()
    server.server_close()


def test_r24_the_documented_nginx_forwards_what_we_rely_on(proxy):
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}

    got = requests.get(proxy, headers=forged, timeout=WAIT).text
    large = requests.post(proxy, data=bytes(60 * 1024 * 1024), timeout=WAIT)
    too_large = requests.post(proxy, data=bytes(65 * 1024 * 1024), timeout=WAIT)

    assert "X-Forwarded-For: 127.0.0.1\n" in got
    assert "X-Forwarded-Proto: http\n" in got
    assert (large.status_code, too_large.status_code) == (200, 413)
