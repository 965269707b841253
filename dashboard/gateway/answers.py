"""What the gateway answers: RemBG's shape, and what only we can say beside it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from typing import Any, BinaryIO

from django.http import HttpRequest, HttpResponseBase, JsonResponse, StreamingHttpResponse

from dashboard.gateway.calls import Done
from dashboard.gateway.refusals import Refusal
from dashboard.rembg import errors, wording
from dashboard.rembg.errors import RembgError
from dashboard.removals import errors as ours
from dashboard.removals.budgets import Use, tightest
from dashboard.removals.models import Removal

BLOCK = 256 * 1024
CREDITS = {"yes": "1", "no": "0", "unknown": "unknown"}
PAUSE = 30  # seconds to wait where nobody says how long

# The gateway column of promises 2.6; a refusal of the request itself is 400, what is not here 502.
STATUSES: dict[type[RembgError], int] = {
    errors.Refused: 400,
    errors.Limited: 429,
    errors.Unreachable: 503,
    errors.ConnectTimeout: 504,
    errors.BreakerOpen: 503,
    errors.UploadCut: 504,
    errors.AnswerTimeout: 504,
    errors.DeadlinePassed: 504,
    ours.NoKey: 503,
    ours.KeysLocked: 503,
    ours.Degraded: 503,
    ours.NoSpace: 507,
    ours.Busy: 429,
    ours.OverBudget: 429,
}
# Of an error that is only a row any more.
STATUS_OF_CODE = {leaf.code: status for leaf, status in STATUSES.items()}
WAIT_STATUSES = (429, 503)
NO_USE_WAITING = (errors.RateDaily, errors.RateMonthly, ours.OverBudget, ours.Degraded)


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


def refused(request: HttpRequest, refusal: Refusal) -> JsonResponse:
    """Say why not, where the gateway itself says no."""
    return _error(
        request,
        refusal.status,
        {"error": refusal.sentence},
        code=refusal.code,
        charged="no",
        headers=refusal.headers,
    )


def failed(request: HttpRequest, error: RembgError) -> JsonResponse:
    """Say why not, in RemBG's words where they are RemBG's."""
    status = _status(error)
    headers = {}
    if status in WAIT_STATUSES and not isinstance(error, NO_USE_WAITING):
        headers["Retry-After"] = str(error.retry_after or PAUSE)
    if isinstance(error, ours.OverBudget):
        headers["X-Budget-Remaining"] = "0"
    body: dict[str, Any] = {"error": error.message}
    if isinstance(error, errors.InvalidFields):
        body["details"] = [asdict(problem) for problem in error.details]
    return _error(request, status, body, code=error.code, charged=error.charged, headers=headers)


def failed_before(request: HttpRequest, removal: Removal) -> JsonResponse:
    """Say again what became of a removal that was not done (R18)."""
    status = STATUS_OF_CODE.get(removal.error, 502)
    answer = _error(
        request,
        status,
        {"error": removal.message},
        code=removal.error,
        charged=removal.charged,
        request_id=removal.request_id,
    )
    answer["Idempotent-Replayed"] = "true"
    return answer


def _status(error: RembgError) -> int:
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 502)


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


def _tell_budgets(answer: HttpResponseBase, uses: list[Use]) -> None:
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
