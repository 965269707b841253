"""The form of `POST /rmbg`, read as a stream: text fields, and the picture on disk when large."""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dashboard.sandbox import messages
from dashboard.sandbox.protocol import Body

SPOOL = 1024 * 1024
MAX_PARTS = 1000
MAX_TEXT = 64 * 1024
MAX_PICTURE = 50 * 1024 * 1024


@dataclass
class Upload:
    """The `image` part; bytes beyond 50 MB are counted and hashed but not kept."""

    filename: str
    file: IO[bytes]
    size: int = 0
    digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        return self.digest.hexdigest()

    def write(self, data: bytes) -> None:
        self.size += len(data)
        self.digest.update(data)
        if self.size <= MAX_PICTURE:
            self.file.write(data)


@dataclass
class Form:
    """What a caller sent; of a repeated field the first counts."""

    fields: dict[str, str] = field(default_factory=dict)
    upload: Upload | None = None

    def picture(self) -> Upload:
        """The `image` part; raises Refusal where there is none."""
        if self.upload is None:
            raise messages.NO_IMAGE.refusal()
        return self.upload

    def close(self) -> None:
        if self.upload:
            self.upload.file.close()


class _Parts:
    """Puts the parts of a multipart body where they belong, as the parser meets them."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._count = 0
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._name = ""
        self._text: bytearray | None = None
        self._upload: Upload | None = None
        self.ended = False

    def on_part_begin(self) -> None:
        self._count += 1
        if self._count > MAX_PARTS:
            raise messages.plain(400, "The form has too many fields.")
        self._disposition = b""

    def on_header_begin(self) -> None:
        self._header.clear()
        self._value.clear()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        self._text = self._upload = None
        if filename is None:
            self._text = bytearray()
        elif self._name == "image" and self._form.upload is None:
            # The form owns the file from here on, and closes it.
            file = tempfile.SpooledTemporaryFile(max_size=SPOOL, prefix="rembg-sandbox-")  # noqa: SIM115
            self._upload = Upload(filename.decode("utf-8", "replace"), file)
            self._form.upload = self._upload

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._upload.write(data[start:end])
        elif self._text is not None:
            self._text += data[start:end]
            if len(self._text) > MAX_TEXT:
                raise messages.plain(400, "A field of the form is too long.")

    def on_part_end(self) -> None:
        if self._text is not None:
            self._form.fields.setdefault(self._name, self._text.decode("utf-8", "replace"))

    def on_end(self) -> None:
        self.ended = True


def read_form(body: Body, content_type: str | None) -> Form:
    """Read a form; raises Refusal, and Gone when the body breaks off. The caller closes it.

    A body of another type is a form without fields, as it is to the frameworks upstream.
    """
    form = Form()
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data":
        return form
    if not boundary or len(boundary) > 70:
        raise messages.plain(400, "The multipart body has no valid boundary.")
    try:
        _parse(body, boundary, form)
    except BaseException:
        form.close()
        raise
    return form


def _parse(body: Body, boundary: bytes, form: Form) -> None:
    parts = _Parts(form)
    parser = MultipartParser(
        boundary,
        {
            "on_part_begin": parts.on_part_begin,
            "on_header_begin": parts.on_header_begin,
            "on_header_field": parts.on_header_field,
            "on_header_value": parts.on_header_value,
            "on_header_end": parts.on_header_end,
            "on_headers_finished": parts.on_headers_finished,
            "on_part_data": parts.on_part_data,
            "on_part_end": parts.on_part_end,
            "on_end": parts.on_end,
        },
    )
    broken = messages.plain(400, "The multipart body could not be read.")
    while data := body.read():
        try:
            parser.write(data)
        except FormParserError:
            raise broken from None
    if not parts.ended:
        raise broken
