"""The form of a call, read once as a stream: the picture to a temporary file, the fields to memory.

Django's own parser is the slow part of large uploads, and holds a thread the longer for it.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO, cast
from urllib.parse import unquote

from django.conf import settings
from django.http import HttpRequest
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dashboard.gateway import refusals
from dashboard.lib.uploads import MAX_BODY, MAX_FILE
from dashboard.rembg import errors
from dashboard.rembg.parameters import PARSERS
from dashboard.removals.files import no_space

BLOCK = 64 * 1024
IN_MEMORY = 256 * 1024  # bytes of a picture that need no file
MOST_PARTS = 40
MOST_TEXT = 64 * 1024  # bytes of all fields together
MOST_NAME = 10_000  # characters of a file's name that are looked at
MOST_HEADER = 64 * 1024  # bytes of a part's header; a long name in UTF-8 fits (U24)
# A name in RFC 5987's form; some clients send no other.
ENCODED_NAME = re.compile(rb"filename\*\s*=\s*utf-8'[^']*'([^;\s]*)", re.IGNORECASE)


@dataclass
class Form:
    """What was sent: the picture, at its beginning, its name, and the parameters as they came.

    `size` counts the picture's bytes even where they are more than are kept. Closed by its owner.
    """

    image: BinaryIO | None = None
    filename: str = ""
    size: int = 0
    images: int = 0
    pairs: list[tuple[str, str]] = field(default_factory=list)
    digest: Any = None

    @property
    def sha256(self) -> str:
        """Return the picture's SHA-256 in hex, "" where it was not asked for."""
        return str(self.digest.hexdigest()) if self.digest else ""

    def picture(self) -> BinaryIO:
        """Return the picture; raise NoImage, NoFile or FileTooLarge, or Refusal for several."""
        if self.images > 1:
            raise refusals.several_images()
        if self.image is None:
            raise errors.NoImage
        if not self.filename.strip() and not self.size:
            raise errors.NoFile
        if self.size > MAX_FILE:
            megabytes = self.size / 1_048_576
            raise errors.FileTooLarge(
                f"File size ({megabytes:.1f} MB) exceeds the maximum allowed size of 50 MB."
            )
        return self.image

    def close(self) -> None:
        """Delete what was kept of it."""
        if self.image is not None:
            discard(self.image)


def read(request: HttpRequest, *, hashed: bool) -> Form:
    """Read the form of a request; raise Refusal or NoSpace. `hashed` asks for the SHA-256."""
    kind, options = parse_options_header(request.META.get("CONTENT_TYPE", ""))
    length = _length(request)
    if not kind and length == 0:
        return Form()
    if kind != b"multipart/form-data":
        raise refusals.media_type()
    boundary = options.get(b"boundary")
    if not boundary:
        raise refusals.malformed()
    if length is not None and length > MAX_BODY:
        raise refusals.body_size()
    form = Form(digest=hashlib.sha256() if hashed else None)
    parts = _Parts(form, length)
    try:
        parser = MultipartParser(
            boundary, cast(Any, parts.callbacks()), max_header_size=MOST_HEADER
        )
        for block in _blocks(request.META["wsgi.input"], length):
            parser.write(block)
        if not parts.has_ended:
            raise refusals.cut()
        if form.image is not None:
            with no_space():  # What is still in a buffer is written here.
                form.image.seek(0)
    except (FormParserError, UnicodeDecodeError):
        form.close()
        raise refusals.malformed() from None
    except BaseException:
        form.close()
        raise
    return form


def _length(request: HttpRequest) -> int | None:
    """Return the length that was announced; None for a chunked body, which has an end instead."""
    if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0


def _blocks(body: Any, length: int | None) -> Iterator[bytes]:
    """Yield the body as it comes; raise Refusal where it breaks off or does not end."""
    left = MAX_BODY + 1 if length is None else length
    while left > 0:
        try:
            block = body.read(min(BLOCK, left))
        except OSError:
            raise refusals.cut() from None
        if not block:
            if length is None:
                return
            raise refusals.cut()
        left -= len(block)
        yield block
    if length is None:
        raise refusals.body_size()


class _Parts:
    """Puts the parts where they belong, as the parser meets them."""

    def __init__(self, form: Form, expected: int | None) -> None:
        self.form = form
        self._expected = expected
        self.has_ended = False
        self._count = 0
        self._text_size = 0
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._name = ""
        self._text: bytearray | None = None
        self._is_image = False

    def callbacks(self) -> dict[str, Callable[..., None]]:
        """Return what the parser calls."""
        names = ("part_begin", "header_begin", "header_field", "header_value", "header_end")
        more = ("headers_finished", "part_data", "part_end", "end")
        return {f"on_{name}": getattr(self, f"on_{name}") for name in (*names, *more)}

    def on_part_begin(self) -> None:
        self._count += 1
        if self._count > MOST_PARTS:
            raise refusals.too_many_fields()
        self._disposition = b""

    def on_header_begin(self) -> None:
        self._header = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = _filename(self._disposition, options)
        self._text, self._is_image = None, False
        if self._name == "image" and filename is not None:
            self._begin_image(filename[:MOST_NAME])
        elif self._name in PARSERS and filename is None:
            self._text = bytearray()

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._is_image:
            self._write(memoryview(data)[start:end])
        elif self._text is not None:
            self._text_size += end - start
            if self._text_size > MOST_TEXT:
                raise refusals.too_many_fields()
            self._text += data[start:end]

    def on_part_end(self) -> None:
        if self._text is not None:
            self.form.pairs.append((self._name, self._text.decode("utf-8", "replace")))

    def on_end(self) -> None:
        self.has_ended = True

    def _begin_image(self, filename: str) -> None:
        """Keep the first one; others are only counted."""
        form = self.form
        form.images += 1
        if form.images == 1:
            self._is_image = True
            form.filename = filename
            form.image = temporary(self._expected)

    def _write(self, data: memoryview) -> None:
        form = self.form
        form.size += len(data)
        if form.size > MAX_FILE or form.image is None:
            return
        if form.digest:
            form.digest.update(data)
        with no_space():
            form.image.write(data)


def _filename(disposition: bytes, options: dict[bytes, bytes]) -> str | None:
    """Return the name of a part's file; None for a part that is no file."""
    if b"filename" in options:
        return options[b"filename"].decode("utf-8", "replace")
    encoded = ENCODED_NAME.search(disposition)
    return unquote(encoded[1].decode("latin-1"), errors="replace") if encoded else None


def discard(file: BinaryIO) -> None:
    """Close a temporary file, and so delete it; on a full disk what is in its buffer is lost."""
    with suppress(OSError):
        file.close()


def temporary(expected: int | None) -> BinaryIO:
    """Return a file for a picture in so many bytes or fewer; it goes when it is closed."""
    if expected is not None and expected <= IN_MEMORY:
        return BytesIO()
    folder = str(settings.FILE_UPLOAD_TEMP_DIR)
    # Whoever asks for it closes it.
    return cast(BinaryIO, tempfile.TemporaryFile(prefix="call-", dir=folder))  # noqa: SIM115
