"""Small previews of results, for lists; decoded in the worker alone, and only where it is cheap."""

from __future__ import annotations

import io
import logging

from PIL import Image, ImageCms

from dashboard.rembg.pictures.metadata import MAX_PROFILE
from dashboard.removals import files
from dashboard.removals.models import Removal

log = logging.getLogger(__name__)

SIDE = 160
# 12 megapixels take 48 MB while they are looked at; four threads may do so at once (finding 11).
MOST_PIXELS = 12_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
SRGB = ImageCms.createProfile("sRGB")
# By the colour space of a profile: the mode it is for, and those that are as good.
MODES = {"RGB ": ("RGB", "RGBA", "L", "LA"), "GRAY": ("L", "LA"), "CMYK": ("CMYK",)}


def make(removal: Removal) -> None:
    """Make and note the preview of a result; without one the list shows an icon."""
    if (removal.result_width or 0) * (removal.result_height or 0) > MOST_PIXELS:
        return
    name = files.name_for("thumbnails", removal.team_id, "webp", stem=removal.attempt)
    try:
        see_through = _draw(removal.result, name)
    except (OSError, ValueError, SyntaxError) as exc:
        # Pillow reports a picture that it cannot read in these three ways.
        log.warning("no preview of %s: %s", removal.pk, type(exc).__name__)
        return
    seen = Removal.objects.filter(pk=removal.pk, result=removal.result, files_deleted_at=None)
    seen.update(thumbnail=name, result_has_alpha=see_through)


def _draw(source: str, name: str) -> bool:
    """Write the preview; return whether any of the picture can be seen through."""
    with files.opened(source) as file, Image.open(file, formats=FORMATS) as picture:
        picture.draft("RGB", (SIDE, SIDE))
        # One colour that stands for "transparent" must not be mixed with its neighbours.
        is_keyed = picture.mode == "P" or "transparency" in picture.info
        small = picture.convert("RGBA") if is_keyed else picture
        small.thumbnail((SIDE, SIDE))
        small = _in_srgb(small, picture.info.get("icc_profile", b""))
    with files.writing(name) as target:
        small.save(target, "WEBP", quality=80)
    return any(small.getchannel("A").histogram()[:255])


def _in_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Return a picture as a screen without colour management shows it right, with alpha."""
    plain = picture.convert("RGBA")
    if not 0 < len(profile) <= MAX_PROFILE:
        return plain
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        modes = MODES.get(source.profile.xcolor_space, ())
        if picture.mode not in modes:
            return plain
        shown = ImageCms.profileToProfile(picture.convert(modes[0]), source, SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return plain  # Decoders pass over a profile that they cannot read.
    if shown is None:
        return plain
    shown.putalpha(plain.getchannel("A"))
    return shown
