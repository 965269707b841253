"""A picture made ready to leave: whatever it comes as, checked, and without its metadata."""

from __future__ import annotations

import base64
import binascii
import io
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dashboard.rembg import errors, pictures
from dashboard.rembg.pictures import Picture

InputImage = str | os.PathLike[str] | bytes | bytearray | memoryview | Mapping[str, str]
URL_SAFE = str.maketrans("-_", "+/")


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
