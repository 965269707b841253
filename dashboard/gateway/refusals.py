"""What the gateway itself says no to, beside RemBG's own reasons and those of `removals.errors`.

NotSent (of dashboard.rembg.errors: no byte left, no credit)
└── GatewayRefusal
    ├── the key       MissingKey, TwoKeys (K10), KeyInQuery (K7), RembgKey (K8), KeyRevoked (T6),
    │                 KeyExpired, KeyPaused (K11), RoleTooLow, HttpsNeeded (T21), NotAllowed
    ├── the form      WrongMediaType (U38), Malformed (U35), CutOff (U30), TooManyFields (U36),
    │                 BodyTooLarge (U28)
    ├── once more     BadIdempotencyKey, InProgress, AnotherBody, AnswerGone (R18)
    ├── not now       TooManyCalls (A13), NotReadYet, DatabaseBusy (S10)
    └── not here      MethodNotAllowed, WrongAddress
"""

from __future__ import annotations

from collections.abc import Iterable

from dashboard.rembg.errors import NotSent
from dashboard.rembg.errors import gettext_noop as _


class GatewayRefusal(NotSent):
    """An answer that is not what was asked for. It cost no credit."""

    code = "refusal"
    sentence = "The request was refused."
    http_status = 400
    title = ""


class MissingKey(GatewayRefusal):
    """There is no key (T16: a session does not count here)."""

    code = "missing_key"
    sentence = "Send your key in the x-api-key header."
    http_status = 401
    to_program = _("Send your virtual key in the header x-api-key.")
    group = "key"


class TwoKeys(GatewayRefusal):
    """Several headers have no one meaning (K10)."""

    code = "two_keys"
    sentence = "Send one x-api-key header."
    to_program = _("Send the header x-api-key once.")
    group = "key"


class KeyInQuery(GatewayRefusal):
    """What stands in an address is logged everywhere (K7)."""

    code = "key_in_query"
    sentence = "Send the key in the x-api-key header."
    to_program = _("Move it to the header, and have it replaced: it was seen.")
    group = "key"


class RembgKey(GatewayRefusal):
    """One of RemBG's keys does not belong here (K8)."""

    code = "rembg_key"
    sentence = "This looks like a RemBG key; use a virtual key (rbk_...)."
    http_status = 401
    to_program = _("Take a virtual key of your own from the team's pages.")
    group = "key"


class KeyRevoked(GatewayRefusal):
    """Revoked, or its member left (T6)."""

    code = "key_revoked"
    sentence = "This key is no longer valid."
    http_status = 401
    to_program = _("Take a new one; if you left the team, ask to come back.")
    group = "key"


class KeyExpired(GatewayRefusal):
    """Its time is over (K11)."""

    code = "key_expired"
    sentence = "This key has expired."
    http_status = 401
    to_program = _("Take a new one.")
    group = "key"


class KeyPaused(GatewayRefusal):
    """Paused until somebody resumes it (K11)."""

    code = "key_paused"
    sentence = "This key is paused. Its member, or an admin of the team, can resume it."
    http_status = 403
    to_program = _("Ask an admin of the team.")
    group = "key"


class RoleTooLow(GatewayRefusal):
    """A viewer may look, not remove."""

    code = "role"
    sentence = "The role of this key's member does not include removals."
    http_status = 403
    to_program = _("An owner or admin makes the member of the key more than a viewer.")
    group = "key"


class HttpsNeeded(GatewayRefusal):
    """Never a redirect: the key has been sent in clear already (T21)."""

    code = "use_https"
    sentence = "Use https"
    http_status = 403
    to_program = _("Call https://, and have the key replaced: it went in clear.")
    group = "key"


class NotAllowed(GatewayRefusal):
    """This key may not ask for this field."""

    code = "not_allowed"
    sentence = "This key may not ask for this."
    http_status = 403
    to_program = _("Leave the field out, or ask an admin to allow it.")
    group = "key"

    @classmethod
    def of(cls, name: str) -> NotAllowed:
        """Return the refusal that says which field."""
        return cls(f"This key may not ask for '{name}'. An admin of the team can change that.")


