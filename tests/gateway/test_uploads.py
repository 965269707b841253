"""What comes up the wire (promises U, P): refused before it costs, or passed on clean."""

import io
import itertools
import json
import socket
from datetime import timedelta

import pytest
import requests
from PIL import Image

from dashboard.removals.models import Removal, State
from tests.gateway.conftest import ANSWER, PICTURE
from tests.rembg import samples
from tests.rembg.refused import PICTURES
from tests.rembg.samples import GPS, exif_of, saved
from tests.removals.conftest import subject
from tests.waiting import WAIT, wait_until

MB = 1024 * 1024
CUT = (400, "cut", "The upload was cut off. Please try again.")


def said(answer):
    """Status, slug and sentence of a refusal, which cost nothing and says so."""
    document = answer.json()
    assert document["status"] == answer.status_code
    assert document["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["X-Credits-Charged"] == "0"
    return answer.status_code, document["code"], document["error"]


def part(name, value, filename=None):
    """One part of a form whose boundary is X."""
    more = b"" if filename is None else b'; filename="' + filename + b'"'
    head = b'--X\r\nContent-Disposition: form-data; name="' + name + b'"' + more
    return head + b"\r\n\r\n" + value + b"\r\n"


IMAGE = part(b"image", PICTURE, b"cat.png")
END = b"--X--\r\n"


def request(secret, body, *headers):
    """A whole request as bytes, its length told by `headers`."""
    lines = [
        b"POST /rmbg HTTP/1.1",
        b"Host: 127.0.0.1",
        b"x-api-key: " + secret.encode(),
        b"Content-Type: multipart/form-data; boundary=X",
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def parsed(raw):
    """Status and document of a raw answer."""
    head, _, body = raw.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


@pytest.fixture(autouse=True)
def _the_books_agree(gateway, stage):
    """After each test our rows say what was paid for, and nothing else."""
    yield
    wait_until(lambda: all(row.is_final for row in Removal.objects.all()), "the calls to end")
    assert Removal.objects.filter(charged="yes").count() == stage.paid
    assert Removal.objects.exclude(charged="yes").count() == 0


# ── Pictures that are not sent ───────────────────────────────────────────────
JPEG = saved("jpeg")


@pytest.mark.parametrize(
    "row", ["U4-png-signature", "U9-gif", "U12-wide", "U15-cut", "U20-animated", "U42-trailer"]
)
def test_pictures_that_would_be_a_credit_lost(gateway, stage, secret, row):
    image, name, code, sentence = PICTURES[row]

    assert said(gateway.call(secret, image, name=name)) == (400, code, sentence)
    assert not stage.bodies
    assert not Removal.objects.exists()


def test_u27_one_byte_more_than_50_mb(gateway, stage, secret):
    answer = gateway.call(secret, PICTURE + bytes(50 * MB + 1 - len(PICTURE)))

    sentence = "File size (50.0 MB) exceeds the maximum allowed size of 50 MB."
    assert said(answer) == (400, "file_size", sentence)
    assert not stage.bodies


def test_u26_50_mb_exactly_are_accepted(gateway, stage, secret):
    stage.play = lambda scene: (scene.take(), scene.give(ANSWER))
    head = subject("BMP", size=(60, 45))[:54]
    rows, row = divmod(50 * MB - len(head), 3 * 4000)
    size = 50 * MB
    largest = bytearray(head + bytes(size - len(head)))
    largest[2:6] = size.to_bytes(4, "little")
    largest[18:26] = (4000).to_bytes(4, "little") + rows.to_bytes(4, "little")

    answer = gateway.call(secret, bytes(largest), name="large.bmp")

    assert answer.status_code == 200, answer.text
    assert len(stage.bodies[0]) > 12000 * rows


# ── Pictures that are sent clean ─────────────────────────────────────────────
@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
def test_u17_metadata_never_leaves(gateway, stage, secret, kind):
    image = saved(kind, size=(60, 45), exif=exif_of(6))
    assert GPS.encode() in image

    answer = gateway.call(secret, image)

    assert answer.status_code == 200, answer.text
    (body,) = stage.bodies
    assert GPS.encode() not in body
    assert b"CANARY" not in body
    assert Removal.objects.get().orientation == 6


def test_u6_a_png_named_jpg_is_sent_as_what_it_is(gateway, stage, secret):
    answer = gateway.call(secret, name="photo.jpg")

    assert answer.status_code == 200
    assert b"Content-Type: image/png" in stage.bodies[0]
    assert b"photo.jpg" not in stage.bodies[0]


@pytest.mark.parametrize("tail", [b"<script>alert(1)</script>", b"PK\x03\x04" + bytes(90)])
def test_u10_what_hangs_behind_a_picture_stays_here(gateway, stage, secret, tail):
    answer = gateway.call(secret, JPEG + tail, name="cat.jpg")

    assert answer.status_code == 200
    assert tail not in stage.bodies[0]


def test_u14_a_single_pixel_is_a_picture(gateway, stage, secret):
    assert gateway.call(secret, saved("png", size=(1, 1))).status_code == 200


NAMES = {
    "U22-up": b"../../etc/passwd.png",
    "U22-windows": b"..\\..\\win.png",
    "U23-nul": b"a\x00b.png",
    "U23-bidi": "a\u202egnp.exe.png".encode(),
    "U24-300": b"n" * 296 + b".png",
    "U24-10000": ("ü" * 9996 + ".png").encode(),
    "U25-html": b"<img src=x onerror=alert(1)>.png",
    "U25-quote": b'a\\";filename=b.exe.png',
    "U25-formula": b"=cmd|calc.png",
    "U25-device": b"CON.png",
    "U25-emoji": "🐈.png".encode(),
    "U25-latin-1": b"caf\xe9.png",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_names_of_all_kinds(gateway, stage, secret, name):
    answer = gateway.send(secret, part(b"image", PICTURE, name) + END)

    assert answer.status_code == 200, answer.text
    removal = Removal.objects.get()
    assert 0 < len(removal.filename) <= 255
    assert removal.filename.isprintable()
    assert "/" not in removal.filename
    assert b'filename="image.png"' in stage.bodies[0]


def test_u25_a_name_that_is_only_given_encoded(gateway, stage, secret):
    disposition = b"form-data; name=\"image\"; filename*=UTF-8''caf%C3%A9%20noir.png"
    body = b"--X\r\nContent-Disposition: " + disposition + b"\r\n\r\n" + PICTURE + b"\r\n" + END

    answer = gateway.send(secret, body)

    assert answer.status_code == 200, answer.text
    assert Removal.objects.get().filename == "café noir.png"


# ── Forms ────────────────────────────────────────────────────────────────────
def test_u2_a_part_without_a_name(gateway, stage, secret):
    answer = gateway.send(secret, part(b"image", b"", b"") + END)

    assert said(answer)[:2] == (400, "no_file")


def test_u1_no_body_at_all(gateway, stage, secret):
    url, headers = f"{gateway.url}/rmbg", {"x-api-key": secret}

    assert said(requests.post(url, headers=headers, timeout=WAIT))[:2] == (400, "no_image")


@pytest.mark.parametrize("form", [END, b""], ids=["closed", "nothing"])
def test_u1_an_empty_form(gateway, stage, secret, form):
    status, code, _ = said(gateway.send(secret, form))

    assert (status, code) in ((400, "no_image"), (400, "cut"), (400, "malformed"))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"image": "aGVsbG8="}'),
        ("application/x-www-form-urlencoded", b"image=http://169.254.169.254/x.png"),
        ("image/png", PICTURE),
    ],
    ids=["json", "url", "bare"],
)
def test_u38_only_forms_are_read(gateway, stage, secret, kind, body):
    answer = gateway.send(secret, body, Content_Type=kind)

    sentence = "Please send the image as multipart/form-data."
    assert said(answer) == (415, "media_type", sentence)
    assert not stage.bodies


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", IMAGE + END),
        ("multipart/form-data; boundary=", IMAGE + END),
        ("multipart/form-data; boundary=" + "b" * 10240, IMAGE + END),
        ("multipart/form-data; boundary=X", b"not a form at all"),
        ("multipart/form-data; boundary=X", b"--X\r\n" + b"A" * 70000 + b"\r\n" + END),
    ],
    ids=["none", "empty", "10KB", "garbage", "endless-header"],
)
def test_u35_a_form_that_cannot_be_read(gateway, stage, secret, kind, body):
    answer = gateway.send(secret, body, Content_Type=kind)

    assert said(answer)[:2] == (400, "malformed")
    assert not stage.bodies


