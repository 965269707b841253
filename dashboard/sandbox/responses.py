"""An answer of the sandbox, before it goes out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import IO, Any

from dashboard.sandbox.messages import Refusal

Headers = tuple[tuple[str, str], ...]
# How an answer reaches the caller.
WHOLE, CUT, RESET, DRIPPING = "whole", "cut", "reset", "dripping"


@dataclass(frozen=True)
class Response:
    """Status, body and the way it is delivered; a file is closed once it is sent."""

    status: int
    content_type: str
    body: bytes | IO[bytes]
    headers: Headers = ()
    delivery: str = WHOLE


def document(content: Any, *, status: int = 200, headers: Headers = ()) -> Response:
    body = json.dumps(content, ensure_ascii=False).encode()
    return Response(status, "application/json", body, headers)


def refusal(refused: Refusal) -> Response:
    return document(refused.document(), status=refused.status, headers=refused.headers)
