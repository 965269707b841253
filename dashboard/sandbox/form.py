"""The form of `POST /rmbg`, read as a stream: parameters, and the picture on disk when large."""

import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_string
from email.utils import collapse_rfc2231_value
from typing import IO

from dashboard.sandbox import errors
from dashboard.sandbox.messages import Request
from dashboard.sandbox.parameters import READERS

SPOOL = 1024 * 1024
MAX_PARTS = 1000
MAX_HEAD = 16 * 1024
MAX_TEXT = 64 * 1024
UNREADABLE = "The multipart body could not be read."
HEAD_END = re.compile(rb"\r\n\r\n")


@dataclass
class Form:
    """What a caller sent; of a repeated field the first counts. `file` is the `image` part."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str = ""
    file: IO[bytes] | None = None

    def close(self) -> None:
        if self.file:
            self.file.close()


def read_form(request: Request) -> Form:
    """Read a form; raises Refusal, and EOFError when the body breaks off. The caller closes it.

    A body of another type is a form without fields, as it is to the frameworks upstream.
    """
    form = Form()
    if request.headers.get_content_type() != "multipart/form-data":
        return form
    boundary = request.headers.get_boundary("").encode("latin-1", "replace")
    if not 0 < len(boundary) <= 70:
        raise errors.plain(400, "The multipart body has no valid boundary.")
    try:
        _fill(form, request, boundary)
    except BaseException:
        form.close()
        raise
    return form


def _fill(form: Form, request: Request, boundary: bytes) -> None:
    """Put the parts where they belong; one that nobody asked for is dropped."""
    texts: dict[str, io.BytesIO] = {}
    target: IO[bytes] | None = None
    parts = 0
    for head, data in _parts(request, boundary):
        if head is not None:
            parts += 1
            if parts > MAX_PARTS:
                raise errors.plain(400, "The form has too many fields.")
            name, filename = _names(head)
            target = None
            if name in READERS:
                # A parameter counts as such when a client sends it as a file, too.
                target = text = io.BytesIO()
                texts.setdefault(name, text)
            elif name == "image" and filename is not None and form.file is None:
                target = tempfile.SpooledTemporaryFile(SPOOL, prefix="rembg-sandbox-")  # noqa: SIM115
                form.filename, form.file = filename, target
        if target is not None:
            target.write(data)
            if target is not form.file and target.tell() > MAX_TEXT:
                raise errors.plain(400, "A field of the form is too long.")
    for name, text in texts.items():
        form.fields[name] = text.getvalue().decode("utf-8", "replace")


def _names(head: bytes) -> tuple[str, str | None]:
    """A part's name and filename, None without one; the plain one counts (RFC 7578, 4.2)."""
    part = message_from_string(head.decode("utf-8", "replace"))
    name = part.get_param("name", "", header="content-disposition")
    filename = part.get_param("filename", header="content-disposition")
    if part.defects or b"\0" in head:
        raise errors.plain(400, UNREADABLE)
    decoded = None if filename is None else collapse_rfc2231_value(filename)
    return collapse_rfc2231_value(name), decoded


def _parts(request: Request, boundary: bytes) -> Iterator[tuple[bytes | None, bytes]]:
    """The heads of the parts, each followed by its data in pieces, which come without a head.

    As RFC 2046 (5.1.1) allows, there may be padding behind boundaries, and data before all heads.
    """
    delimiter = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(?:--|[ \t]*\r\n)")
    # What may be the begin of a delimiter is kept until the rest of it is there.
    kept = len(boundary) + 256
    waiting, in_head = b"\r\n", False
    while data := request.read():
        waiting += data
        while match := (HEAD_END if in_head else delimiter).search(waiting):
            yield (waiting[2 : match.end()], b"") if in_head else (None, waiting[: match.start()])
            if match[0].endswith(b"--"):
                return
            # Behind a delimiter its line end stays, as the head may be empty.
            waiting = waiting[match.end() - (0 if in_head else 2) :]
            in_head = not in_head
        if not in_head:
            yield None, waiting[:-kept]
            waiting = waiting[-kept:]
        elif len(waiting) > MAX_HEAD:
            break
    raise errors.plain(400, UNREADABLE)
