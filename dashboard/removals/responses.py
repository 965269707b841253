"""Responses of the pages of removals: JSON for the page's own script, pages for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.urls import reverse

from dashboard.rembg.errors import FieldProblem, InvalidFields
from dashboard.removals import wording
from dashboard.removals.models import Removal, State


def wants_json(request: HttpRequest) -> bool:
    """Say whether a script asks; a browser without one accepts a page."""
    by_script = request.headers.get("X-Requested-With") == "XMLHttpRequest"
    return by_script or not request.accepts("text/html")


def address(removal: Removal, name: str = "detail") -> str:
    """Return an address of a removal, without a query; the team must be at hand."""
    return reverse(f"removals:{name}", args=[removal.team.slug, removal.pk])


def accepted(removal: Removal) -> JsonResponse:
    """Say that a picture is safe with us, and where to hear how it goes."""
    urls = {"url": address(removal), "status_url": address(removal, "status")}
    return JsonResponse({"id": str(removal.pk), **urls}, status=201)


def refused(
    details: Sequence[FieldProblem], *, code: str, error: str = "", status: int = 400
) -> JsonResponse:
    """Say what is wrong, in RemBG's own shape (promises 2)."""
    if len(details) > 1:
        error, code = InvalidFields.sentence, InvalidFields.code
    answer: dict[str, Any] = {"error": error or details[0].message, "status": status, "code": code}
    if details:
        answer["details"] = [asdict(problem) for problem in details]
    return JsonResponse(answer, status=status)


def status(removal: Removal, *, at: datetime) -> JsonResponse:
    """Say how far a removal is, in the fields that the page's script knows."""
    failed = removal.state in (State.FAILED, State.UNKNOWN)
    return JsonResponse(
        {
            "id": str(removal.pk),
            "state": removal.state,
            "phase": removal.phase,
            "phase_label": wording.phase_sentence(removal, at=at),
            "up": _known(removal.up),
            "down": _known(removal.down),
            "error": _failure(removal) if failed else None,
            "code": removal.error if failed else None,
            "details": removal.details if failed else [],
            "charged": removal.charged if removal.is_final else None,
            "charged_label": wording.cost_sentence(removal) or None,
            "result": _result(removal),
            "degraded": removal.degraded,
            "notices": removal.notices,
            "page_url": address(removal),
        }
    )


def _failure(removal: Removal) -> str:
    return f"{removal.message} {wording.safe_sentence(removal)}"


def _result(removal: Removal) -> dict[str, Any] | None:
    if removal.state != State.DONE or not removal.has_files or not removal.result:
        return None
    url = address(removal, "result")
    return {
        "url": url,
        "download_url": f"{url}?download",
        "filename": removal.download_name,
        "type": removal.result_type,
        "bytes": removal.result_bytes,
        "width": removal.result_width,
        "height": removal.result_height,
    }


def _known(progress: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what is not known: the script tells absent from 0."""
    if progress is None:
        return None
    return {name: value for name, value in progress.items() if value is not None}
