"""Holds a running server against its OpenAPI document: schemathesis, with every check."""

import io
import itertools
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import strategies as st
from PIL import Image
from schemathesis import Case, GenerationMode, HookContext, Response
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.waiting import WAIT

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
SOON = (datetime.now(UTC) + timedelta(days=99)).isoformat()
HERE = Path(__file__).resolve().parent
COMMAND = "import sys; from schemathesis.cli import schemathesis; sys.exit(schemathesis())"
PARAMETERS = ("ACCOUNT_ID", "KEY_ID", "OTHER_KEY_ID", "CYCLE", "MONTH")
numbers = itertools.count()


def tiny(kind: str) -> bytes:
    """Make a real picture of a few pixels."""
    file = io.BytesIO()
    Image.new("RGB", (5, 4), "#8a1f2b").save(file, kind)
    return file.getvalue()


PICTURES = {kind: tiny(kind) for kind in KINDS}
for _kind, _picture in PICTURES.items():
    schemathesis.openapi.media_type(f"image/{_kind}", st.just(_picture))


def problems(
    document: dict[str, Any],
    *arguments: str,
    url: str,
    headers: dict[str, str],
    folder: Path,
    **parameters: str,
) -> str:
    """Send what a document allows and what it forbids; return what schemathesis has against it."""
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    sent = [part for name, value in headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["--config-file", str(HERE / "schemathesis.toml"), "run", str(file), "-u", url]
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *command, "-c", "all", "--no-color", *sent, *arguments],
        cwd=folder,  # It keeps what crashed there.
        env={
            **os.environ,
            "PYTHONPATH": str(HERE.parent),
            **dict.fromkeys(PARAMETERS, ""),
            **parameters,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT,
    )
    # Only 401 and 403 would please most checks.
    is_right = done.returncode == 0 and "Authentication failed" not in done.stdout
    return "" if is_right else done.stdout


def ask_once(
    document: dict[str, Any], operation: str, *, url: str, headers: dict[str, str], **parts: Any
) -> Response:
    """Send one request as given, and hold its answer against the document."""
    path, method = OPERATIONS[operation]
    case = schemathesis.openapi.from_dict(document)[path][method].Case(**parts)
    answer = case.call(url, headers=headers)
    case.validate_response(answer, checks=CHECKS)
    return answer


@schemathesis.deserializer(*(f"image/{kind}" for kind in KINDS))
def picture(context: schemathesis.DeserializationContext, response: Response) -> str:
    """Look at an answer that says that it is a picture; raise OSError if it is none."""
    Image.open(io.BytesIO(response.content)).load()
    return "picture"


@schemathesis.hook
def before_load_schema(context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Leave out `not` beside a file: schemathesis cannot judge bytes."""
    raw_schema["components"]["schemas"].get("RemovalRequest", {}).pop("not", None)


@schemathesis.hook
def map_body(context: HookContext, body: Any) -> Any:
    """Keep a form to what OpenAPI cannot say: real colours, one kind of ground; and keep it small.

    What is wrong stays wrong.
    """
    if isinstance(body, dict) and "image" in body:
        for side in ("w", "h"):
            if isinstance(body.get(side), int) and LARGEST < body[side] <= 10_000:
                body[side] = LARGEST
        if _is_word(body.get("bg_color")):
            body["bg_color"] = "Red"
        if str(body.get("mask")).lower() == "true":
            body["mask"] = False
    return body


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    """Leave out what `map_body` does not reach: forms that were not drawn, but listed."""
    form = _values(case.body)
    if "image" not in form or not _is_allowed(case):
        return True
    sizes = [form[side] for side in ("w", "h") if isinstance(form.get(side), int)]
    return max(sizes, default=0) <= LARGEST and not _is_word(form.get("bg_color"))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Keep the rest to what OpenAPI cannot say: what exists, is new, and comes after another."""
    if not _is_allowed(case):
        return
    query, terms = _values(case.query), _values(case.body)
    if "periodStartUnix" in query:
        query.pop("year", None)
        query.pop("month", None)
    if query.get("since"):
        query["until"] = query["since"]
    if "image" not in terms:
        _settle(terms)


def _settle(terms: dict[str, Any]) -> None:
    """Let labels differ, accounts and members be those there are, and a warning come first."""
    if "label" in terms:
        terms["label"] = f"{terms['label'][:60]} {next(numbers)}"
    for name in ("account", "member"):
        terms.pop(name, None)
    if terms.get("hard"):
        terms["soft"] = min(terms.get("soft") or 1, terms["hard"])
    else:  # Alone it may come after the stop that the key has already.
        terms.pop("soft", None)
    if terms.get("expires_at"):
        terms["expires_at"] = SOON


def _is_allowed(case: Case) -> bool:
    return bool(case.meta) and case.meta.generation.mode is GenerationMode.POSITIVE


def _is_word(value: object) -> bool:
    return isinstance(value, str) and value.isalpha() and value != "Red"


def _values(part: object) -> dict[str, Any]:
    return part if isinstance(part, dict) else {}
