"""The OpenAPI document of the gateway: RemBG's wire, and what is our own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from dashboard.gateway.refusals import GatewayRefusal
from dashboard.rembg.errors import RembgError

WIRE = Path(__file__).parent.parent / "openapi.json"
OVERLAY = Path(__file__).with_name("openapi_overlay.json")
REQUEST_ID = "6f1ab2c34d5e4f60a1b2c3d4e5f60718"
Document = dict[str, Any]


def document(*, site_url: str) -> Document:
    """Return the OpenAPI 3.1 document of this site, which answers at `site_url`.

    RemBG's own hosts stay readable as `x-rembg-servers` of each path.
    """
    made: Document = _merged(_read(WIRE), _read(OVERLAY))
    made["servers"] = [{"url": site_url, "description": "This site"}]
    for path in made["paths"].values():
        path["x-rembg-servers"] = path.pop("servers")
    made["paths"]["/rmbg"]["post"]["parameters"] = [_reference("parameters", "idempotencyKey")]
    for answer in _answers(made):
        answer["headers"] = {**_headers_of_every_answer(), **answer.get("headers", {})}
        _identify_errors(answer)
    return made


def _read(file: Path) -> Document:
    return json.loads(_text(file))


@cache
def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def _merged(base: Document, overlay: Document) -> Document:
    """Lay one tree over another; null takes away what is there."""
    merged = dict(base)
    for name, value in overlay.items():
        if name not in base:
            merged[name] = value
        elif value is None:
            del merged[name]
        elif isinstance(value, dict) and isinstance(base[name], dict):
            merged[name] = _merged(base[name], value)
        else:
            merged[name] = value
    return merged


def _answers(made: Document) -> Iterator[Document]:
    """Every answer of every call, those that calls share once."""
    yield from made["components"]["responses"].values()
    for path in made["paths"].values():
        for method in path.keys() & {"get", "post"}:
            answers = path[method]["responses"].values()
            yield from (answer for answer in answers if "$ref" not in answer)


def _headers_of_every_answer() -> Document:
    return {
        "X-Credits-Charged": _reference("headers", "CreditsCharged"),
        "X-Request-Id": _reference("headers", "RequestId"),
    }


def _identify_errors(answer: Document) -> None:
    """Give each example of an error its `code` and a request id.

    Its name is the code of a leaf, which says the sentence and the status where the example does
    not.
    """
    leaves = {leaf.code: leaf for leaf in (*GatewayRefusal.family(), *RembgError.family())}
    for content in answer["content"].values():
        for name, example in content.get("examples", {}).items():
            if "value" not in example:
                leaf = leaves[name]
                example["value"] = {"error": leaf.sentence, "status": leaf.http_status}
            if "error" in example["value"]:
                example["value"].setdefault("code", name)
                example["value"]["request_id"] = REQUEST_ID


def _reference(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
