"""The form of a picture to remove, as gateway and page receive it, and what is wrong with it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile
from typing import BinaryIO

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError

from dashboard.lib import form_reader
from dashboard.lib.form_reader import FilePart, MultipartForm, UnreadableForm
from dashboard.lib.request_limits import MAX_FILE, content_length
from dashboard.rembg import errors, filenames
from dashboard.rembg.errors import PictureRefused
from dashboard.rembg.parameters import PARSERS
from dashboard.removals.errors import ImageAsText, OtherField, SeveralImages
from dashboard.removals.files import no_space

FIELD = "image"


@contextmanager
def received(request: HttpRequest, fields: Collection[str] = PARSERS) -> Iterator[MultipartForm]:
    """Read a request's form; its files are there within the block.

    Raises UnreadableForm and NoSpace.
    """
    boundary = form_reader.boundary_of(request.META.get("CONTENT_TYPE", ""))
    with _body(request) as body:
        if body.seek(0, 2) < content_length(request):
            raise UnreadableForm("cut")
        yield form_reader.read(body, boundary, file=FIELD, fields=fields)


def picture_of(form: MultipartForm) -> FilePart:
    """Return the one picture of a form, under the name that was chosen; raise why there is none."""
    if len(form.files) > 1:
        raise SeveralImages
    if not form.files:
        raise _missing(form)
    filename, has_escapes, content = file = form.files[0]
    if not filename.strip(" .") and not content.size:
        raise errors.NoFile
    if content.size > MAX_FILE:
        megabytes = content.size / 1_048_576
        raise errors.FileTooLarge(
            f"File size ({megabytes:.1f} MB) exceeds the maximum allowed size of 50 MB."
        )
    return file._replace(filename=filenames.from_form(filename)) if has_escapes else file


def _missing(form: MultipartForm) -> PictureRefused:
    if form.has_file_as_text:
        return ImageAsText()
    return OtherField.named(form.other_files[0]) if form.other_files else errors.NoImage()


@contextmanager
def _body(request: HttpRequest) -> Iterator[BinaryIO]:
    """Lend a request's body as a seekable file: that of `lib.wsgi_adapter`, or a copy."""
    body = request.META["wsgi.input"]
    if body.seekable():
        yield body
        return
    with no_space(), TemporaryFile(dir=settings.FILE_UPLOAD_TEMP_DIR) as copy:
        try:
            shutil.copyfileobj(request, copy)
        except UnreadablePostError:
            raise UnreadableForm("cut") from None
        copy.flush()
        yield copy
