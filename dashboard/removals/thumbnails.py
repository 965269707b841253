"""Small previews of results, for lists; decoded in the worker alone, and only where it is cheap."""

from __future__ import annotations

import logging

from PIL import Image

from dashboard.removals import files
from dashboard.removals.models import Removal

log = logging.getLogger(__name__)

SIDE = 160
# 12 megapixels take 48 MB while they are looked at; four threads may do so at once (finding 11).
MOST_PIXELS = 12_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "BMP")


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
        picture.thumbnail((SIDE, SIDE))
        small = picture.convert("RGBA")
    with files.writing(name) as target:
        small.save(target, "WEBP", quality=80)
    return any(small.getchannel("A").histogram()[:255])
