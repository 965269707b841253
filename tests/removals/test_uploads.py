"""What is refused before it costs a credit, in whose words; and what is kept of what is taken."""

import io
import zipfile
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT
from PIL import Image

from dashboard.removals import files
from dashboard.removals.models import Removal
from tests.rembg import samples
from tests.rembg.refused import FIELDS, PICTURES, SENTENCES, problem
from tests.removals.conftest import JSON, REMOVALS, subject

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("row", PICTURES)
def test_a_picture_that_cannot_work_is_refused_before_it_costs(desk, row):
    content, name, _code, sentence = PICTURES[row]

    answer = desk.send(content, name)

    assert answer.status_code == 400
    assert answer.json()["error"] == sentence
    assert answer.json()["details"] == [{"field": "image", "message": sentence}]
    assert not Removal.objects.exists()
    assert not stored()


def stored() -> list[str]:
    """Every file that is kept."""
    return [
        f"{kind}/{team}/{name}"
        for kind in files.KINDS
        for team in files._listed(kind, folders=True)
        for name in files._listed(f"{kind}/{team}")
    ]


def test_u1_without_a_picture_the_contract_speaks(desk):
    answer = desk.send(None, format="png")

    sentence = "No image file provided. Please include an 'image' field in your form data."
    assert (answer.status_code, answer.json()["error"]) == (400, sentence)


@pytest.mark.parametrize("filename", ["", ".", ".."])
def test_u2_a_file_without_a_name_is_a_file_not_chosen(desk, filename):
    body = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="{filename}"'
        f"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n--{BOUNDARY}--\r\n"
    )

    answer = desk.browser.generic(
        "POST", REMOVALS, body, content_type=MULTIPART_CONTENT, headers=JSON
    )

    sentence = "No file selected. Please choose an image file to upload."
    assert (answer.status_code, answer.json()["error"]) == (400, sentence)


def test_u10_what_hangs_behind_a_picture_is_not_kept(desk):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as tail:
        tail.writestr("CANARY.txt", "CANARY")

    removal = desk.queue(subject("JPEG") + archive.getvalue(), "a.jpg")

    with files.opened(removal.picture) as kept:
        assert b"CANARY" not in kept.read()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(subject("WEBP") + b"\n", "a.webp", id="U45-newline-behind-webp"),
        pytest.param(subject("JPEG")[:-2] + b"\0\0SEFHCANARY SEFT", "a.jpg", id="U45-no-eoi"),
        pytest.param(
            samples.with_segments(subject("JPEG"), bytes(4), b"\xff" * 999),
            "a.jpg",
            id="U45-padding-between-segments",
        ),
    ],
)
def test_what_browsers_show_is_taken_and_kept_clean(desk, content, name):
    removal = desk.queue(content, name)

    with files.opened(removal.picture) as kept:
        assert kept.read() == subject("WEBP" if name.endswith("webp") else "JPEG")


def test_u11_the_largest_picture_there_may_be_is_accepted(desk):
    removal = desk.queue(samples.header_png(10_000, 10_000), "a.png")

    assert (removal.width, removal.height) == (10_000, 10_000)


def test_u17_where_and_with_what_a_picture_was_taken_is_not_kept(desk):
    removal = desk.queue(subject("JPEG", exif=samples.exif_of(6)), "phone.jpg")

    with files.opened(removal.picture) as kept:
        content = kept.read()
    assert b"CANARY" not in content
    assert samples.GPS.encode() not in content
    assert removal.orientation == 6


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        pytest.param("../../etc/passwd.png", "passwd.png", id="U22-path"),
        pytest.param("..\\..\\win.png", "win.png", id="U22-backslashes"),
        pytest.param("a\u202egnp.exe.png", "agnp.exe.png", id="U23-bidi"),
        pytest.param("x" * 300 + ".png", None, id="U24-long"),
        pytest.param(
            "<img src=x onerror=alert(1)>.png", "<img src=x onerror=alert(1)>.png", id="U25"
        ),
    ],
)
def test_a_name_is_kept_as_far_as_it_is_harmless(desk, sent, kept):
    removal = desk.queue(subject(), sent)

    assert removal.filename == (kept or removal.filename)
    assert len(removal.filename) <= 255
    assert len(removal.shown_name) <= 80
    page = desk.browser.get(f"{REMOVALS}{removal.pk}/").content.decode()
    assert "<img src=x onerror" not in page


def test_u26_fifty_megabytes_are_accepted(desk):
    bmp = io.BytesIO()
    Image.new("RGB", (4096, 4266)).save(bmp, "BMP")
    content = bmp.getvalue()
    assert 49 * MEGABYTE < len(content) <= 50 * MEGABYTE

    assert desk.send(content, "a.bmp").status_code == 201


def test_u27_one_byte_more_is_refused_in_the_contracts_words_and_not_kept(desk, settings):
    answer = desk.send(subject() + b"\0" * (50 * MEGABYTE), "a.png")

    assert answer.status_code == 400
    sentence = "File size (50.0 MB) exceeds the maximum allowed size of 50 MB."
    assert answer.json()["error"] == sentence
    assert not list(settings.FILE_UPLOAD_TEMP_DIR.iterdir())


