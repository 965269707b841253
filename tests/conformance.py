"""Asks a running server what its OpenAPI document allows, and what it forbids (schemathesis)."""

import io
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    positive_data_acceptance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
OPERATIONS = {
    "removeBackground": ("/rmbg", "POST"),
    "getMembershipUsage": ("/api/membership-usage", "GET"),
    "getOpenApi": ("/api/openapi", "GET"),
}
CHECKS: list[CheckFunction] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
KINDS = ("webp", "png", "jpeg", "bmp")
# Results as large as the document allows take seconds each, and show nothing more.
LARGEST = 300
CENTURY = 4_102_444_800


def tiny(kind: str) -> bytes:
    """Make a real picture of a few pixels."""
    file = io.BytesIO()
    Image.new("RGB", (5, 4), "#8a1f2b").save(file, kind)
    return file.getvalue()


PICTURES = {kind: tiny(kind) for kind in KINDS}
for _kind, _picture in PICTURES.items():
    schemathesis.openapi.media_type(f"image/{_kind}", st.just(_picture))


def ask(
    document: dict[str, Any],
    operation: str,
    *,
    url: str,
    key: str,
    mode: GenerationMode,
    times: int,
) -> list[Response]:
    """Send generated requests, always the same ones, and hold each answer against the document."""
    schema = _schema(document)
    schema.hook("map_case")(allowed if mode is POSITIVE else with_picture)
    path, method = OPERATIONS[operation]
    checks = CHECKS + ([positive_data_acceptance] if mode is POSITIVE else [])
    answers = []

    @settings(
        max_examples=times,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def send(case: Case) -> None:
        answer = case.call(url, headers={"x-api-key": key})
        answers.append(answer)
        case.validate_response(answer, checks=checks)

    send()
    return answers


def ask_once(
    document: dict[str, Any], operation: str, *, url: str, headers: dict[str, str], **parts: Any
) -> Response:
    """Send one request as given, and hold its answer against the document."""
    path, method = OPERATIONS[operation]
    case = _schema(document)[path][method].Case(**parts)
    answer = case.call(url, headers=headers)
    case.validate_response(answer, checks=CHECKS)
    return answer


def _schema(document: dict[str, Any]) -> schemathesis.BaseSchema:
    # The key is ours to send: a made-up one would only ever meet 401.
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_dict(document, config=config)


def allowed(context: schemathesis.HookContext, case: Case) -> Case:
    """Keep to what OpenAPI cannot say: real colours, one kind of period; and keep results small."""
    form, query = _values(case.body), _values(case.query)
    for side in {"w", "h"} & form.keys():
        form[side] = min(form[side], LARGEST)
    if str(form.get("bg_color", "#")).isalpha():
        form["bg_color"] = "Red"
    if "periodStartUnix" in query:
        query["periodStartUnix"] %= CENTURY
        query.pop("year", None)
        query.pop("month", None)
    return case


def with_picture(context: schemathesis.HookContext, case: Case) -> Case:
    """Put a real picture into a wrong form, so that it is not the picture that is refused."""
    form = _values(case.body)
    if isinstance(form.get("image"), str | bytes):
        form["image"] = PICTURES["png"]
    return case


def _values(part: object) -> dict[str, Any]:
    return part if isinstance(part, dict) else {}
