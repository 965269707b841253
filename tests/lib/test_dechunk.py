"""Chunked bodies reach the application with a length, or not at all (SAFETY finding 7)."""

from io import BytesIO

import pytest

from dashboard.lib.dechunk import MAX_BODY, dechunked


class Endless:
    """A body without an end that counts how often it was asked."""

    asked = 0

    def read(self, size: int) -> bytes:
        self.asked += 1
        return b"x" * size


class Breaking:
    """A body whose connection breaks."""

    def read(self, size: int) -> bytes:
        raise ConnectionResetError


def application(environ, start_response):
    """Answer what it was given."""
    length = environ.get("CONTENT_LENGTH", "none")
    start_response("200 OK", [])
    return [length.encode(), b" ", environ["wsgi.input"].read(), b" "]


def call(body, **environ) -> bytes:
    given = {"wsgi.input": body, **environ}
    answer = dechunked(application)(given, lambda status, headers: None)
    try:
        return b"".join(answer)
    finally:
        if hasattr(answer, "close"):
            answer.close()


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "HTTP_COOKIE": "sid=1"}


def test_u33_a_chunked_body_has_a_length():
    assert call(BytesIO(b"hello"), **CHUNKED) == b"5 hello "


def test_a_plain_body_passes_untouched():
    assert call(BytesIO(b"hello"), CONTENT_LENGTH="5") == b"5 hello "


def test_s1_a_length_beside_chunks_is_not_believed():
    assert call(BytesIO(b"hello"), **CHUNKED, CONTENT_LENGTH="2") == b"5 hello "


@pytest.mark.parametrize("name", ["HTTP_X_API_KEY", "HTTP_AUTHORIZATION"])
def test_a_key_is_worth_a_body(name):
    assert call(BytesIO(b"hi"), HTTP_TRANSFER_ENCODING="Chunked", **{name: "k"}) == b"2 hi "


def test_without_credentials_a_body_is_not_read():
    body = Endless()

    assert call(body, HTTP_TRANSFER_ENCODING="chunked") == b"0  "
    assert body.asked == 0


def test_u28_a_body_above_the_cap_is_cut_off_and_its_length_says_so():
    body = Endless()

    length = int(call(body, **CHUNKED).split()[0])

    assert MAX_BODY < length <= MAX_BODY + 64 * 1024
    assert body.asked <= MAX_BODY // (64 * 1024) + 1


def test_u30_a_body_that_breaks_off_is_shorter_than_its_length():
    assert call(Breaking(), **CHUNKED) == b"1  "
