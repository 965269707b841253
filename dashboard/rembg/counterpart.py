"""The counterpart of rembg.js in Python: one call, from a picture to the same without background.

It is used as `docs/python.md` shows, and needs no Django.
"""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from io import BytesIO
from pathlib import Path
from types import TracebackType

from dashboard.rembg import errors
from dashboard.rembg.answer import Removed
from dashboard.rembg.client import Client
from dashboard.rembg.files import InputImage, prepared
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.progress import Progress
from dashboard.rembg.wire import Timeouts

API_URL = "https://api.rembg.com"
Report = Callable[[Progress], None]
RETURN_BASE64 = "return_base64"
NAMES = {  # As callers write them, and what each is called here.
    "format": "format",
    "w": "w",
    "h": "h",
    "exact_resize": "exact_resize",
    "angle": "angle",
    "expand": "expand",
    "bg_color": "bg_color",
    "returnMask": "mask",
    "return_mask": "mask",
    "mask": "mask",
    "returnBase64": RETURN_BASE64,
    RETURN_BASE64: RETURN_BASE64,
}


@dataclass(frozen=True)
class Result:
    """A picture that came back: a temporary file, or a data URL where base64 was asked for.

    `removed` says more: sides in pixels, size in bytes, and `notices`, which people should see.
    As a context manager it cleans up at the end.
    """

    output_image_path: Path | None
    base64_image: str | None
    removed: Removed

    def cleanup(self) -> None:
        """Delete the temporary file; doing it twice does no harm."""
        if self.output_image_path is not None:
            self.output_image_path.unlink(missing_ok=True)

    def __enter__(self) -> Result:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cleanup()


@dataclass(frozen=True)
class _Options:
    """What is asked, in rembg.js's names or the wire's (contract 3), and whether back as text."""

    asked: Parameters
    return_base64: bool

    @classmethod
    def read(cls, options: Mapping[str, object]) -> _Options:
        """Read options; None is "not set", as 0 is for `w` and `h`.

        Raises TypeError for a name that is no option or comes twice, and a leaf of `errors` for a
        value that RemBG would refuse.
        """
        values: dict[str, str] = {}
        for name, value in options.items():
            known = _known(name)
            if known in values:
                raise TypeError(f"The option '{known}' was given twice, as '{name}' too.")
            values[known] = _text(value)
        as_text = values.pop(RETURN_BASE64, "") or "false"
        if as_text.lower() not in ("true", "false"):
            raise errors.BadFlag(f"{RETURN_BASE64} must be true or false.")
        return cls(Parameters.parse(values.items()), as_text.lower() == "true")


def rembg(
    *,
    api_key: str | None,
    input_image: InputImage,
    on_upload_progress: Report | None = None,
    on_download_progress: Report | None = None,
    options: Mapping[str, object] | None = None,
    api_url: str = API_URL,
    keep_metadata: bool = False,
    timeouts: Timeouts = Timeouts(),  # noqa: B008 (frozen)
) -> Result:
    """Remove a picture's background; costs one credit, and is never sent twice by itself.

    Raises a leaf of `errors`, OSError where the input cannot be read, TypeError for an unknown
    option or kind of input, and ValueError for an `api_url` that is not safe for a key; the last
    three, and all that breaks a rule of RemBG's, before anything is sent.
    """
    if not api_key or not api_key.strip():
        raise errors.MalformedKey(
            "The API key is missing. Create one in your profile on rembg.com."
        )
    client = Client(api_key, api_url=api_url, site_url=api_url, timeouts=timeouts)
    chosen = _Options.read(options or {})
    with prepared(input_image, keep_metadata=keep_metadata) as (source, picture):

        def remove(target: BytesIO | Path) -> Removed:
            return client.remove(
                source,
                target,
                chosen.asked,
                picture=picture,
                on_upload=on_upload_progress,
                on_download=on_download_progress,
            )

        return _as_text(remove) if chosen.return_base64 else _as_file(remove, chosen)


def _as_text(remove: Callable[[BytesIO], Removed]) -> Result:
    target = BytesIO()
    removed = remove(target)
    text = base64.b64encode(target.getbuffer()).decode("ascii")
    return Result(None, f"data:{removed.content_type};base64,{text}", removed)


def _as_file(remove: Callable[[Path], Removed], chosen: _Options) -> Result:
    handle, name = tempfile.mkstemp(prefix="rembg-", suffix=f".{chosen.asked.format}")
    os.close(handle)
    path = Path(name)
    return Result(path, None, remove(path))  # Where this fails, the client deletes the file.


def _known(name: str) -> str:
    if name in NAMES:
        return NAMES[name]
    near = get_close_matches(str(name), NAMES, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(NAMES)}."
    raise TypeError(f"There is no option '{name}'. {hint}")


def _text(value: object) -> str:
    """Return a value as the wire has it; a whole number may come as 800.0."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
