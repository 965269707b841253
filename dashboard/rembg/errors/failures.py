"""What broke on the way to RemBG or back: the F rows of promises 2.6."""

from __future__ import annotations

from dashboard.rembg.errors.base import (
    ASK_AGAIN,
    LOOK_AT_REMOVALS,
    LOOK_AT_USAGE,
    PAUSE,
    RUN_LATER,
    WAIT_SOME_MINUTES,
    Fact,
    RembgError,
)
from dashboard.rembg.errors.base import gettext_noop as _

NOTHING_SENT = _("Nothing was sent, so no credit was spent.")
SEND_AGAIN = _("Nothing was sent to RemBG: send it again after Retry-After, or in a minute.")


class NotSent(RembgError):
    """No byte of the body left this machine."""

    sent = "no"
    charged = "no"
    code = "not_sent"
    sentence = "RemBG could not be reached."
    title = _("RemBG could not be reached")
    meaning = NOTHING_SENT
    to_operator = _("We try again on our own. If it stays like this, check this server's network.")
    to_operator_by_hand = _(
        "Try again in a few minutes. If it stays like this, check this server's network."
    )
    to_terminal = RUN_LATER


class Unreachable(NotSent):
    """F1: no such name, connection refused, or lost before the body."""

    code = "unreachable"
    retriable = True
    http_status = 503
    pause = PAUSE
    to_person = WAIT_SOME_MINUTES
    to_program = SEND_AGAIN
    group = "way"


class ConnectTimeout(NotSent):
    """F2: no connection in the time allowed."""

    code = "connect_timeout"
    sentence = "RemBG did not answer in time."
    retriable = True
    http_status = 504
    title = _("RemBG did not answer in time")
    to_person = WAIT_SOME_MINUTES
    to_program = SEND_AGAIN
    group = "way"


class TlsFailed(NotSent):
    """F3: the certificate or the protocol is not to be trusted; a person must look."""

    code = "tls_error"
    sentence = "The secure connection to RemBG failed."
    title = _("The secure connection to RemBG failed")
    meaning = _("Its certificate could not be trusted, so neither key nor picture was sent.")
    to_operator = to_operator_by_hand = _(
        "Ask whoever runs this site to check REMBG_API_URL, REMBG_SITE_URL and the clock."
    )
    to_person = _("Whoever runs this site should look at its connection.")
    runs_again = False
    to_terminal = "Check the clock and the certificates of this machine."
    to_program = _("Whoever runs this site looks at the way to RemBG.")
    group = "way"


class BreakerOpen(NotSent):
    """F28: too many recent failures; nothing is sent until `retry_after` seconds have passed."""

    code = "breaker_open"
    sentence = "RemBG is not answering properly at the moment. We will try again shortly."
    retriable = True
    http_status = 503
    pause = PAUSE
    title = _("RemBG has not been answering properly")
    meaning = _("We are holding back for a moment; nothing was sent.")
    to_operator = _("We try again on our own, shortly.")
    to_operator_by_hand = ASK_AGAIN
    to_person = WAIT_SOME_MINUTES
    to_program = SEND_AGAIN
    group = "way"


class MalformedKey(NotSent):
    """K1, K2: the text cannot be a RemBG key; it is not echoed."""

    code = "malformed_key"
    sentence = "This does not look like a RemBG key."
    title = _("This does not look like a RemBG key")
    meaning = _("A key is 8 to 256 letters, digits and signs, without spaces.")
    to_operator = to_operator_by_hand = _("Copy it again from your RemBG account, alone and whole.")
    to_terminal = "Check the key: it was cut, or has a character too many."


class OutcomeUnknown(RembgError):
    """Bytes of the body left, no whole answer came: a person or the usage figures decide."""

    code = "outcome_unknown"
    sentence = "The connection to RemBG broke. It is not known whether a credit was used."
    title = _("The connection to RemBG broke")
    to_operator = LOOK_AT_USAGE
    to_program = LOOK_AT_REMOVALS
    group = "way"