def test_u35_a_nested_form_is_no_picture(gateway, stage, secret):
    inner = b"--Y\r\n\r\n" + PICTURE + b"\r\n--Y--"

    assert said(gateway.send(secret, part(b"image", inner, b"a.png") + END))[0] == 400


def test_u35_a_picture_with_the_boundary_in_it(gateway, stage, secret):
    text = samples.chunk(b"tEXt", b"c\x00\r\n-X\r\n--\r\nX--")
    image = samples.with_chunks(PICTURE, text)

    assert gateway.send(secret, part(b"image", image, b"a.png") + END).status_code == 200
    assert PICTURE in stage.bodies[0]


def test_u36_two_pictures(gateway, stage, secret):
    answer = gateway.send(secret, IMAGE * 5 + END)

    sentence = "Please send one image per request."
    assert said(answer) == (400, "several_images", sentence)
    assert not stage.bodies


@pytest.mark.parametrize(
    "form",
    [part(b"x", b"1") * 1001, IMAGE + part(b"bg_color", b"r" * 70000), IMAGE * 101],
    ids=["1001-fields", "70KB-field", "101-files"],
)
def test_u36_more_than_any_form_has(gateway, stage, secret, form):
    assert said(gateway.send(secret, form + END))[0] == 400
    assert not stage.bodies


