"""Answers given before the application: in RemBG's shape, like those that come from it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any


def refuse(
    start_response: Callable[..., Any], status: str, code: str, sentence: str, **headers: str
) -> list[bytes]:
    """Say no with this status line, slug and sentence; `_` in names of headers is `-`."""
    name = uuid.uuid4().hex
    document = {"error": sentence, "status": int(status[:3]), "code": code, "request_id": name}
    always = {"Content_Type": "application/json", "X_Credits_Charged": "0", "X_Request_Id": name}
    sent = [(name.replace("_", "-"), value) for name, value in {**always, **headers}.items()]
    start_response(status, sent)
    return [json.dumps(document).encode()]
