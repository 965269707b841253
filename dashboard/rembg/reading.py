"""The one loop that reads an answer's body: decoded, capped, and held to the deadline."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPException

import urllib3
import urllib3.exceptions

from dashboard.rembg import errors, faults
from dashboard.rembg.multipart import LARGE_BLOCK
from dashboard.rembg.wire import Exchange


def pieces(answer: urllib3.BaseHTTPResponse, exchange: Exchange, *, most: int) -> Iterator[bytes]:
    """Yield the body as it comes; raise AnswerTooLarge beyond `most` bytes, or how it broke."""
    size = 0
    while piece := _piece(answer, exchange):
        size += len(piece)
        if size > most:
            raise errors.AnswerTooLarge(status=answer.status)
        yield piece


def whole(answer: urllib3.BaseHTTPResponse, exchange: Exchange, *, most: int) -> bytes:
    """Return the body; raise as `pieces` does."""
    return b"".join(pieces(answer, exchange, most=most))


def beginning(answer: urllib3.BaseHTTPResponse, exchange: Exchange, *, most: int) -> bytes:
    """Return what can be had of the first bytes of a body that explains a refusal; never raises."""
    found = bytearray()
    try:
        for piece in pieces(answer, exchange, most=most):
            found += piece
    except errors.RembgError:
        pass  # A refusal is one, however its explanation ends.
    return bytes(found)


def _piece(answer: urllib3.BaseHTTPResponse, exchange: Exchange) -> bytes:
    broken = undecodable = False
    piece = b""
    try:
        piece = answer.read1(LARGE_BLOCK, decode_content=True)
    except urllib3.exceptions.DecodeError:
        undecodable = True
    except (urllib3.exceptions.HTTPError, HTTPException, OSError):
        broken = True
    if undecodable:
        raise errors.WrongAnswer(status=answer.status)
    if broken:
        error = faults.fault(exchange)
        error.status = answer.status
        raise error
    return piece