def test_u37_a_field_twice_has_no_meaning(gateway, stage, secret):
    form = IMAGE + part(b"w", b"1") + part(b"w", b"2") + part(b"w", b"3")

    answer = gateway.send(secret, form + END)

    assert said(answer) == (400, "repeated_field", "w was sent more than once.")
    assert not stage.bodies


def test_p12_fields_that_nobody_knows_are_dropped(gateway, stage, secret):
    answer = gateway.call(
        secret, api_base="http://evil.example", callback="x", return_base64="true", w=0, h=0
    )

    assert answer.status_code == 200
    for text in (b"evil", b"callback", b"return_base64", b'name="w"'):
        assert text not in stage.bodies[0]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        pytest.param({"w": "١٢"}, "'w' must be an integer, got: '١٢'", id="P3"),
        pytest.param({"mask": "maybe"}, "mask must be true or false.", id="P9"),
    ],
)
def test_fields_that_no_client_should_send(gateway, stage, secret, fields, sentence):
    answer = gateway.call(secret, **fields)

    assert said(answer)[::2] == (400, sentence)
    assert not stage.bodies


@pytest.mark.parametrize("form", ["PNG", "Jpeg", "webp"])
def test_p6_formats_in_any_case(gateway, stage, secret, form):
    answer = gateway.call(secret, format=form)

    assert answer.headers["Content-Type"] == f"image/{form.lower()}"
    assert Image.open(io.BytesIO(answer.content)).format == form.upper()
    assert answer.headers["Content-Length"] == str(len(answer.content))


