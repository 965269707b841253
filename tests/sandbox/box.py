"""A sandbox in a process of its own, and the pictures that are sent to it."""

import io
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from PIL import Image, ImageDraw

from tests.conftest import WAIT

ROOT = Path(__file__).resolve().parents[2]
MODEL = ROOT / "var" / "models" / "u2netp.onnx"
GROUND, SUBJECT = (225, 228, 232), (190, 30, 40)


def unix(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())


# When the accounts with a history were first seen, where a test says so (fixture `seen`).
SEEN = unix(2026, 11, 20, 10, 20, 30)


class Box:
    """A running sandbox."""

    def __init__(
        self,
        folder: Path,
        model: Path = MODEL,
        command: tuple[str, ...] = ("-m", "dashboard.sandbox"),
        **environment: str,
    ) -> None:
        self.log_file = folder / "log"
        settings = {"DATA_DIR": str(folder), "SANDBOX_PORT": "0", "SANDBOX_MODEL": str(model)}
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=ROOT,
                env={**os.environ, **settings, **environment},
                stdout=subprocess.PIPE,
                stderr=log,
            )
        line = self.process.stdout.readline().decode()
        self.url = re.search(r"listening on (http://\S+)", line)[1]
        self.port = int(self.url.rpartition(":")[2])

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Ask it to end as an operator does, and return its exit code."""
        self.process.send_signal(how)
        code = self.process.wait(timeout=WAIT)
        self.process.stdout.close()
        return code

    @property
    def peak(self) -> int:
        """The most memory that it had so far, in MB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) // 1024

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def processor_seconds(self) -> float:
        """Return how many seconds of a processor it has taken so far."""
        numbers = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")

    def remove(
        self,
        image: bytes | None,
        key: str = "sandbox-tests",
        name: str = "a.png",
        headers: dict | None = None,
        **fields: str,
    ) -> requests.Response:
        files = {} if image is None else {"image": (name, image)}
        parts = {**files, **{field: (None, value) for field, value in fields.items()}}
        return requests.post(
            f"{self.url}/rmbg",
            files=parts or {"nothing": (None, "")},
            headers={"x-api-key": key, **(headers or {})},
            timeout=WAIT,
        )

    def picture(self, image: bytes, **fields: str) -> Image.Image:
        """The result of a removal, which must succeed."""
        answer = self.remove(image, **{"format": "png", **fields})
        assert answer.status_code == 200, answer.text
        result = Image.open(io.BytesIO(answer.content))
        assert answer.headers["Content-Type"] == Image.MIME[result.format]
        return result

    def usage(self, key: str = "sandbox-tests", **query: Any) -> requests.Response:
        return requests.get(
            f"{self.url}/api/membership-usage",
            params=query,
            headers={"x-api-key": key},
            timeout=WAIT,
        )

    def cycle(self, key: str) -> dict[str, Any]:
        return self.usage(key, expand="billing_cycle").json()["billingCycle"]

    def cycles(self, key: str) -> list[dict[str, int]]:
        return self.usage(key, listBillingCycles=1).json()["billingCycles"]

    def window(self, key: str, start: int) -> dict[str, Any]:
        """What is told of the window that began at this second."""
        answer = self.usage(key, periodStartUnix=start, expand="billing_cycle")
        return answer.json()["billingCycle"]

    def told_end(self, key: str, listed: dict[str, int]) -> int:
        """The last second of a listed window, as it is told."""
        return self.window(key, listed["periodStartUnix"])["periodEndUnix"]

    def set_clock(self, key: str, now: int | None) -> dict[str, Any]:
        return self._control("PUT", "clock", {"key": key, "now": now})

    def set_account(self, key: str, **values: Any) -> dict[str, Any]:
        return self._control("PUT", "accounts", {"key": key, **values})

    def reset(self, key: str | None) -> None:
        self._control("POST", "reset", {"key": key})

    def ledger(self, key: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/sandbox/ledger", params={"key": key}, timeout=WAIT)
        return answer.json()["charges"]

    def raw(self, *parts: bytes, close: bool = True) -> bytes:
        """Everything that comes back for these bytes, until the sandbox closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=WAIT) as link:
            for part in parts:
                link.sendall(part)
            if close:
                link.shutdown(socket.SHUT_WR)
            answer = b""
            while part := link.recv(65536):
                answer += part
            return answer

    def _control(self, method: str, name: str, content: dict) -> dict[str, Any]:
        answer = requests.request(method, f"{self.url}/sandbox/{name}", json=content, timeout=WAIT)
        assert answer.status_code == 200, answer.text
        return answer.json()


def used(cycle: dict[str, int]) -> int:
    """Included credits that a listed or told window counted."""
    return cycle["appUsage"] + cycle["apiUsage"]


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def scene(width: int = 240, height: int = 160) -> Image.Image:
    """A red disc on light grey, left of the middle."""
    picture = Image.new("RGB", (width, height), GROUND)
    radius = min(width, height) * 0.25
    x, y = width * 0.3, height * 0.5
    ImageDraw.Draw(picture).ellipse((x - radius, y - radius, x + radius, y + radius), SUBJECT)
    return picture


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    size: tuple[int, int], depth: int, color: int, row: bytes, *chunks: tuple[bytes, bytes]
) -> bytes:
    """A PNG of one row again and again; `color` is its colour type, 0 to 6."""
    packer = zlib.compressobj(9)
    pixels = b"".join(packer.compress(b"\0" + row) for _ in range(size[1])) + packer.flush()
    header = struct.pack(">IIBBBBB", *size, depth, color, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


SCENE = encoded(scene())
DOT = encoded(Image.new("RGB", (4, 4), SUBJECT))


def form(fields: dict[str, bytes], image: bytes | None = None) -> tuple[bytes, bytes]:
    """A multipart body and its content type, for raw sockets."""
    parts = [
        b'--XX\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)
        for name, value in fields.items()
    ]
    if image is not None:
        head = b'--XX\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        parts.append(head + image + b"\r\n")
    return b"".join(parts) + b"--XX--\r\n", b"multipart/form-data; boundary=XX"


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower-case) and body of a raw answer, interim answers skipped."""
    head, _, body = answer.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        return parsed(body)
    first, *lines = head.decode().split("\r\n")
    pairs = (line.split(": ", 1) for line in lines)
    return int(first.split()[1]), {name.lower(): value for name, value in pairs}, body


def error(answer: bytes) -> str:
    return json.loads(parsed(answer)[2])["error"]
