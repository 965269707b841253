"""Uploaded bodies, bounded: 64 MB a body, 50 MB a file, and what Django would not tell of them."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

MAX_BODY = 64 * 1024 * 1024
MAX_FILE = 50 * 1024 * 1024
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
# Django drops a file part without a name, and one named "." or "..", without a word (SAFETY U2).
NAMELESS = re.compile(rb'filename="\.{0,2}"')
TAIL = 512  # bytes; a form's closing line fits, and NAMELESS across two reads

Handler = Callable[[HttpRequest], HttpResponse]


class Readable(Protocol):
    """Anything with bytes in it."""

    def read(self, size: int = -1, /) -> bytes: ...


@dataclass
class Upload:
    """What came of reading a form: bytes `expected` and `received`, and what was wrong with it.

    `problem` is "" or one of `cut` (U30), `files` (U36), `fields`, `malformed` (U35), `full` (U41).
    `oversize` is the true size, in bytes, of a file above 50 MB, which is counted and not kept.
    """

    expected: int
    received: int = 0
    nameless: bool = False
    oversize: int | None = None
    problem: str = ""
    tail: bytes = field(default=b"", repr=False)


@dataclass
class Watched:
    """A body that counts what is read of it, and notices a file part without a name."""

    body: Readable
    upload: Upload

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes."""
        data = self.body.read(size)
        self.upload.received += len(data)
        self.upload.nameless |= bool(NAMELESS.search(self.upload.tail + data[:TAIL]))
        self.upload.nameless |= bool(NAMELESS.search(data))
        self.upload.tail = (self.upload.tail + data[-TAIL:])[-TAIL:]
        return data


class CapHandler(FileUploadHandler):
    """Keeps at most 50 MB of a file; what is beyond is counted, so that the answer can name it.

    The cap sits in `receive_data_chunk`: stopping in `handle_raw_input` would be a 500, and
    DATA_UPLOAD_MAX_MEMORY_SIZE does not count files (SAFETY finding 10).
    """

    def __init__(self, request: HttpRequest | None = None, upload: Upload | None = None) -> None:
        super().__init__(request)
        self.upload = upload or Upload(expected=0)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Pass a piece on to the next handler while there is room for it."""
        if start + len(raw_data) <= MAX_FILE:
            return raw_data
        self.upload.oversize = start + len(raw_data)
        return None

    def file_complete(self, file_size: int) -> UploadedFile | None:
        """Leave the file to the next handler."""
        return None


def read(request: HttpRequest) -> Upload:
    """Read a request's form once, and say what became of it; the view still has POST and FILES.

    Call it before anything else looks at `request.POST` (the CSRF check does).
    """
    upload = Upload(expected=_content_length(request))
    request.upload_handlers = [
        CapHandler(request, upload),
        TemporaryFileUploadHandler(request),
    ]
    request.parse_file_upload = partial(_parse, request.parse_file_upload, upload)  # type: ignore[method-assign]
    upload.problem = _load(request)
    if not upload.problem and _is_cut(request, upload):
        upload.problem = "cut"
    return upload


def body_cap(get_response: Handler) -> Handler:
    """Answer 413 to a body above 64 MB without reading it (SAFETY U28).

    The innermost middleware: the page needs to know who asks, and nothing has read the body yet.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        # The gateway looks at the key first, and answers in its own shape.
        if _content_length(request) <= MAX_BODY or request.path == "/rmbg":
            return get_response(request)
        sentence = _("This upload is larger than 64 MB. Nothing was kept and no credit was spent.")
        if request.accepts("text/html") and not request.path.startswith("/api/"):
            return render(request, "413.html", {"sentence": sentence}, status=413)
        answer = {"error": sentence, "status": 413, "code": "body_size"}
        return JsonResponse(answer, status=413)

    return middleware


def _parse(
    parse: Callable[[dict[str, Any], Any], tuple[QueryDict, MultiValueDict]],
    upload: Upload,
    meta: dict[str, Any],
    body: Readable,
) -> tuple[QueryDict, MultiValueDict]:
    return parse(meta, Watched(body, upload))


def _load(request: HttpRequest) -> str:
    try:
        len(request.POST)
    except UnreadablePostError:
        return "cut"
    except TooManyFilesSent:
        return "files"
    except (TooManyFieldsSent, RequestDataTooBig):
        return "fields"
    except MultiPartParserError:
        return "malformed"
    except OSError as exc:
        if exc.errno not in NO_SPACE:
            raise
        return "full"
    return ""


def _is_cut(request: HttpRequest, upload: Upload) -> bool:
    """Say whether the body broke off; a chunked one has no length to compare with, but an end."""
    if upload.received < upload.expected:
        return True
    boundary = (request.content_params or {}).get("boundary", "")
    return not request.FILES and f"--{boundary}--".encode() not in upload.tail


def _content_length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isascii() and text.isdigit() else 0
