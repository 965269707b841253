"""What broke on the way to RemBG or back: the F rows of promises 2.6."""

from __future__ import annotations

from dashboard.rembg.errors.base import Fact, RembgError


class NotSent(RembgError):
    """No byte of the body left this machine."""

    sent = "no"
    charged = "no"
    code = "not_sent"
    sentence = "RemBG could not be reached."


class Unreachable(NotSent):
    """F1: no such name, connection refused, or lost before the body."""

    code = "unreachable"
    retriable = True


class ConnectTimeout(NotSent):
    """F2: no connection in the time allowed."""

    code = "connect_timeout"
    sentence = "RemBG did not answer in time."
    retriable = True


class TlsFailed(NotSent):
    """F3: the certificate or the protocol is not to be trusted; a person must look."""

    code = "tls_error"
    sentence = "The secure connection to RemBG failed."


class BreakerOpen(NotSent):
    """F28: too many recent failures; nothing is sent until `retry_after` seconds have passed."""

    code = "breaker_open"
    sentence = "RemBG is not answering properly at the moment. We will try again shortly."
    retriable = True


class MalformedKey(NotSent):
    """K1, K2: the text cannot be a RemBG key; it is not echoed."""

    code = "malformed_key"
    sentence = "This does not look like a RemBG key."


class OutcomeUnknown(RembgError):
    """Bytes of the body left, no whole answer came: a person or the usage figures decide."""

    code = "outcome_unknown"
    sentence = "The connection to RemBG broke. It is not known whether a credit was used."


class UploadCut(OutcomeUnknown):
    """F4: a write timed out or was reset in the middle of the body."""

    code = "upload_cut"


class NoAnswer(OutcomeUnknown):
    """F5: closed without an answer after the whole body."""

    code = "no_answer"


class AnswerTimeout(OutcomeUnknown):
    """F6: no answer in the time allowed."""

    code = "answer_timeout"
    sentence = "RemBG did not answer in time. It is not known whether a credit was used."


class ShortAnswer(OutcomeUnknown):
    """F7: the answer stopped before its announced end."""

    code = "short_answer"


class DeadlinePassed(OutcomeUnknown):
    """F9: bytes kept coming (or going), too slowly to end before the total deadline."""

    code = "deadline_passed"
    sentence = "RemBG took too long. It is not known whether a credit was used."


class SourceChanged(OutcomeUnknown):
    """Ours: the file ended before the size that was announced for it."""

    code = "source_changed"
    sentence = "The picture changed while it was being sent. Please upload it again."


class BadAnswer(RembgError):
    """An answer that is not one of RemBG's; `body_head` shows an admin how it begins."""

    sent: Fact = "yes"
    code = "bad_answer"
    sentence = "RemBG's answer could not be understood. It is not known whether a credit was used."


class CutPicture(BadAnswer):
    """F8: the picture's own end is missing; HTTP cannot tell."""

    code = "cut_picture"
    sentence = "RemBG's picture arrived incomplete."


class WrongAnswer(BadAnswer):
    """F10: a success that is not a picture of the format asked for."""

    code = "wrong_answer"


class AnswerTooLarge(BadAnswer):
    """F11: more bytes, after decoding, than any answer may have."""

    code = "answer_too_large"


class UpstreamError(BadAnswer):
    """F22: 500 and above; the documents do not say whether a credit is charged."""

    code = "upstream_error"
    sentence = "RemBG has a problem. It is not known whether a credit was used."


class Redirected(BadAnswer):
    """F23: a redirect, never followed (the key would travel along)."""

    charged = "no"
    code = "redirected"
    sentence = "RemBG's address answered with a redirect, which is not followed."


class NotHttp(BadAnswer):
    """F24: too many headers, a header too long, or not HTTP at all."""

    sent = "unknown"
    code = "not_http"


class NotStored(RembgError):
    """R5: the picture came and was paid for, and could not be written here."""

    sent = "yes"
    charged = "yes"
    code = "not_stored"
    sentence = "RemBG's picture could not be written down here."