class UploadCut(OutcomeUnknown):
    """F4: a write timed out or was reset in the middle of the body."""

    code = "upload_cut"
    http_status = 504


class NoAnswer(OutcomeUnknown):
    """F5: closed without an answer after the whole body."""

    code = "no_answer"


class AnswerTimeout(OutcomeUnknown):
    """F6: no answer in the time allowed."""

    code = "answer_timeout"
    sentence = "RemBG did not answer in time. It is not known whether a credit was used."
    http_status = 504
    title = _("RemBG did not answer in time")


class ShortAnswer(OutcomeUnknown):
    """F7: the answer stopped before its announced end."""

    code = "short_answer"


class DeadlinePassed(OutcomeUnknown):
    """F9: bytes kept coming (or going), too slowly to end before the total deadline."""

    code = "deadline_passed"
    sentence = "RemBG took too long. It is not known whether a credit was used."
    http_status = 504
    title = _("RemBG took too long")


class SourceChanged(OutcomeUnknown):
    """Ours: the file ended before the size that was announced for it."""

    code = "source_changed"
    sentence = "The picture changed while it was being sent. Please upload it again."
    title = _("The picture changed while it was being sent")
    to_operator = _("Upload the picture again.")


class BadAnswer(RembgError):
    """An answer that is not one of RemBG's; `body_head` shows an admin how it begins."""

    sent: Fact = "yes"
    code = "bad_answer"
    sentence = "RemBG's answer could not be understood. It is not known whether a credit was used."
    title = _("RemBG's answer could not be understood")
    to_operator = LOOK_AT_USAGE
    to_program = LOOK_AT_REMOVALS
    group = "way"


class CutPicture(BadAnswer):
    """F8: the picture's own end is missing; HTTP cannot tell."""

    code = "cut_picture"
    sentence = "RemBG's picture arrived incomplete."
    title = _("RemBG's picture arrived incomplete")


class WrongAnswer(BadAnswer):
    """F10: a success that is not a picture of the format asked for."""

    code = "wrong_answer"


class AnswerTooLarge(BadAnswer):
    """F11: more bytes, after decoding, than any answer may have."""

    code = "answer_too_large"
    title = _("RemBG's answer was larger than any picture may be")


class UpstreamError(BadAnswer):
    """F22: 500 and above; the documents do not say whether a credit is charged."""

    code = "upstream_error"
    sentence = "RemBG has a problem. It is not known whether a credit was used."
    title = _("RemBG has a problem")
    to_person = _("The cause is at RemBG. Wait some minutes.")


class Redirected(BadAnswer):
    """F23: a redirect, never followed (the key would travel along)."""

    charged = "no"
    code = "redirected"
    sentence = "RemBG's address answered with a redirect, which is not followed."
    title = _("RemBG's address answered with a redirect")
    meaning = _("It is not followed, because the key would travel along. No credit was spent.")
    to_operator = _("Ask whoever runs this site to check REMBG_API_URL and REMBG_SITE_URL.")
    to_terminal = "Check the address that was asked."
    to_program = _("Whoever runs this site looks at the address of RemBG.")


class NotHttp(BadAnswer):
    """F24: too many headers, a header too long, or not HTTP at all."""

    sent = "unknown"
    code = "not_http"
    title = _("What answered did not speak as RemBG does")
    to_operator = _("If it stays like this, ask whoever runs this site.")


class NotStored(RembgError):
    """R5: the picture came and was paid for, and could not be written here."""

    sent = "yes"
    charged = "yes"
    code = "not_stored"
    sentence = "RemBG's picture could not be written down here."
    title = _("The picture came, and could not be written down here")
    meaning = _("One credit was spent.")
    to_operator = _("Ask whoever runs this site to make room on the disk.")
    to_person = _("Whoever runs this site should look at its disk.")
    runs_again = False
    to_terminal = "Make room on the disk, and look there before running it again."
