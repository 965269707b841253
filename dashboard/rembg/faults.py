"""Which leaf a broken request is (promises F1-F9, F24), decided by how far it came."""

from __future__ import annotations

from dashboard.rembg import errors
from dashboard.rembg.errors import RembgError
from dashboard.rembg.wire import Exchange


def fault(exchange: Exchange) -> RembgError:
    """Return the error of a broken request; `sent` is "no" only if no body byte can have left."""
    if not exchange.is_connected:
        return _never_connected(exchange)
    if exchange.body is not None and not exchange.body.has_started and not exchange.received:
        return errors.ConnectTimeout() if exchange.has_timed_out else errors.Unreachable()
    if exchange.body is not None and not exchange.body.is_handed_over:
        return errors.UploadCut()
    return _broken_answer(exchange)


def _never_connected(exchange: Exchange) -> RembgError:
    if exchange.has_tls_failed:
        return errors.TlsFailed()
    return errors.ConnectTimeout() if exchange.has_timed_out else errors.Unreachable()


def _broken_answer(exchange: Exchange) -> RembgError:
    if exchange.has_timed_out:
        drips = exchange.received and exchange.is_late
        return errors.DeadlinePassed() if drips else errors.AnswerTimeout()
    if not exchange.received:
        return errors.NoAnswer()
    return errors.ShortAnswer() if exchange.is_answered else errors.NotHttp()