@pytest.mark.parametrize("headers", [JSON, {}], ids=["json", "page"])
def test_u28_a_body_above_64_mb_is_not_even_read(desk, headers):
    answer = desk.browser.generic(
        "POST",
        REMOVALS,
        b"",
        content_type=MULTIPART_CONTENT,
        headers=headers,
        CONTENT_LENGTH=str(64 * MEGABYTE + 1),
    )

    assert answer.status_code == 413
    assert "larger than 64 MB" in answer.content.decode()
    if headers:
        assert answer.json()["status"] == 413


def test_u30_an_upload_that_breaks_off_is_told_as_such(desk):
    content = b"".join(
        [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; '.encode(),
            b'filename="a.png"\r\nContent-Type: image/png\r\n\r\n',
            subject()[:500],
        ]
    )

    answer = desk.browser.generic(
        "POST", REMOVALS, content, content_type=MULTIPART_CONTENT, headers=JSON
    )

    assert answer.status_code == 400
    assert answer.json()["error"] == "The upload was cut off. Please try again."


def test_u35_a_form_without_a_boundary_is_refused(desk):
    answer = desk.browser.post(
        REMOVALS, b"x" * 50, content_type="multipart/form-data", headers=JSON
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize("count", [2, 5])
def test_u36_more_than_one_picture_is_refused(desk, count):
    images = [SimpleUploadedFile(f"{n}.png", subject()) for n in range(count)]

    answer = desk.browser.post(REMOVALS, {"image": images}, headers=JSON)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Please send one image per request."


def test_u36_a_thousand_fields_are_refused(desk):
    answer = desk.send(subject(), **{f"field{n}": "1" for n in range(1001)})

    assert (answer.status_code, answer.json()["code"]) == (400, "fields")


def test_u37_a_field_sent_twice_has_no_meaning(desk):
    image = SimpleUploadedFile("a.png", subject())

    answer = desk.browser.post(REMOVALS, {"image": image, "w": ["1", "2", "3"]}, headers=JSON)

    problem = {"field": "w", "message": "w was sent more than once."}
    assert (answer.status_code, answer.json()["details"]) == (400, [problem])


def test_u38_a_picture_in_json_is_refused(desk):
    answer = desk.browser.post(
        REMOVALS, {"image": "aGVsbG8="}, content_type="application/json", headers=JSON
    )

    assert answer.status_code == 415
    assert answer.json()["error"] == "Please send the image as multipart/form-data."


def test_u39_the_same_form_twice_is_one_removal(desk, sandbox):
    nonce = str(uuid4())
    first = desk.queue(format="png", nonce=nonce)

    again = desk.queue(format="png", nonce=nonce)
    desk.work(first, rounds=2)

    assert again.pk == first.pk
    assert desk.queue(format="png", nonce=nonce).state == "done"
    assert len(stored()) == 3  # One original, one result, one preview.


def test_u39_a_nonce_that_comes_back_with_another_picture_is_another_removal(desk):
    nonce = str(uuid4())

    first = desk.queue(subject(), nonce=nonce)
    second = desk.queue(subject(size=(300, 200)), nonce=nonce)

    assert first.pk != second.pk


@pytest.mark.parametrize("code", FIELDS)
def test_a_wrong_parameter_is_named_in_the_contracts_words(desk, code):
    answer = desk.send(subject(), **FIELDS[code])

    assert (answer.status_code, answer.json()["error"]) == (400, SENTENCES[code])
    assert problem(code) in answer.json()["details"]
    assert not Removal.objects.exists()


def test_p1_zero_is_not_set(desk):
    assert desk.queue(w="0", h="0").asked.w is None


def test_p11_every_wrong_field_is_named_at_once(desk):
    answer = desk.send(b"", w="abc", angle="500", format="gif").json()

    assert answer["error"] == "Multiple validation errors"
    assert {problem["field"] for problem in answer["details"]} == {"w", "angle", "format", "image"}


def test_p12_an_unknown_field_goes_nowhere(desk):
    removal = desk.queue(api_base="http://evil", callback="x")

    assert "evil" not in str(removal.parameters)


def test_a_box_of_the_page_that_is_not_ticked_is_off(desk):
    shown = {"boxes": "shown"}

    assert desk.queue(**shown).asked.expand is False
    assert desk.queue(**shown, expand="true").asked.expand is True
    assert desk.queue().asked.expand is True


def test_r17_a_queue_has_an_end(desk, settings):
    settings.QUEUE_LIMIT = 2
    desk.queue()
    desk.queue()

    answer = desk.send(subject())

    assert (answer.status_code, answer.json()["code"]) == (429, "busy")
    assert answer["Retry-After"]
    assert len(stored()) == 2


def test_without_a_key_a_picture_is_not_taken(desk, key):
    key.delete()

    answer = desk.send(subject())

    assert (answer.status_code, answer.json()["code"]) == (409, "no_key")
    assert "Once an admin has added a RemBG key" in desk.browser.get(REMOVALS).content.decode()


def test_t1_the_account_of_another_team_cannot_be_chosen(desk, evil):
    theirs = evil.accounts.create(label="Theirs")

    answer = desk.send(subject(), account=str(theirs.pk))

    assert answer.status_code == 400
    assert answer.json()["details"][0]["field"] == "account"
