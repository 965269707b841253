"""Where pictures come from and go to, and how one is made ready to be sent."""

from __future__ import annotations

import base64
import binascii
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from dashboard.rembg import errors, pictures
from dashboard.rembg.pictures import Picture

Image = str | os.PathLike[str] | BinaryIO
Target = str | os.PathLike[str] | BinaryIO
InputImage = str | os.PathLike[str] | bytes | bytearray | memoryview | Mapping[str, str]
URL_SAFE = str.maketrans("-_", "+/")


class Sink:
    """A file being filled; what cannot be written is NotStored, for the credit is spent."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Add bytes at the end; raise NotStored."""
        with stored():
            self._file.write(piece)
        self.size += len(piece)

    def finish(self) -> BinaryIO:
        """Return the file, complete and at its beginning; raise NotStored."""
        with stored():
            self._file.truncate()
            self._file.flush()
            self._file.seek(0)
        return self._file


@contextmanager
def stored() -> Iterator[None]:
    """Raise NotStored where the disk does not take, or give back, what was paid for."""
    try:
        yield
    except OSError as exc:
        raise errors.NotStored from exc


@contextmanager
def reading_end(image: Image) -> Iterator[BinaryIO]:
    """Lend the picture as a file."""
    if isinstance(image, str | os.PathLike):
        with Path(image).open("rb") as file:
            yield file
    else:
        yield image


@contextmanager
def writing_end(target: Target) -> Iterator[Sink]:
    """Lend a place for the answer; if it fails, a path is gone again and a file is empty again.

    Raises OSError before anything is asked of RemBG, and only then: a disk that is full refuses the
    cleaning up, too, and that must not hide what became of the request (promises R19).
    """
    if isinstance(target, str | os.PathLike):
        with _at(Path(target)) as file:
            yield Sink(file)
        return
    target.seek(0)
    try:
        yield Sink(target)
    except BaseException:
        with suppress(OSError):
            target.seek(0)
            target.truncate()
        raise


@contextmanager
def _at(path: Path) -> Iterator[BinaryIO]:
    file = path.open("w+b")
    try:
        yield file
    except BaseException:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
    with stored():
        file.close()


@contextmanager
def prepared(
    image: InputImage, *, keep_metadata: bool = False
) -> Iterator[tuple[BinaryIO, Picture]]:
    """Lend the picture as a file to send, and say what it is.

    Place, camera and previews stay here unless `keep_metadata` is set; the pixels are not touched.
    Raises OSError where a path cannot be read, TypeError for what is no input, and the leaves of
    `pictures.inspect`.
    """
    with _opened(image) as (source, filename):
        if keep_metadata:
            yield source, pictures.inspect(source, filename=filename)
        else:
            picture, kept = pictures.without_metadata(source, filename=filename)
            yield kept, picture


@contextmanager
def _opened(image: object) -> Iterator[tuple[BinaryIO, str]]:
    """Lend a file and its name, "" where it has none."""
    if isinstance(image, str | os.PathLike):
        path = Path(image)
        with path.open("rb") as file:
            yield file, path.name
    elif isinstance(image, bytes | bytearray | memoryview):
        yield io.BytesIO(image), ""
    elif isinstance(image, Mapping) and isinstance(image.get("base64"), str):
        yield io.BytesIO(_decoded(image["base64"])), ""
    else:
        raise TypeError(
            "input_image is a path, bytes, or {'base64': text}, "
            f"and this is of the type {type(image).__name__}."
        )


def _decoded(text: str) -> bytes:
    """Return what base64 stands for, in either alphabet, with or without a data URL's prefix.

    Raises BadSignature for anything else, which rembg.js would send in part.
    """
    if text.lstrip()[:5].lower() == "data:":
        prefix, _, text = text.partition(",")
        if not prefix.rstrip().lower().endswith(";base64"):
            raise errors.BadSignature("The data URL of the picture does not hold base64.")
    plain = "".join(text.split()).translate(URL_SAFE).rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise errors.BadSignature("The base64 text of the picture cannot be read.") from None
