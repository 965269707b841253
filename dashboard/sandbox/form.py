"""The form of `POST /rmbg`, read as a stream: parameters, and the picture on disk when large."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO
from urllib.parse import unquote

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from dashboard.sandbox import errors
from dashboard.sandbox.exchange import Body
from dashboard.sandbox.parameters import READERS

SPOOL = 1024 * 1024
MAX_PARTS = 1000
MAX_HEAD = 16 * 1024
MAX_TEXT = 64 * 1024
MAX_PICTURE = 50 * 1024 * 1024
# RFC 5987: `filename*=UTF-8''%e2%82%ac.png`.
ENCODED_NAME = re.compile(r";\s*filename\*\s*=\s*[\w-]*'[^']*'([^;\s]*)", re.IGNORECASE)
HEAD_END = re.compile(rb"\r\n\r\n")
FOLD = re.compile(rb"\r\n[ \t]+")


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
            raise errors.NO_IMAGE.refusal()
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
        self._disposition = ""
        self._name = ""
        self._text: bytearray | None = None
        self._upload: Upload | None = None
        self.ended = False

    def on_part_begin(self) -> None:
        self._count += 1
        if self._count > MAX_PARTS:
            raise errors.plain(400, "The form has too many fields.")
        self._disposition = ""

    def on_header_begin(self) -> None:
        self._header.clear()
        self._value.clear()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value.decode("latin-1")

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._text = self._upload = None
        if self._name in READERS:
            # A parameter counts as such when a client sends it as a file, too.
            self._text = bytearray()
        elif self._name == "image" and self._form.upload is None:
            filename = _filename(self._disposition, options)
            if filename is not None:
                # The form owns the file from here on, and closes it.
                file = tempfile.SpooledTemporaryFile(SPOOL, prefix="rembg-sandbox-")  # noqa: SIM115
                self._form.upload = self._upload = Upload(filename, file)

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._upload is not None:
            self._upload.write(data[start:end])
        elif self._text is not None:
            self._text += data[start:end]
            if len(self._text) > MAX_TEXT:
                raise errors.plain(400, "A field of the form is too long.")

    def on_part_end(self) -> None:
        if self._text is not None:
            self._form.fields.setdefault(self._name, self._text.decode("utf-8", "replace"))

    def on_end(self) -> None:
        self.ended = True


def _filename(disposition: str, options: dict[bytes, bytes]) -> str | None:
    """The plain name where there is one (RFC 7578, 4.2); None for a part that is no file."""
    if b"filename" in options:
        return options[b"filename"].decode("utf-8", "replace")
    match = ENCODED_NAME.search(disposition)
    return unquote(match[1], errors="replace") if match else None


def read_form(body: Body, content_type: str | None) -> Form:
    """Read a form; raises Refusal, and EOFError when the body breaks off. The caller closes it.

    A body of another type is a form without fields, as it is to the frameworks upstream.
    """
    form = Form()
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data":
        return form
    if not boundary or len(boundary) > 70:
        raise errors.plain(400, "The multipart body has no valid boundary.")
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
        max_header_size=MAX_HEAD,
    )
    try:
        for data in _plain(body, boundary):
            parser.write(data)
    except FormParserError:
        parts.ended = False
    if not parts.ended:
        raise errors.plain(400, "The multipart body could not be read.")


def _plain(body: Body, boundary: bytes) -> Iterator[bytes]:
    """The body as the parser takes it: no preamble or padding, and no folded lines in heads.

    RFC 2046 (5.1.1) allows all three, and the parser refuses them.
    """
    delimiter = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(?:--|[ \t]*\r\n)")
    # What may be the begin of a delimiter is kept until the rest of it is there.
    kept = len(boundary) + 256
    waiting, begun, in_head = b"\r\n", False, False
    while data := body.read():
        waiting += data
        while match := (HEAD_END if in_head else delimiter).search(waiting):
            if in_head:
                yield FOLD.sub(b" ", waiting[2 : match.end()])
                waiting = waiting[match.end() :]
            else:
                last = match[0].endswith(b"--")
                yield waiting[: match.start()] if begun else b""
                yield b"\r\n--" + boundary + (b"--" if last else b"\r\n")
                if last:
                    return
                waiting = waiting[match.end() - 2 :]
            begun, in_head = True, not in_head
        if in_head and len(waiting) > MAX_HEAD:
            raise FormParserError("The head of a part is too long.")
        if not in_head and len(waiting) > kept:
            yield waiting[:-kept] if begun else b""
            waiting = waiting[-kept:]
