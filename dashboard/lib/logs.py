"""Logging as one JSON line a record, with known secrets taken out of the final text."""

import json
import logging
from datetime import UTC, datetime

from dashboard.lib.redaction import redact
from dashboard.lib.tokens import masked

EXTRAS = ("request_id", "method", "path", "status", "milliseconds", "team", "user")


class JsonFormatter(logging.Formatter):
    """One line a record; JSON escapes control characters, so that a line cannot be forged (O7)."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in EXTRAS if hasattr(record, name)}
        # Below an error Django adds one of its own making: that somebody may not do this (403).
        if record.exc_info and record.levelno >= logging.ERROR:
            line["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return masked(redact(json.dumps(line, default=str)))
