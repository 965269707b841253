"""What the gateway itself says no to, beside RemBG's own reasons and those of `removals.errors`."""

from __future__ import annotations

from dataclasses import dataclass, field

UNREADABLE = {
    "malformed": "The multipart body could not be read.",
    "cut": "The upload was cut off. Please try again.",
    "fields": "This form has more in it than we read.",
}


@dataclass
class Refusal(Exception):
    """An answer that is not what was asked for: status, slug, sentence. It cost no credit."""

    status: int
    code: str
    sentence: str
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.code


def missing_key() -> Refusal:
    """Return 401: there is no key (T16: a session does not count here)."""
    return Refusal(401, "missing_key", "Send your key in the x-api-key header.")


def bad_key() -> Refusal:
    """Return 401 in RemBG's own words (contract `bad_key`, K9)."""
    return Refusal(401, "bad_key", "invalid api key")


def two_keys() -> Refusal:
    """Return 400: several headers have no one meaning (K10)."""
    return Refusal(400, "two_keys", "Send one x-api-key header.")


def key_in_query() -> Refusal:
    """Return 400: what stands in an address is logged everywhere (K7)."""
    return Refusal(400, "key_in_query", "Send the key in the x-api-key header.")


def rembg_key() -> Refusal:
    """Return 401: one of RemBG's keys does not belong here (K8)."""
    sentence = "This looks like a RemBG key; use a virtual key (rbk_...)."
    return Refusal(401, "rembg_key", sentence)


def key_revoked() -> Refusal:
    """Return 401: revoked, or its member left (T6)."""
    return Refusal(401, "key_revoked", "This key is no longer valid.")


def key_expired() -> Refusal:
    """Return 401: its time is over (K11)."""
    return Refusal(401, "key_expired", "This key has expired.")


def key_paused() -> Refusal:
    """Return 403: paused until somebody resumes it (K11)."""
    sentence = "This key is paused. Its member, or an admin of the team, can resume it."
    return Refusal(403, "key_paused", sentence)


def role_too_low() -> Refusal:
    """Return 403: a viewer may look, not remove."""
    return Refusal(403, "role", "The role of this key's member does not include removals.")


def use_https() -> Refusal:
    """Return 403, and never a redirect: the key has been sent in clear already (T21)."""
    return Refusal(403, "use_https", "Use https")


def not_allowed(name: str) -> Refusal:
    """Return 403: this key may not ask for this."""
    sentence = f"This key may not ask for '{name}'. An admin of the team can change that."
    return Refusal(403, "not_allowed", sentence)


def media_type() -> Refusal:
    """Return 415 (U38); no address is ever fetched for anybody."""
    return Refusal(415, "media_type", "Please send the image as multipart/form-data.")


def unreadable(code: str) -> Refusal:
    """Return 400: no form (U35), one that broke off (U30), or too much in it (U36)."""
    return Refusal(400, code, UNREADABLE[code])


def body_size() -> Refusal:
    """Return 413 (U28)."""
    return Refusal(413, "body_size", "This upload is larger than 64 MB. No credit was spent.")


def too_many_calls() -> Refusal:
    """Return 429: one team may not hold all of this server (promises A13)."""
    sentence = "This team has too many calls under way at once. Please slow down."
    return Refusal(429, "too_many_calls", sentence, {"Retry-After": "1"})


def bad_idempotency_key() -> Refusal:
    """Return 400: the header cannot be kept."""
    sentence = "Idempotency-Key must have 1 to 255 visible ASCII characters."
    return Refusal(400, "idempotency_key", sentence)


def in_progress() -> Refusal:
    """Return 409: the first call with this Idempotency-Key has not ended (R18)."""
    sentence = "A request with this Idempotency-Key is still in progress."
    return Refusal(409, "in_progress", sentence, {"Retry-After": "2"})


def another_body() -> Refusal:
    """Return 409: the same Idempotency-Key came with another request (R18)."""
    sentence = "This Idempotency-Key was used for a different request."
    return Refusal(409, "idempotency_mismatch", sentence)


def answer_gone() -> Refusal:
    """Return 410: the first call was answered, and its picture is not kept any more."""
    sentence = "The answer to this Idempotency-Key is not kept any more. The credit was spent."
    return Refusal(410, "gone", sentence)


def no_account() -> Refusal:
    """Return 503: the team has no RemBG account to speak of."""
    sentence = "This team has no RemBG key yet. An admin can add one on the keys page."
    return Refusal(503, "no_key", sentence, {"Retry-After": "60"})


def not_read_yet() -> Refusal:
    """Return 503: unknown is not 0."""
    sentence = "This account's usage has not been read yet. Please try again in a minute."
    return Refusal(503, "not_read_yet", sentence, {"Retry-After": "60"})


def busy_database() -> Refusal:
    """Return 503 (promises S10)."""
    sentence = "The database is busy. Please try again."
    return Refusal(503, "database_busy", sentence, {"Retry-After": "10"})


def method(allowed: str) -> Refusal:
    """Return 405."""
    return Refusal(405, "method", f"Use {allowed}.", {"Allow": allowed})


def wrong_address() -> Refusal:
    """Return 404: another service's address, or one that RemBG never had."""
    sentence = "This address does not exist. Send POST /rmbg with the file in the field 'image'."
    return Refusal(404, "wrong_address", sentence)