# ── Forms as the standards allow them (U47) ──────────────────────────────────
PREAMBLES = {
    "text": b"This is a multi-part message in MIME format.\r\n" + IMAGE,
    "mime-head": b"MIME-Version: 1.0\r\nContent-Type: multipart/form-data\r\n\r\n" + IMAGE,
    "blank-lines": b"\r\n\r\n" + IMAGE,
    "padding": IMAGE.replace(b"--X\r\n", b"--X \t \r\n"),
    "folded": IMAGE.replace(b"form-data; name", b"form-data;\r\n\t  name"),
    "other-case": IMAGE.replace(
        b"Content-Disposition: form-data", b"CONTENT-disposition:Form-Data"
    ),
    "more-headers": IMAGE.replace(
        b"--X\r\n", b"--X\r\nX-A: ; name=no\r\nContent-Type: image/png\r\n"
    ),
    "bare-name": IMAGE.replace(b'name="image"', b"name=image"),
}


ENDS = [END, b"--X--", b"--X--  \r\nan epilogue\r\n--X\r\n"]


@pytest.mark.parametrize(
    ("form", "end"),
    list(zip(PREAMBLES.values(), itertools.cycle(ENDS), strict=False)),
    ids=PREAMBLES,
)
def test_u47_forms_that_the_standards_allow_are_read(gateway, stage, secret, form, end):
    answer = gateway.send(secret, form + part(b"w", b"50") + end)

    assert answer.status_code == 200, answer.text
    assert Image.open(io.BytesIO(answer.content)).width == 50
    assert PICTURE in stage.bodies[0]


U47_NAMES = {
    "browser": (b'filename="12%22 vase.png"', '12" vase.png'),
    "backslash": (b'filename="12\\" vase.png"', '12" vase.png'),
    "line-end": (b'filename="a%0D%0Ab.png"', "ab.png"),
    "percent-stays": (b'filename="100%25.png"', "100%25.png"),
    "both": (b"filename=\"caf.png\"; filename*=UTF-8''caf%C3%A9.png", "café.png"),
    "both-reversed": (b"filename*=utf-8'fr'caf%C3%A9.png; filename=caf.png", "café.png"),
    "latin-1": (b"filename*=iso-8859-1''caf%E9.png", "café.png"),
    "encoded-is-not-unescaped-twice": (b"filename*=UTF-8''a%2522.png", "a%22.png"),
    "unknown-charset": (b"filename=a.png; filename*=klingon''b.png", "a.png"),
    "semicolon": (b'filename="a; name=w.png"', "a; name=w.png"),
    "bare": (b"filename=a.png", "a.png"),
}


@pytest.mark.parametrize(("sent", "kept"), U47_NAMES.values(), ids=U47_NAMES)
def test_u47_a_file_keeps_the_name_that_was_chosen(gateway, stage, secret, sent, kept):
    form = IMAGE.replace(b'filename="cat.png"', sent)

    answer = gateway.send(secret, form + END)

    assert answer.status_code == 200, answer.text
    assert Removal.objects.get().filename == kept


FIELDS_AS_FILES = {
    "requests": part(b"format", b"png", b"format"),
    "with-a-type": part(b"format", b"png", b"blob").replace(
        b"\r\n\r\n", b"\r\nContent-Type: application/octet-stream\r\n\r\n"
    ),
    "without-a-name": part(b"format", b"png", b""),
    "encoded-name": part(b"format", b"png", b"x").replace(b"filename=", b"filename*=UTF-8''x; f="),
}


@pytest.mark.parametrize("field", FIELDS_AS_FILES.values(), ids=FIELDS_AS_FILES)
def test_u47_a_parameter_sent_as_a_file_counts(gateway, stage, secret, field):
    answer = gateway.send(secret, field + IMAGE + END)

    assert answer.headers["Content-Type"] == "image/png"


def test_u47_a_parameter_sent_as_a_large_file_is_refused(gateway, stage, secret):
    answer = gateway.send(secret, part(b"format", bytes(70_000), b"a.bin") + IMAGE + END)

    assert said(answer)[:2] == (400, "fields")


