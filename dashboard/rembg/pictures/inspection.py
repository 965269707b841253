"""What a picture is, read from its headers, before it costs a credit."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Literal, Protocol

from dashboard.rembg import errors
from dashboard.rembg.filenames import extension_of
from dashboard.rembg.pictures import bmp, jpeg, png, webp
from dashboard.rembg.pictures.source import ByteSource, Layout

Kind = Literal["jpeg", "png", "webp", "bmp"]
HEAD = 32
MAX_TRAILER = 1 << 20
MAX_BYTES = 50 * 1024 * 1024
MAX_SIDE = 10_000
EXTENSIONS = ("webp", "bmp", "png", "jpg", "jpeg")
OTHER_NAMES = ("jfif", "jpe", "dib")  # the same formats, as some systems name them


class Format(Protocol):
    """What the module of one kind answers; none of it decodes a pixel."""

    CONTENT_TYPE: str
    EXTENSION: str

    def matches(self, head: bytes) -> bool: ...
    def dimensions(self, source: ByteSource) -> tuple[int, int]: ...
    def layout(self, source: ByteSource) -> Layout: ...


FORMATS: dict[Kind, Format] = {"jpeg": jpeg, "png": png, "webp": webp, "bmp": bmp}


def kind_of(source: ByteSource) -> Kind:
    """Return what the content says it is, whatever its name; raise BadSignature."""
    head = source.at(0, HEAD)
    for kind, form in FORMATS.items():
        if form.matches(head):
            return kind
    raise errors.BadSignature


def dimensions(source: ByteSource, kind: Kind) -> tuple[int, int]:
    """Return width and height as stored, neither 0; raise Damaged or Truncated."""
    width, height = FORMATS[kind].dimensions(source)
    if not width or not height:
        raise errors.Damaged
    return width, height


def layout(source: ByteSource, kind: Kind) -> Layout:
    """Say what to keep of a picture; raise Animated, Damaged, Truncated or TrailerTooLong.

    Cameras put films and previews behind a picture, so its trailer may be as large as itself, and
    of 1 MB in any case (promises U42).
    """
    found = FORMATS[kind].layout(source)
    trailer = source.size - found.end
    if trailer > max(MAX_TRAILER, found.end):
        raise errors.TrailerTooLong(
            f"{trailer / (1 << 20):.1f} MB of other data follow the end of the image; at most 1 MB,"
            " or as much as the image itself, is accepted. Please save it again."
        )
    return found


@dataclass(frozen=True)
class Picture:
    """A complete, single picture within RemBG's limits.

    Sides are in pixels, as stored, `size` in bytes; `orientation` is EXIF's (1..8). `has_alpha` is
    None where the header leaves it open.
    """

    kind: Kind
    content_type: str
    extension: str
    width: int
    height: int
    orientation: int
    size: int
    has_alpha: bool | None

    @property
    def shown_width(self) -> int:
        """The width that a person sees."""
        return self.height if self.orientation >= 5 else self.width

    @property
    def shown_height(self) -> int:
        """The height that a person sees."""
        return self.width if self.orientation >= 5 else self.height


def inspect(file: BinaryIO, *, filename: str) -> Picture:
    """Say what picture a file holds, and leave the file at its beginning.

    Raises EmptyFile, FileTooLarge, FileType, BadSignature, TooWide or TooTall (RemBG's error
    reference), then what only we check: Animated, Damaged, TrailerTooLong or Truncated.
    """
    return examine(file, filename=filename)[0]


def examine(file: BinaryIO, *, filename: str) -> tuple[Picture, Layout]:
    """Do what `inspect` does, and say also which of its bytes are kept (see `without_metadata`)."""
    source = ByteSource(file)
    try:
        _check_size(source.size)
        _check_name(filename)
        kind = kind_of(source)
        width, height = dimensions(source, kind)
        _check_sides(width, height)
        found = layout(source, kind)
    finally:
        file.seek(0)
    picture = Picture(
        kind=kind,
        content_type=FORMATS[kind].CONTENT_TYPE,
        extension=FORMATS[kind].EXTENSION,
        width=width,
        height=height,
        orientation=found.orientation,
        size=source.size,
        has_alpha=found.has_alpha,
    )
    return picture, found


def head(data: bytes) -> tuple[Kind, int, int] | None:
    """Return kind, width and height as a file's first bytes say them, or None."""
    source = ByteSource(BytesIO(data))
    try:
        kind = kind_of(source)
        return kind, *dimensions(source, kind)
    except errors.PictureRefused:
        return None


def complete(file: BinaryIO) -> bool:
    """Tell whether a file is a picture from its first byte to its end, whatever follows it."""
    source = ByteSource(file)
    try:
        kind = kind_of(source)
        dimensions(source, kind)
        FORMATS[kind].layout(source)
    except errors.PictureRefused:
        return False
    finally:
        file.seek(0)
    return True


def _check_size(size: int) -> None:
    if not size:
        raise errors.EmptyFile
    if size > MAX_BYTES:
        megabytes = size / (1024 * 1024)
        raise errors.FileTooLarge(
            f"File size ({megabytes:.1f} MB) exceeds the maximum allowed size of 50 MB."
        )


def _check_name(filename: str) -> None:
    """Refuse another format's name; a pasted picture has none, and goes by its content."""
    extension = extension_of(filename)
    if extension and extension not in EXTENSIONS + OTHER_NAMES:
        raise errors.FileType(
            f"File type '.{extension}' is not supported. Allowed formats: {', '.join(EXTENSIONS)}"
        )


def _check_sides(width: int, height: int) -> None:
    if width > MAX_SIDE:
        raise errors.TooWide(
            f"Image width ({width}px) exceeds the maximum allowed width of {MAX_SIDE}px."
        )
    if height > MAX_SIDE:
        raise errors.TooTall(
            f"Image height ({height}px) exceeds the maximum allowed height of {MAX_SIDE}px."
        )
