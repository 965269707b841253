"""The F rows of promises 2.6 in which RemBG breaks off, stalls, or answers something else.

One table: the client meets each row, and the gateway those that differ for a program.
"""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.rembg.conftest import drawn
from tests.rembg.hostile import Line, always, http

Script = Callable[[Line], None]
WEBP = "image/webp"
CUTOUT = drawn(640, 480, "WEBP")
UNKNOWN, ANSWERED = "unknown", "yes"


@dataclass(frozen=True)
class Fault:
    """What RemBG does to a call, what it is called, and whether all of it had left."""

    script: Script
    code: str
    sent: str = UNKNOWN
    is_large: bool = False  # A picture that the kernel does not take for a server that is deaf.
    is_slow: bool = False  # It ends with a deadline only.


def heard(then: Script) -> Script:
    """Return a script that reads the whole request first."""

    def script(line: Line) -> None:
        line.request()
        then(line)

    return script


def resets_an_upload(line: Line) -> None:
    line.head()
    line.sock.recv(65536)
    line.reset()


def stops_reading(line: Line) -> None:
    line.head()
    line.wait()


def reads_in_drips(line: Line) -> None:
    line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.head()
    while not line.server.over.wait(0.02) and line.sock.recv(4096):
        pass


def short(*pieces: bytes, ends: Script = lambda line: None) -> Script:
    """Return what sends the pieces, and ends a moment later."""

    def then(line: Line) -> None:
        line.send(*pieces)
        time.sleep(0.05)
        ends(line)

    return heard(then)


CHUNKED = (
    http(200, Content_Type=WEBP, Content_Length=None, Transfer_Encoding="chunked"),
    b"%x\r\n%b\r\n" % (100, CUTOUT[:100]),
)
CUT = (http(200, CUTOUT[:100], Content_Type=WEBP, Content_Length=len(CUTOUT)),)


def drips(head: bytes, rest: bytes) -> Script:
    def then(line: Line) -> None:
        line.send(head)
        for byte in rest:
            if line.server.over.wait(0.02):
                return
            line.send(bytes([byte]))

    return heard(then)


def sends(*pieces: bytes, times: int = 0) -> Script:
    """Return what sends the pieces and then so many million bytes, and stays."""

    def then(line: Line) -> None:
        line.send(*pieces)
        for _ in range(times):
            line.send(bytes(1_000_000))
        line.wait()

    return heard(then)


def sends_a_bomb(line: Line) -> None:
    bomb = gzip.compress(bytes(101_000_000), 1)
    line.send(http(200, bomb, Content_Type=WEBP, Content_Encoding="gzip"))
    line.wait()


def goes_on(line: Line) -> None:
    while not line.server.over.is_set():
        line.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)


def answers(body: bytes, label: str | None = None, **headers: Any) -> Script:
    return always(http(200, body, Content_Type=label, **headers))


def wrong(body: bytes, label: str | None = None) -> Fault:
    return Fault(answers(body, label), "wrong_answer", ANSWERED)


def too_large(script: Script) -> Fault:
    return Fault(script, "answer_too_large", ANSWERED)


PNG = drawn(64, 48, "PNG")
FAULTS = {
    "F4-reset": Fault(resets_an_upload, "upload_cut", is_large=True),
    "F4-not-read": Fault(stops_reading, "upload_cut", is_large=True, is_slow=True),
    "F4-F9-read-in-drips": Fault(reads_in_drips, "upload_cut", is_large=True, is_slow=True),
    "F5-closed": Fault(heard(lambda line: None), "no_answer"),
    "F5-reset": Fault(heard(Line.reset), "no_answer"),
    "F6-silence": Fault(heard(Line.wait), "answer_timeout", is_slow=True),
    "F7-closed": Fault(short(*CUT), "short_answer"),
    "F7-reset": Fault(short(*CUT, ends=Line.reset), "short_answer"),
    "F7-chunked-closed": Fault(short(*CHUNKED), "short_answer"),
    "F7-chunked-reset": Fault(short(*CHUNKED, ends=Line.reset), "short_answer"),
    "F8-cut": Fault(answers(CUTOUT[:-40], WEBP, Content_Length=None), "cut_picture", ANSWERED),
    "F9-status": Fault(drips(b"HTTP/1.1 200 ", b"O" * 500), "deadline_passed", is_slow=True),
    "F9-headers": Fault(
        drips(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 90), "deadline_passed", is_slow=True
    ),
    "F9-body": Fault(
        drips(http(200, Content_Type=WEBP, Content_Length=10_000), CUTOUT * 9),
        "deadline_passed",
        is_slow=True,
    ),
    "F10-html": wrong(b"<html>Welcome</html>", "text/html"),
    "F10-json": wrong(b'{"result": "ok"}', "application/json"),
    "F10-empty": wrong(b"", WEBP),
    "F10-empty-without-type": wrong(b""),
    "F10-text-as-picture": wrong(b"not a picture", WEBP),
    "F10-png-as-webp": wrong(PNG, WEBP),
    "F10-png": wrong(PNG, "image/png"),
    "F11-announced": too_large(sends(http(200, Content_Type=WEBP, Content_Length=500_000_000))),
    "F11-endless": too_large(sends(http(200, Content_Type=WEBP, Content_Length=None), times=500)),
    "F11-gzip": too_large(heard(sends_a_bomb)),
    "F24-101-headers": Fault(
        always(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 101 + b"\r\n"), "not_http"
    ),
    "F24-64-KB-header": Fault(
        always(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n"), "not_http"
    ),
    "F24-not-http": Fault(always(b"SSH-2.0-OpenSSH_9.2\r\n" * 3), "not_http"),
    "F24-zeros": Fault(always(b"\0" * 100), "not_http"),
    "F24-without-end": Fault(heard(goes_on), "not_http"),
}


def each(*names: str) -> pytest.MarkDecorator:
    """Return what runs a test with these faults, or with all."""
    found = [pytest.param(FAULTS[name], id=name) for name in names or FAULTS]
    return pytest.mark.parametrize("fault", found)