def test_u37_a_parameter_sent_as_text_and_as_a_file_is_sent_twice(gateway, stage, secret):
    form = part(b"format", b"png", b"format") + part(b"format", b"webp")

    assert said(gateway.send(secret, IMAGE + form + END))[:2] == (400, "repeated_field")


AS_TEXT = "The image was sent as a text field. Please send it as a file, with a filename."
ELSEWHERE = "A file was found in the field '{}'. The field must be named 'image'."


@pytest.mark.parametrize(
    ("form", "code", "sentence"),
    [
        (part(b"image", PICTURE), "image_as_text", AS_TEXT),
        (part(b"image", b"data:image/png;base64,AAAA"), "image_as_text", AS_TEXT),
        (part(b"image", b"https://example.com/cat.png"), "image_as_text", AS_TEXT),
        (part(b"file", PICTURE, b"cat.png"), "other_field", ELSEWHERE.format("file")),
        (part(b"image_file", PICTURE, b"a.png"), "other_field", ELSEWHERE.format("image_file")),
        (part(b"Image", PICTURE, b"a.png"), "other_field", ELSEWHERE.format("Image")),
        (part(b"<b>", PICTURE, b"a.png"), "other_field", ELSEWHERE.format("<b>")),
    ],
    ids=["bytes", "data-url", "address", "file", "image_file", "other-case", "markup"],
)
def test_u47_what_is_refused_says_what_is_wrong(gateway, stage, secret, form, code, sentence):
    answer = gateway.send(secret, form + END)

    assert said(answer) == (400, code, sentence)
    assert b"<" not in answer.content
    assert not stage.bodies


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "api/remove"),
        ("POST", "api/rmbg/"),
        ("GET", "v1/removebg"),
        ("PUT", "v1.0/removebg/"),
        ("POST", "rmbg/"),
    ],
)
def test_addresses_tried_by_mistake_name_the_right_one(gateway, stage, secret, method, path):
    headers = {"x-api-key": secret}
    url = f"{gateway.url}/{path}"
    files = {"file": PICTURE} if method == "POST" else None

    answer = requests.request(
        method, url, headers=headers, files=files, timeout=WAIT, allow_redirects=False
    )

    sentence = "This address does not exist. Send POST /rmbg with the file in the field 'image'."
    assert said(answer) == (404, "wrong_address", sentence)


# ── Lengths ──────────────────────────────────────────────────────────────────
def test_u33_a_chunked_body_is_read(gateway, stage, secret):
    big = subject("BMP", size=(700, 700))
    body = part(b"image", big, b"cat.bmp") + part(b"format", b"png") + END
    pieces = (body[start : start + 7001] for start in range(0, len(body), 7001))

    answer = gateway.send(secret, pieces)

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "image/png"
    assert big in stage.bodies[0]


