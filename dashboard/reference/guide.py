"""The error guide: what the gateway's document says goes wrong, and what to do about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from dashboard.rembg.errors import Fact, RembgError

TITLES: dict[str, str | Promise] = {
    "picture": _("The picture"),
    "field": _("The fields"),
    "key": _("The key"),
    "limit": _("Limits and budgets"),
    "again": _("Sent again"),
    "usage": _("Questions about usage"),
    "site": _("This site cannot do it now"),
    "way": _("RemBG, and the way to it"),
}


@dataclass(frozen=True)
class Advice:
    """What to do about an error, and in which part of the guide it stands."""

    group: str
    what: str | Promise


@dataclass(frozen=True)
class Row:
    """An error as it is answered, with the advice."""

    code: str
    status: int
    sentence: str
    scenario: str
    advice: Advice
    charged: Fact
    is_first: bool = True  # Of its code: the page can point to it.


@dataclass(frozen=True)
class Group:
    """A part of the guide."""

    name: str
    title: str | Promise
    rows: list[Row]


SIZE = _("Send a whole number from 1 to 10000, or leave it out.")
SCALE = _("Scale it down to 10,000 px or less.")
ASK_AN_ADMIN = _("Ask an admin of the team.")
LOOK_FIRST = _("Look at the team's removals before you send the picture again.")
SEND_AGAIN = _("Nothing was sent to RemBG: send it again after Retry-After, or in a minute.")
UNADVISED = Advice("site", _("If the sentence does not help: ask an admin, with the request_id."))
ADVICE = {
    "no_image": Advice("picture", _("Send the file in the field image, as multipart/form-data.")),
    "no_file": Advice("picture", _("The field image came without a file name: attach a file.")),
    "file_type": Advice("picture", _("Convert it to WebP, PNG, JPEG or BMP.")),
    "signature": Advice("picture", _("Choose another file: its bytes are no picture.")),
    "empty_file": Advice("picture", _("Check that the file was written before it is sent.")),
    "file_size": Advice("picture", _("Make it smaller, or compress it more.")),
    "too_wide": Advice("picture", SCALE),
    "too_tall": Advice("picture", SCALE),
    "truncated": Advice("picture", _("Send the whole file: its end is missing.")),
    "damaged": Advice("picture", _("Open the file and save it again: a part of it is broken.")),
    "trailer": Advice("picture", _("Save it again: more hangs behind the picture than itself.")),
    "animated": Advice("picture", _("Send one frame as a picture of its own.")),
    "cut": Advice("picture", _("Send all of it again: the upload broke off.")),
    "malformed": Advice("picture", _("Let a library write the form: boundary or lengths are off.")),
    "body_size": Advice("picture", _("Send a file of at most 50 MB.")),
    "media_type": Advice("picture", _("Send a form with the file in it, not JSON or a link.")),
    "size_type": Advice("field", SIZE),
    "size_min": Advice("field", SIZE),
    "size_max": Advice("field", SIZE),
    "angle_type": Advice("field", _("Send a number such as 15 or -90.5.")),
    "angle_range": Advice("field", _("Take whole turns off: -360 to 360.")),
    "format": Advice("field", _("Ask for png, jpeg, webp or bmp.")),
    "bg_color": Advice("field", _("Write #RRGGBB, or a name such as red.")),
    "mask_bg": Advice("field", _("Leave one of the two out.")),
    "flag": Advice("field", _("Send true or false.")),
    "repeated_field": Advice("field", _("Send each field once.")),
    "image_as_text": Advice("picture", _("Send it as a file part, with a filename.")),
    "other_field": Advice("picture", _("Name the field image.")),
    "several_images": Advice("picture", _("Send one request a picture.")),
    "fields": Advice("field", _("Leave out what is not in the list of fields.")),
    "several_fields": Advice("field", _("details names each field with its own sentence.")),
    "two_credentials": Advice("key", _("Send x-api-key only.")),
    "key_in_query": Advice("key", _("Move it to the header, and have it replaced: it was seen.")),
    "two_keys": Advice("key", _("Send the header x-api-key once.")),
    "missing_key": Advice("key", _("Send your virtual key in the header x-api-key.")),
    "bad_key": Advice("key", _("Copy the key again, whole: it begins with rbk_.")),
    "rembg_key": Advice("key", _("Take a virtual key of your own from the team's pages.")),
    "key_revoked": Advice("key", _("Take a new one; if you left the team, ask to come back.")),
    "key_expired": Advice("key", _("Take a new one.")),
    "key_paused": Advice("key", ASK_AN_ADMIN),
    "role": Advice("key", _("An owner or admin makes the member of the key more than a viewer.")),
    "not_allowed": Advice("key", _("Leave the field out, or ask an admin to allow it.")),
    "use_https": Advice("key", _("Call https://, and have the key replaced: it went in clear.")),
    "unverified": Advice("key", _("An owner confirms the e-mail address of the RemBG account.")),
    "rate_short": Advice("limit", _("Wait as long as Retry-After says, then send it again.")),
    "rate_daily": Advice("limit", _("Wait until 00:00 UTC; asking again before is of no use.")),
    "rate_monthly": Advice("limit", _("An owner buys credits, or wait for the renewal.")),
    "too_many_calls": Advice("limit", _("Send fewer at once, and this one again in a moment.")),
    "over_budget": Advice("limit", _("An owner or admin raises it, or wait for the next cycle.")),
    "in_progress": Advice("again", _("Wait as long as Retry-After says: the first call runs.")),
    "idempotency_mismatch": Advice("again", _("Take a new value for another picture.")),
    "gone": Advice("again", _("Take a new value; the first picture is among the removals.")),
    "idempotency_key": Advice("again", _("Take a UUID, for example.")),
    "period_conflict": Advice("usage", _("Ask by window or by month, not by both.")),
    "not_whole": Advice("usage", _("Send a whole number within the range.")),
    "not_read_yet": Advice("usage", _("Ask again in a minute.")),
    "database_busy": Advice("site", _("Send it again in a moment.")),
    "busy": Advice("site", _("Send fewer pictures at once, and this one again in a moment.")),
    "no_key": Advice("site", _("An admin adds a RemBG key.")),
    "degraded": Advice("site", _("An admin looks at the account's page: it says what to do.")),
    "keys_locked": Advice("site", _("Whoever runs this site restores the encryption key.")),
    "no_space": Advice("site", _("Whoever runs this site makes room.")),
    "keys_refused": Advice("way", _("An admin looks at the keys page: it says what to do.")),
    "unreachable": Advice("way", SEND_AGAIN),
    "breaker_open": Advice("way", SEND_AGAIN),
    "connect_timeout": Advice("way", SEND_AGAIN),
    "tls_error": Advice("way", _("Whoever runs this site looks at the way to RemBG.")),
    "redirected": Advice("way", _("Whoever runs this site looks at the address of RemBG.")),
    "no_answer": Advice("way", LOOK_FIRST),
    "short_answer": Advice("way", LOOK_FIRST),
    "cut_picture": Advice("way", LOOK_FIRST),
    "wrong_answer": Advice("way", LOOK_FIRST),
    "answer_too_large": Advice("way", LOOK_FIRST),
    "not_http": Advice("way", LOOK_FIRST),
    "upstream_error": Advice("way", LOOK_FIRST),
    "upload_cut": Advice("way", LOOK_FIRST),
    "process_ended": Advice("way", LOOK_FIRST),
    "answer_timeout": Advice("way", LOOK_FIRST),
    "deadline_passed": Advice("way", LOOK_FIRST),
}


def groups(document: dict[str, Any]) -> list[Group]:
    """Return the errors of an OpenAPI document, each sentence once, by what they are about."""
    rows: dict[tuple[str, str], Row] = {}
    for row in _rows(document):
        named = any(row.code == code for code, _sentence in rows)
        rows.setdefault((row.code, row.sentence), replace(row, is_first=not named))
    found = (
        Group(name, title, [row for row in rows.values() if row.advice.group == name])
        for name, title in TITLES.items()
    )
    return [group for group in found if group.rows]


def _rows(document: dict[str, Any]) -> Iterator[Row]:
    for path in document["paths"].values():
        for method in path.keys() & {"get", "post"}:
            for response in path[method]["responses"].values():
                yield from _errors(_resolved(response, document), document)


def _errors(response: dict[str, Any], document: dict[str, Any]) -> Iterator[Row]:
    content = response["content"].get("application/json", {})
    for name, example in content.get("examples", {}).items():
        found = _resolved(example, document)
        value = found["value"]
        if "error" in value:
            yield Row(
                code=value["code"],
                status=value["status"],
                sentence=value["error"],
                scenario=found["summary"],
                advice=ADVICE.get(name, UNADVISED),
                charged=CHARGED.get(value["code"], "no"),
            )


def _resolved(part: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    """Return what a reference within the document stands for."""
    while "$ref" in part:
        names = part["$ref"].removeprefix("#/").split("/")
        part = document
        for name in names:
            part = part[name]
    return part


def _leaves(error: type[RembgError]) -> Iterator[type[RembgError]]:
    yield error
    for child in error.__subclasses__():
        yield from _leaves(child)


# What an error costs is said once, where the client raises it.
CHARGED: dict[str, Fact] = {leaf.code: leaf.charged for leaf in _leaves(RembgError)}
