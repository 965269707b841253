"""Forms as MIME allows them and clients send them (U47)."""

import hashlib
import io

import pytest
import requests
from PIL import Image

from tests.conftest import WAIT
from tests.sandbox.box import DOT, Box
from tests.sandbox.test_error_table import SENTENCES

HEAD = b'Content-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
WIDTH = b'Content-Disposition: form-data; name="w"\r\n\r\n2'
PNG = b'Content-Disposition: form-data; name="format"\r\n\r\npng'


def send(box: Box, body: bytes, boundary: str = "XX", key: str = "sandbox-forms"):
    kind = f"multipart/form-data; boundary={boundary}"
    headers = {"x-api-key": key, "Content-Type": kind}
    return requests.post(f"{box.url}/rmbg", data=body, headers=headers, timeout=WAIT)


def body(*parts: bytes, padding: bytes = b"") -> bytes:
    line = b"--XX" + padding + b"\r\n"
    return b"".join(line + part + b"\r\n" for part in parts) + b"--XX--\r\n"


def size(answer: requests.Response) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    return Image.open(io.BytesIO(answer.content)).size


@pytest.mark.parametrize(
    "preamble",
    [
        b"This is a multi-part message in MIME format.\r\n",
        b"MIME-Version: 1.0\r\nContent-Type: multipart/form-data; boundary=XX\r\n\r\n",
        b"\r\n\r\n",
        b"--\r\n--X\r\n--XY\r\n",
        b"padding " * 20_000 + b"\r\n",
    ],
    ids=["text", "mime-head", "empty-lines", "dashes", "160-kb"],
)
def test_u47_a_preamble_is_ignored(box: Box, preamble):
    assert size(send(box, preamble + body(HEAD + DOT, WIDTH))) == (2, 2)


@pytest.mark.parametrize("padding", [b" ", b"\t", b" \t" * 20], ids=["space", "tab", "many"])
def test_u47_padding_after_a_boundary_is_ignored(box: Box, padding):
    assert size(send(box, body(HEAD + DOT, WIDTH, padding=padding))) == (2, 2)


@pytest.mark.parametrize(
    "head",
    [
        b'Content-Disposition: form-data;\r\n name="image";\r\n filename="a.png"\r\n\r\n',
        b'Content-Disposition:\r\n\tform-data; name="image"; filename="a.png"\r\n\r\n',
        b'Content-Type: image/png\r\nContent-Disposition: form-data; name="image";\r\n   \r\n'
        b' filename="a.png"\r\n\r\n',
    ],
    ids=["spaces", "tab", "blank-fold"],
)  # fmt: skip
def test_u47_folded_lines_in_a_parts_head_are_joined(box: Box, head):
    assert size(send(box, body(head + DOT, WIDTH))) == (2, 2)


def test_u47_bytes_of_a_picture_that_look_folded_stay_as_they_are(box: Box, fresh):
    noise = b"\r\n \r\n\t--XX \r\n\r\n --X\r\n"
    data = DOT + noise

    send(box, body(HEAD + data, WIDTH), key=fresh)
    answer = send(
        box, (b"\r\n" + body(HEAD + data, WIDTH)).replace(b"\r\n--XX", b"\r\n--YY"), "YY", fresh
    )

    assert size(answer) == (2, 2)
    assert box.ledger(fresh)[0]["sha256"] == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("name", "status"),
    [
        (b"filename=\"a.png\"; filename*=UTF-8''%e2%82%ac.exe", 200),
        (b"filename*=UTF-8''%e2%82%ac.exe; filename=\"a.png\"", 200),
        (b"filename=\"a.exe\"; filename*=UTF-8''a.png", 400),
        (b"filename*=UTF-8''a%20b.png", 200),
        (b"filename*=UTF-8''a.exe", 400),
        (b'filename="12%22 vase.png"', 200),
        (b'filename="12\\" vase.png"', 200),
        (b"filename=a.png", 200),
    ],
)
def test_u47_the_plain_filename_counts_and_else_the_encoded_one(box: Box, name, status):
    head = b'Content-Disposition: form-data; name="image"; ' + name + b"\r\n\r\n"

    assert send(box, body(head + DOT)).status_code == status


@pytest.mark.parametrize("data", [DOT, b"", DOT + bytes(200_000)], ids=["dot", "empty", "200-kb"])
def test_u47_an_image_without_a_filename_is_no_file(box: Box, fresh, data):
    head = b'Content-Disposition: form-data; name="image"\r\nContent-Type: image/png\r\n\r\n'

    answer = send(box, body(head + data), key=fresh)

    assert (answer.status_code, answer.json()["error"]) == SENTENCES["no_image"]
    assert box.ledger(fresh) == []


@pytest.mark.parametrize("filename", ["format", "", "format.txt"])
def test_u47_a_parameter_that_comes_as_a_file_counts(box: Box, filename):
    part = b'Content-Disposition: form-data; name="%s"; filename="%s"\r\n\r\n%s'
    name = filename.encode()

    answer = send(
        box, body(HEAD + DOT, part % (b"format", name, b"png"), part % (b"w", name, b"2"))
    )

    assert answer.headers["Content-Type"] == "image/png"
    assert size(answer) == (2, 2)


def test_u47_a_wrong_parameter_that_comes_as_a_file_is_refused(box: Box):
    answer = requests.post(
        f"{box.url}/rmbg",
        files={"image": ("a.png", DOT), "w": "abc"},
        headers={"x-api-key": "sandbox-forms"},
        timeout=WAIT,
    )

    assert (answer.status_code, answer.json()["error"]) == SENTENCES["size_type"]


def test_u47_a_file_that_nobody_asked_for_is_dropped(box: Box):
    extra = b'Content-Disposition: form-data; name="mask_file"; filename="m.png"\r\n\r\n'

    assert size(send(box, body(extra + bytes(300_000), HEAD + DOT, WIDTH))) == (2, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no boundary at all",
        body(HEAD + DOT)[:-8],
        b"--XX\r\n" + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n",
        b"--XX\r\nNo header\r\n\r\nx\r\n--XX--",
    ],
    ids=["empty", "text", "no-end", "long-head", "no-header"],
)
def test_u35_what_is_no_form_is_refused(box: Box, content):
    answer = send(box, content)

    assert answer.status_code == 400
    assert answer.json()["status"] == 400
