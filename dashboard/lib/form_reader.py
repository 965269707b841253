"""Read multipart forms (RFC 7578) from a seekable file, block by block and without copying files.

Of parts named as fields the text is kept, with a file's name or without; of the part that holds
the file, where it stands in the body.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple
from urllib.parse import unquote_to_bytes

BLOCK = 64 * 1024
MOST_PARTS = 40
MOST_TEXT = 64 * 1024  # bytes of all fields together
MOST_NAME = 10_000  # characters of a file's name that are looked at
MOST_HEAD = 64 * 1024  # bytes of a part's header; a long name in UTF-8 fits (U24)
MOST_BOUNDARY = 70  # RFC 2046, 5.1.1
MOST_PADDING = 256  # bytes of white space behind a boundary
END_OF_LINE = re.compile(rb"(--)|[ \t]{0,%d}\r\n" % MOST_PADDING)
FOLD = re.compile(rb"\r\n[ \t]+")
DISPOSITION = re.compile(rb"^content-disposition[ \t]*:[ \t]*form-data(.*)$", re.I | re.M)
PARAMETER = re.compile(rb';[ \t]*([^\s=;"]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^;\r]*))', re.S)
BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"]+)"|([^\s;"]+))', re.I)
ESCAPED = re.compile(rb'\\(["\\])')
CHARSETS = ("utf-8", "iso-8859-1")  # RFC 5987, 3.2.1


class UnreadableForm(Exception):
    """A form that breaks off (`cut`), has too much in it (`fields`), or is none (`malformed`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Slice(io.RawIOBase):
    """A piece of a seekable file, as a file of its own that does not close the other one."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._at = 0
        self.size = end - start

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def read(self, size: int | None = -1, /) -> bytes:
        """Return at most so many bytes, all that are left for -1."""
        left = max(0, self.size - self._at)
        self._file.seek(self._start + self._at)
        data = self._file.read(left if size is None or size < 0 else min(size, left))
        self._at += len(data)
        return data


class FilePart(NamedTuple):
    """A file of a form: the name that came with it, and what is in it.

    A plain `filename=` may have %22, %0D and %0A in it for characters that cannot stand there.
    """

    filename: str
    has_escapes: bool
    content: Slice


@dataclass
class MultipartForm:
    """What a form has in it: files of the one field, texts as they came, and other files' names."""

    files: list[FilePart] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    other_files: list[str] = field(default_factory=list)
    has_file_as_text: bool = False


def boundary_of(content_type: str) -> bytes:
    """Return the boundary that a Content-Type names; raises UnreadableForm."""
    match = BOUNDARY.search(content_type)
    boundary = (match[1] or match[2]).rstrip() if match else ""
    if not 0 < len(boundary) <= MOST_BOUNDARY or not boundary.isascii():
        raise UnreadableForm("malformed")
    return boundary.encode()


def read(body: BinaryIO, boundary: bytes, *, file: str, fields: Collection[str]) -> MultipartForm:
    """Return the form in a body: the files of the field `file`, and the texts of `fields`.

    Other parts are ignored, but for the names of those that hold files. Raises UnreadableForm.
    """
    form, room = MultipartForm(), MOST_TEXT
    for start, end in _parts(body, boundary):
        parameters, begin = _head(body, start, end)
        name = _text(parameters.get("name", b""))
        encoded = _encoded_name(parameters)
        is_file = encoded is not None or "filename" in parameters
        content = Slice(body, begin, end)
        if name in fields:
            room -= content.size
            if room < 0:
                raise UnreadableForm("fields")
            form.texts.append((name, _text(content.read())))
        elif name == file and is_file:
            filename = _text(parameters.get("filename", b"")) if encoded is None else encoded
            form.files.append(FilePart(filename[:MOST_NAME], encoded is None, content))
        elif is_file and content.size:
            form.other_files.append(name)
        form.has_file_as_text |= name == file and not is_file
    return form


def _parts(body: BinaryIO, boundary: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each part starts and ends, its header included.

    What stands before the first boundary and after the last one is no part (RFC 2046, 5.1.1).
    """
    begin, count = None, 0
    for start, end, is_last in _delimiters(body, boundary):
        if begin is not None:
            count += 1
            if count > MOST_PARTS:
                raise UnreadableForm("fields")
            yield begin, max(begin, start)
        if is_last:
            return
        begin = end
    raise UnreadableForm("malformed" if begin is None else "cut")


def _delimiters(body: BinaryIO, boundary: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield where each line with the boundary starts, where it ends, and whether it is the last."""
    mark = b"\r\n--" + boundary
    longest = len(mark) + MOST_PADDING + 2
    window, offset, position = b"\r\n", -2, 0  # The first line has no end of a line before it.
    body.seek(0)
    block = body.read(BLOCK)
    while True:
        window, offset, position = window[position:] + block, offset + position, 0
        while (at := window.find(mark, position)) >= 0:
            end = END_OF_LINE.match(window, at + len(mark))
            if end is None and block and len(window) - at < longest:
                break  # The rest of the line is in the next block.
            position = at + len(mark)
            if end is not None:
                yield offset + at, offset + end.end(), end[1] is not None
                position = end.end() - 2  # The next line may follow at once.
        position = at if at >= 0 else max(position, len(window) - len(mark) + 1)
        body.seek(offset + len(window))
        if not block:
            return
        block = body.read(BLOCK)


def _head(body: BinaryIO, start: int, end: int) -> tuple[dict[str, bytes], int]:
    """Return the parameters of a part's Content-Disposition, and where its content begins."""
    body.seek(start)
    head, separator, _ = (b"\r\n" + body.read(min(MOST_HEAD, end - start))).partition(b"\r\n\r\n")
    if not separator:
        raise UnreadableForm("malformed")
    disposition = DISPOSITION.search(FOLD.sub(b" ", head))
    parameters: dict[str, bytes] = {}
    for name, quoted, bare in PARAMETER.findall(disposition[1] if disposition else b""):
        value = ESCAPED.sub(rb"\1", quoted) if quoted else bare.strip()
        parameters.setdefault(name.decode("latin-1").lower(), value)
    return parameters, start + len(head) + 2


def _encoded_name(parameters: dict[str, bytes]) -> str | None:
    """Return the name in `filename*`, which goes before `filename` (RFC 5987, 6266)."""
    charset, _, rest = parameters.get("filename*", b"").decode("latin-1").partition("'")
    if charset.lower() not in CHARSETS:
        return None
    return unquote_to_bytes(rest.partition("'")[2]).decode(charset, "replace")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
