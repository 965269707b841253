"""What a snippet writes down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlencode

NAMELESS = "image.jpg"
MAX_NAME = 120  # Characters of a file's name that a snippet repeats.
TYPES = {"png": "image/png", "webp": "image/webp", "bmp": "image/bmp"}
SUFFIXES = {"jpeg": "jpg", "jpg": "jpg", "png": "png", "bmp": "bmp"}


@dataclass(frozen=True)
class SnippetPicture:
    """The file that is sent: its name, and its size in bytes where it is known."""

    name: str = NAMELESS
    size: int | None = None

    @classmethod
    def named(cls, name: str, size: int | None = None) -> SnippetPicture:
        """Return a picture whose name is a plain file name, whatever a browser sent."""
        plain = "".join(one for one in name.replace("\\", "/") if one.isprintable())
        last = PurePosixPath(plain).name[-MAX_NAME:].strip()
        if last in ("", "..", "-"):
            return cls(NAMELESS, size)
        if last.startswith("-"):  # A program would take it for one of its options.
            last = f"./{last}"
        return cls(last, size)

    @property
    def content_type(self) -> str:
        """Return the type that the name's ending stands for."""
        return TYPES.get(self.name.rpartition(".")[2].lower(), "image/jpeg")


@dataclass(frozen=True)
class ApiCall:
    """A request: form fields beside a picture for a POST, a query otherwise."""

    base: str
    method: str
    path: str
    pairs: tuple[tuple[str, str], ...] = ()
    picture: SnippetPicture | None = None
    headers: tuple[tuple[str, str], ...] = ()
    takes_key: bool = True

    @property
    def target(self) -> str:
        """Return the path with its query."""
        if self.picture or not self.pairs:
            return self.path
        return f"{self.path}?{urlencode(self.pairs)}"

    @property
    def url(self) -> str:
        """Return the whole address."""
        return self.base + self.target

    @property
    def output(self) -> str:
        """Return the name of the file that the result goes to; RemBG's default is WebP."""
        asked = dict(self.pairs).get("format", "").lower()
        return f"output.{SUFFIXES.get(asked, 'webp')}"
