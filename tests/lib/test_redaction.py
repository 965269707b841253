"""Redaction: a known secret leaves no trace in text, however it is written."""

import base64
import io
import json
import logging
from urllib.parse import quote

import pytest

from dashboard.lib import redaction
from dashboard.lib.logs import JsonFormatter

SECRET = 'canary-7f3a"\\é-9c51'

ENCODINGS = {
    "raw": SECRET,
    "url": quote(SECRET, safe=""),
    "base64-0": base64.b64encode(SECRET.encode()).decode(),
    "base64-1": base64.b64encode(b"x" + SECRET.encode()).decode(),
    "base64-2": base64.b64encode(b"xy" + SECRET.encode()).decode(),
    "base64-inside": base64.b64encode(b"abc" + SECRET.encode() + b"def").decode(),
    "hex": SECRET.encode().hex(),
    "hex-upper": SECRET.encode().hex().upper(),
    "json": json.dumps(SECRET),
    "reversed": SECRET[::-1],
}


@pytest.fixture(autouse=True)
def known():
    redaction.remember(SECRET)


@pytest.mark.parametrize("written", ENCODINGS.values(), ids=ENCODINGS)
def test_k5_a_known_secret_is_masked_in_every_encoding(written):
    masked = redaction.redact(f"before {written} after")

    assert redaction.MASK in masked
    assert written not in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


def test_text_without_secrets_stays_as_it_is():
    assert redaction.redact("nothing to hide: 3f2a") == "nothing to hide: 3f2a"


def test_finding_3_other_ids_of_the_same_shape_are_kept():
    redaction.remember("6f1f4f0e-1111-4c8b-9a55-000000000001")

    assert "0002" in redaction.redact("job 6f1f4f0e-1111-4c8b-9a55-000000000002")


def logged(act) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("tests.redaction")
    logger.propagate = False
    logger.addHandler(handler)
    try:
        act(logger)
    finally:
        logger.removeHandler(handler)
    return stream.getvalue()


def test_a4_a_secret_in_arguments_or_tracebacks_does_not_reach_the_log():
    def act(logger):
        logger.warning("key %s", SECRET)
        try:
            raise ValueError(SECRET)
        except ValueError:
            logger.exception("failed")

    text = logged(act)

    assert not [name for name, written in ENCODINGS.items() if written in text]
    assert text.count("\n") == 2


def test_o7_a_line_break_in_a_message_cannot_forge_a_line():
    text = logged(lambda logger: logger.warning('first\n{"level": "ERROR"}\x1b[31m'))

    assert text.count("\n") == 1
    assert json.loads(text)["message"].startswith("first\n")
    assert "\x1b" not in text


def test_what_is_remembered_is_bounded_and_the_oldest_forgotten(monkeypatch):
    for number in range(redaction.KEPT + 1):
        redaction.remember(f"filler-{number:06}")

    assert redaction.redact("filler-000000") == "filler-000000"
    assert redaction.redact(f"filler-{redaction.KEPT:06}") == redaction.MASK
    assert len(redaction._known) == redaction.KEPT


def test_a_refusal_is_a_line_and_an_error_has_its_traceback():
    def act(logger):
        try:
            raise PermissionError("not yours")
        except PermissionError:
            logger.warning("Forbidden", exc_info=True)
            logger.exception("failed")

    forbidden, failed = map(json.loads, logged(act).splitlines())

    assert "error" not in forbidden
    assert "PermissionError: not yours" in failed["error"]
