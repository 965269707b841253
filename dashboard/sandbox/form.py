"""The form of `POST /rmbg`, read as a stream: parameters, and the picture on disk when large."""

import io
import re
import tempfile
from collections.abc import Iterator
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


class Form:
    """What a caller sent; of a repeated field the first counts. `file` is the `image` part."""

    def __init__(self) -> None:
        self.filename = ""
        self.file: IO[bytes] | None = None
        self._texts: dict[str, io.BytesIO] = {}

    @property
    def fields(self) -> dict[str, str]:
        texts = self._texts.items()
        return {name: text.getvalue().decode("utf-8", "replace") for name, text in texts}

    def close(self) -> None:
        if self.file:
            self.file.close()

    def read(self, request: Request) -> None:
        """Read a request's body; raises Refusal, and EOFError when it breaks off.

        A body of another type is a form without fields, as it is to the frameworks upstream.
        """
        if request.headers.get_content_type() != "multipart/form-data":
            return
        boundary = request.headers.get_boundary("").encode("latin-1", "replace")
        if not 0 < len(boundary) <= 70:
            raise errors.plain(400, "The multipart body has no valid boundary.")
        target: IO[bytes] | None = None
        for head, data in _parts(request, boundary):
            if head is not None:
                target = self._target(*_names(head))
            elif target is not None:
                target.write(data)
                if target is not self.file and target.tell() > MAX_TEXT:
                    raise errors.plain(400, "A field of the form is too long.")

    def _target(self, name: str, filename: str | None) -> IO[bytes] | None:
        """Where a part's data belong; None for a part that nobody asked for."""
        if name in READERS:
            # A parameter counts as such when a client sends it as a file, too.
            text = io.BytesIO()
            self._texts.setdefault(name, text)
            return text
        if name == "image" and filename is not None and self.file is None:
            self.filename = filename
            self.file = tempfile.SpooledTemporaryFile(SPOOL, prefix="rembg-sandbox-")  # noqa: SIM115
            return self.file
        return None


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
    waiting, in_head, heads = b"\r\n", False, 0
    for data in request.body:
        waiting += data
        while match := (HEAD_END if in_head else delimiter).search(waiting):
            heads += in_head
            if heads > MAX_PARTS:
                raise errors.plain(400, "The form has too many fields.")
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