def test_u33_a_chunked_body_that_breaks_off(gateway, stage, secret):
    chunk = b"%x\r\n%s\r\n" % (len(IMAGE) // 2, IMAGE[: len(IMAGE) // 2])

    raw = gateway.raw(request(secret, chunk, b"Transfer-Encoding: chunked"), close=True)

    # Where the server can still be heard at all.
    if raw:
        assert parsed(raw)[1]["code"] == "cut"
    assert not stage.bodies


def test_u28_more_than_64_mb_is_refused_unread(gateway, stage, secret):
    raw = gateway.raw(request(secret, b"", b"Content-Length: %d" % (64 * MB + 1)), timeout=5)

    sentence = "This upload is larger than 64 MB. No credit was spent."
    status, document = parsed(raw)
    assert (status, document["code"], document["error"]) == (413, "body_size", sentence)


def test_u28_a_chunked_body_without_end_is_not_read_to_it(gateway, stage, secret):
    head = part(b"image", b"", b"cat.png")[:-2]
    sent = 0

    def endless():
        nonlocal sent
        yield head
        for _ in range(300):
            sent += MB
            yield bytes(MB)

    try:
        answer = gateway.send(secret, endless())
    except requests.ConnectionError:
        answer = None  # The server stopped listening while we were still speaking.

    if answer is not None:
        assert said(answer)[:2] == (413, "body_size")
    assert sent < 160 * MB  # As much again is taken off the wire, so that its sender hears why.
    assert not stage.bodies


def test_u30_a_body_that_is_shorter_than_it_said(gateway, stage, secret):
    length = b"Content-Length: %d" % (len(IMAGE + END) + 100)

    raw = gateway.raw(request(secret, IMAGE[:-50], length), close=True)

    if raw:
        status, document = parsed(raw)
        assert (status, document["code"], document["error"]) == CUT
    assert not stage.bodies
    assert not Removal.objects.exists()


def test_u30_a_body_without_its_last_line(gateway, stage, secret):
    assert said(gateway.send(secret, IMAGE)) == CUT


def test_u31_a_body_that_is_longer_than_it_said(gateway, stage, secret):
    raw = gateway.raw(request(secret, IMAGE + END, b"Content-Length: %d" % (len(IMAGE) // 2)))

    assert raw.startswith(b"HTTP/1.1 400")
    assert not stage.bodies


@pytest.mark.parametrize(
    "headers",
    [
        (b"Content-Length: -5",),
        (b"Content-Length: 10", b"Content-Length: 20"),
        (b"Content-Length: ten",),
    ],
    ids=["negative", "two", "word"],
)
def test_u32_lengths_that_are_none(gateway, stage, secret, headers):
    raw = gateway.raw(request(secret, IMAGE + END, *headers), timeout=5)

    assert raw.startswith(b"HTTP/1.1 400")
    assert not stage.bodies


# ── Before the body, and after it ────────────────────────────────────────────
def test_a_body_is_not_read_for_a_key_that_opens_nothing(gateway, stage, secret):
    """Promises 0.8: the headers are enough to say no."""
    wrong = "rbk_" + "0" * 49

    raw = gateway.raw(request(wrong, b"--X\r\n", b"Content-Length: 50000000"), timeout=2)

    assert parsed(raw)[1]["code"] == "bad_key"


def test_a_client_that_sends_20_mb_with_a_wrong_key_is_told(gateway, stage, secret):
    answers = []
    for _ in range(5):
        try:
            answers.append(gateway.call("rbk_" + "0" * 49, bytes(20 * MB)).status_code)
        except requests.ConnectionError:
            answers.append(0)

    assert answers == [401] * 5


def test_u40_r24_what_a_client_that_left_has_paid_for_is_kept_for_a_day(
    gateway, stage, secret, client, mel, settings
):
    body = IMAGE + END
    link = socket.create_connection(("127.0.0.1", gateway.port), timeout=WAIT)
    with stage.holding(), link:
        link.sendall(request(secret, body, b"Content-Length: %d" % len(body)))
        stage.wait_for(1)

        link.shutdown(socket.SHUT_RDWR)
        link.close()
        for _ in range(3):  # What comes later is heard later.
            requests.get(f"{gateway.url}/healthz", timeout=WAIT)
    wait_until(lambda: Removal.objects.get().is_final, "the call to end")
    removal = Removal.objects.get()
    assert (removal.state, removal.charged) == (State.DONE, "yes")
    assert len(stage.bodies) == 1
    assert [notice["code"] for notice in removal.notices] == ["caller_left"]
    assert timedelta(hours=23) < removal.keep_until - removal.queued_at < timedelta(hours=25)
    assert removal.has_files
    client.force_login(mel)
    page = client.get(f"/teams/acme/removals/{removal.pk}/").content.decode()
    assert "had gone before the picture could be answered" in page
