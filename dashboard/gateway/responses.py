"""Responses of the gateway: RemBG's shape, and what only we can say beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any, BinaryIO

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse

from dashboard.gateway.calls import Done
from dashboard.gateway.refusals import MethodNotAllowed
from dashboard.rembg import errors, wording
from dashboard.rembg.errors import RembgError
from dashboard.removals.budgets import BudgetUse, tightest
from dashboard.removals.errors import OverBudget
from dashboard.removals.models import Removal

BLOCK = 256 * 1024
CREDITS = {"yes": "1", "no": "0", "unknown": "unknown"}


def picture(done: Done, file: BinaryIO) -> HttpResponseBase:
    """Send a picture back as it came; the file is closed at the end."""
    answer = StreamingHttpResponse(_blocks(file), content_type=done.content_type)
    answer["Content-Length"] = str(done.size)
    answer["X-Credits-Charged"] = CREDITS["yes"]
    if done.notices:
        answer["X-Notice"] = wording.header(done.notices[0])
    if done.is_replay:
        answer["Idempotent-Replayed"] = "true"
    _tell_budgets(answer, done.uses)
    return answer


def failed(request: HttpRequest, error: RembgError) -> JsonResponse:
    """Say why not, in RemBG's words where they are RemBG's."""
    headers = {}
    if error.pause:
        headers["Retry-After"] = str(error.retry_after or error.pause)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = error.allowed
    if isinstance(error, OverBudget):
        headers["X-Budget-Remaining"] = "0"
    body: dict[str, Any] = {"error": error.message}
    if isinstance(error, errors.InvalidFields):
        body["details"] = [asdict(problem) for problem in error.details]
    return _error(
        request,
        error.http_status,
        body,
        code=error.code,
        charged=error.charged,
        headers=headers,
    )


def failed_before(request: HttpRequest, removal: Removal) -> JsonResponse:
    """Say again what became of a removal that was not done (R18)."""
    answer = _error(
        request,
        errors.named(removal.error).http_status,
        {"error": removal.message},
        code=removal.error,
        charged=removal.charged,
        request_id=removal.request_id,
    )
    answer["Idempotent-Replayed"] = "true"
    return answer


def _error(
    request: HttpRequest,
    status: int,
    body: dict[str, Any],
    *,
    code: str,
    charged: str,
    headers: dict[str, str] | None = None,
    request_id: str = "",
) -> JsonResponse:
    named = {"status": status, "code": code, "request_id": request_id or request.id}  # type: ignore[attr-defined]
    answer = JsonResponse({**body, **named}, status=status, headers=headers)
    # The same text to every reader of JSON, and no tag to one that takes it for a page (F26).
    answer.content = answer.content.replace(b"<", b"\\u003C")
    answer["X-Credits-Charged"] = CREDITS[charged]
    return answer


def _tell_budgets(answer: HttpResponseBase, uses: list[BudgetUse]) -> None:
    least = tightest(uses)
    if least is not None:
        answer["X-Budget-Remaining"] = str(least.remaining)
    warning = next((use for use in uses if use.is_warning), None)
    if warning is not None:
        whose = warning.budget.get_kind_display().lower()
        taken = "1 credit" if warning.taken == 1 else f"{warning.taken} credits"
        answer["X-Budget-Warning"] = f"{whose} budget: {taken} taken this cycle"


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        yield from iter(partial(file.read, BLOCK), b"")
