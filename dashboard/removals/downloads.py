"""Pictures behind addresses that ask who you are (promises A12, O6)."""

from __future__ import annotations

from typing import cast
from urllib.parse import quote

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from dashboard.rembg import filenames
from dashboard.removals import files
from dashboard.teams.access import team_view
from dashboard.teams.models import Team

# What is served is one of these, whatever a row says.
TYPES = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "bmp": "image/bmp",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}


@require_safe
@team_view()
def result(request: HttpRequest, team: Team, pk: str) -> HttpResponse:
    """Show what came back; `?download` saves it under the original's name."""
    removal = get_object_or_404(team.removals, pk=pk)
    return _picture(removal.result, removal.download_name, attached="download" in request.GET)


@require_safe
@team_view()
def original(request: HttpRequest, team: Team, pk: str) -> HttpResponse:
    """Show what was sent; `?download` saves it."""
    removal = get_object_or_404(team.removals, pk=pk)
    extension = removal.picture.rsplit(".", 1)[-1]
    name = filenames.download_name(removal.filename, extension=extension)
    return _picture(removal.picture, name, attached="download" in request.GET)


@require_safe
@team_view()
def thumbnail(request: HttpRequest, team: Team, pk: str) -> HttpResponse:
    """Show a small preview of what came back."""
    removal = get_object_or_404(team.removals, pk=pk)
    return _picture(removal.thumbnail, "preview.webp", attached=False)


def disposition(name: str, *, attached: bool) -> str:
    """Return the header that names a file, in ASCII and in full (RFC 6266)."""
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    kind = "attachment" if attached else "inline"
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _picture(stored: str, name: str, *, attached: bool) -> HttpResponse:
    content_type = TYPES.get(stored.rsplit(".", 1)[-1])
    if content_type is None:
        raise Http404
    try:
        file = files.opened(stored)
    except FileNotFoundError:
        raise Http404 from None
    response = FileResponse(file, content_type=content_type, headers=HEADERS)
    response["Content-Disposition"] = disposition(name, attached=attached)
    # A streamed answer is none of HttpResponse's children, though every caller takes it for one.
    return cast(HttpResponse, response)