class WrongMediaType(GatewayRefusal):
    """U38; no address is ever fetched for anybody."""

    code = "media_type"
    sentence = "Please send the image as multipart/form-data."
    http_status = 415
    to_program = _("Send a form with the file in it, not JSON or a link.")
    group = "picture"


class Malformed(GatewayRefusal):
    """No form (U35)."""

    code = "malformed"
    sentence = "The multipart body could not be read."
    to_program = _("Let a library write the form: boundary or lengths are off.")
    group = "picture"


class CutOff(GatewayRefusal):
    """A form that broke off (U30)."""

    code = "cut"
    sentence = "The upload was cut off. Please try again."
    to_program = _("Send all of it again: the upload broke off.")
    group = "picture"


class TooManyFields(GatewayRefusal):
    """Too much in a form (U36)."""

    code = "fields"
    sentence = "This form has more in it than we read."
    to_program = _("Leave out what is not in the list of fields.")
    group = "field"


class BodyTooLarge(GatewayRefusal):
    """U28."""

    code = "body_size"
    sentence = "This upload is larger than 64 MB. No credit was spent."
    http_status = 413
    to_program = _("Send a file of at most 50 MB.")
    group = "picture"


class TooManyCalls(GatewayRefusal):
    """One team may not hold all of this server (promises A13)."""

    code = "too_many_calls"
    sentence = "This team has too many calls under way at once. Please slow down."
    http_status = 429
    pause = 1
    to_program = _("Send fewer at once, and this one again in a moment.")
    group = "limit"


class BadIdempotencyKey(GatewayRefusal):
    """The header cannot be kept."""

    code = "idempotency_key"
    sentence = "Idempotency-Key must have 1 to 255 visible ASCII characters."
    to_program = _("Take a UUID, for example.")
    group = "again"


class InProgress(GatewayRefusal):
    """The first call with this Idempotency-Key has not ended (R18)."""

    code = "in_progress"
    sentence = "A request with this Idempotency-Key is still in progress."
    http_status = 409
    pause = 2
    to_program = _("Wait as long as Retry-After says: the first call runs.")
    group = "again"


class AnotherBody(GatewayRefusal):
    """The same Idempotency-Key came with another request (R18)."""

    code = "idempotency_mismatch"
    sentence = "This Idempotency-Key was used for a different request."
    http_status = 409
    to_program = _("Take a new value for another picture.")
    group = "again"


class AnswerGone(GatewayRefusal):
    """The first call was answered, and its picture is not kept any more."""

    code = "gone"
    sentence = "The answer to this Idempotency-Key is not kept any more. The credit was spent."
    http_status = 410
    to_program = _("Take a new value; the first picture is among the removals.")
    group = "again"


class NotReadYet(GatewayRefusal):
    """Unknown is not 0."""

    code = "not_read_yet"
    sentence = "This account's usage has not been read yet. Please try again in a minute."
    http_status = 503
    pause = 60
    to_program = _("Ask again in a minute.")
    group = "usage"


class DatabaseBusy(GatewayRefusal):
    """promises S10."""

    code = "database_busy"
    sentence = "The database is busy. Please try again."
    http_status = 503
    pause = 10
    to_program = _("Send it again in a moment.")


class MethodNotAllowed(GatewayRefusal):
    """Another method than the address has."""

    code = "method"
    sentence = "This method is not allowed."
    http_status = 405

    allowed = ""

    @classmethod
    def of(cls, methods: Iterable[str]) -> MethodNotAllowed:
        """Return the refusal that names the methods that there are."""
        allowed = ", ".join(methods)
        error = cls(f"Use {allowed}.")
        error.allowed = allowed
        return error


class WrongAddress(GatewayRefusal):
    """Another service's address, or one that RemBG never had."""

    code = "wrong_address"
    sentence = "This address does not exist. Send POST /rmbg with the file in the field 'image'."
    http_status = 404


# What the form's reader calls it when it gives up.
UNREADABLE: dict[str, type[GatewayRefusal]] = {
    leaf.code: leaf for leaf in (Malformed, CutOff, TooManyFields)
}
