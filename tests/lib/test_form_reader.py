"""Forms are read the same wherever a boundary falls on the reader's blocks (promises U35, U47)."""

import io

import pytest

from dashboard.lib.form_reader import BLOCK, Slice, UnreadableForm, boundary_of, read

CONTENT = b"DATA\r\n--XY\r\n--X.\r\n-"
FORM = (
    b"\r\n--X  \r\nContent-Disposition: form-data;\r\n name=image; filename=a.png\r\n\r\n"
    + CONTENT
    + b'\r\n--X\r\nContent-Disposition: form-data; name="w"\r\n\r\n12\r\n--X--\r\n'
)


def form_of(body):
    return read(io.BytesIO(body), b"X", file="image", fields={"w"})


def test_u47_a_boundary_may_fall_on_the_end_of_a_block():
    for shift in range(-len(FORM) - 5, 5):
        form = form_of(bytes(BLOCK + shift) + FORM)

        assert [part.content.read() for part in form.files] == [CONTENT], shift
        assert form.texts == [("w", "12")], shift


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "malformed"),
        (b"no form", "malformed"),
        (b"--X\r\nA\r\n--X--", "malformed"),
        (b"--X", "malformed"),
        (b"--X\r\n", "cut"),
        (FORM[:-5], "cut"),
        (FORM[:60], "cut"),
        (b"--X\r\n\r\n\r\n" * 42 + b"--X--", "fields"),
    ],
)
def test_u35_what_is_no_form_says_why(body, code):
    with pytest.raises(UnreadableForm) as found:
        form_of(body)

    assert found.value.code == code


@pytest.mark.parametrize(
    ("kind", "boundary"),
    [
        ("multipart/form-data; boundary=X", b"X"),
        ('multipart/form-data; charset=utf-8; BOUNDARY="a b;c"', b"a b;c"),
        ("multipart/form-data; boundary = X ; a=b", b"X"),
    ],
)
def test_u47_a_boundary_in_all_its_spellings(kind, boundary):
    assert boundary_of(kind) == boundary


def test_a_slice_is_a_file_of_its_own():
    piece = Slice(io.BytesIO(b"0123456789"), 2, 7)

    assert (piece.seek(0, io.SEEK_END), piece.read()) == (5, b"")
    assert (piece.seek(1), piece.read(2), piece.tell(), piece.read()) == (1, b"34", 3, b"56")
