"""The calls of the gateway, as a developer needs to know them (contract 1 and 2, and ours)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Place = Literal["form", "query", "header"]
FLAG = ("true", "false")
ON = ("1", "true")


@dataclass(frozen=True)
class Parameter:
    """Something that a request may say; `options` are its values where they are few."""

    name: str
    kind: str | Promise
    rule: str | Promise
    default: str = ""
    place: Place = "form"
    options: tuple[str, ...] = ()
    example: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Answer:
    """What may come back; `guide` names the part of the error guide that lists its rows."""

    status: str
    what: str | Promise
    guide: bool = False


@dataclass(frozen=True)
class Endpoint:
    """One address of the gateway: what it takes and what it answers."""

    name: str
    method: str
    path: str
    theirs: str
    title: str | Promise
    summary: str | Promise
    cost: str | Promise
    parameters: tuple[Parameter, ...] = ()
    answers: tuple[Answer, ...] = ()
    takes_key: bool = True
    takes_picture: bool = False


REMOVE = Endpoint(
    name="rmbg",
    method="POST",
    path="/rmbg",
    theirs="https://api.rembg.com",
    title=_("Remove a background"),
    summary=_(
        "Send a picture as multipart/form-data; the answer is the cut-out picture itself, with its"
        " own content type."
    ),
    cost=_("One credit when it succeeds, none when it is refused"),
    takes_picture=True,
    parameters=(
        Parameter(
            "format",
            _("text"),
            _("Format of the result. JPEG and BMP have no transparency: they come on white."),
            default="webp",
            options=("webp", "png", "jpeg", "bmp"),
        ),
        Parameter(
            "w",
            _("integer"),
            _("Width, 1 to 10,000 px. With one side only, the proportions are kept. 0 is not set."),
            example="800",
        ),
        Parameter("h", _("integer"), _("Height, 1 to 10,000 px."), example="600"),
        Parameter(
            "exact_resize",
            _("true or false"),
            _("Make it exactly w × h; this may distort."),
            default="false",
            options=FLAG,
        ),
        Parameter(
            "mask",
            _("true or false"),
            _("Return only the alpha mask. Not together with bg_color."),
            default="false",
            options=FLAG,
        ),
        Parameter(
            "bg_color",
            _("text"),
            _("Background: #RGB, #RGBA, #RRGGBB, #RRGGBBAA or a name such as red."),
            example="#ffffffff",
        ),
        Parameter(
            "angle",
            _("number"),
            _("Degrees to turn the result by, -360 to 360."),
            default="0",
            example="15",
        ),
        Parameter(
            "expand",
            _("true or false"),
            _("Grow the canvas so that a turned picture is not cropped."),
            default="true",
            options=FLAG,
        ),
        Parameter(
            "Idempotency-Key",
            _("text"),
            _("Ours: a call sent again with the same value is answered again and charged once."),
            place="header",
            wide=True,
        ),
    ),
    answers=(
        Answer("200", _("The picture: image/webp, image/png, image/jpeg or image/bmp.")),
        Answer("400", _("The picture or a field is wrong; several fields come in details."), True),
        Answer("401, 403", _("The key, or its account, is refused."), True),
        Answer("409", _("The same Idempotency-Key is running, or was used otherwise."), True),
        Answer("429", _("A limit of RemBG, or a cap of your team, is reached."), True),
        Answer("5xx", _("RemBG could not be reached or gave no proper answer."), True),
    ),
)

USAGE = Endpoint(
    name="membership-usage",
    method="GET",
    path="/api/membership-usage",
    theirs="https://www.rembg.com",
    title=_("Membership and credit usage"),
    summary=_(
        "Plan, credits and usage of the account that the key draws on: by UTC calendar month, by"
        " billing cycle, or as the list of billing cycles. Answered from our own readings."
    ),
    cost=_("Free"),
    parameters=(
        Parameter(
            "year",
            _("number"),
            _("UTC year, 1 to 9999; else now."),
            "",
            "query",
            example="2026",
        ),
        Parameter(
            "month", _("number"), _("UTC month, 1 to 12; else now."), "", "query", example="3"
        ),
        Parameter(
            "periodStartUnix",
            _("seconds"),
            _("Start of a billing window, from listBillingCycles. Never with year or month."),
            place="query",
            example="1774268612",
            wide=True,
        ),
        Parameter(
            "expand",
            _("text"),
            _("billing_cycle adds the object billingCycle."),
            place="query",
            options=("billing_cycle",),
        ),
        Parameter(
            "includeBillingCycle",
            _("1 or true"),
            _("The same as expand=billing_cycle."),
            place="query",
            options=ON,
        ),
        Parameter(
            "listBillingCycles",
            _("1 or true"),
            _("Only the list of billing cycles, newest first; all else is ignored."),
            place="query",
            options=ON,
        ),
    ),
    answers=(
        Answer("200", _("JSON. Fields below.")),
        Answer("400", _("A parameter is wrong, or periodStartUnix came with year or month."), True),
        Answer("401, 403", _("The key, or its account, is refused."), True),
    ),
)

DOCUMENT = Endpoint(
    name="openapi",
    method="GET",
    path="/api/openapi",
    theirs="https://www.rembg.com",
    title=_("The raw OpenAPI document"),
    summary=_("OpenAPI 3.1, for client generators and API tools. No key."),
    cost=_("Free"),
    takes_key=False,
    answers=(Answer("200", _("application/json")),),
)

ENDPOINTS = {endpoint.name: endpoint for endpoint in (REMOVE, USAGE, DOCUMENT)}


@dataclass(frozen=True)
class Header:
    """A header of an answer."""

    name: str
    what: str | Promise


HEADERS = (
    Header("X-Credits-Charged", _("1, 0 or unknown: what this call cost.")),
    Header("X-Request-Id", _("Names this call in the team's removals and in our logs.")),
    Header("X-Budget-Remaining", _("Credits left of the tightest cap; absent without a cap.")),
    Header("X-Budget-Warning", _("A soft limit is reached: which one.")),
    Header("X-Notice", _("Something about the result that people should see.")),
    Header("X-As-Of", _("Usage only: when RemBG last said these numbers.")),
    Header("X-Credits-Since", _("Usage only: credits charged through this site since then.")),
    Header("Idempotent-Replayed", _("true: the stored answer of an earlier call.")),
    Header("Retry-After", _("Seconds to wait before it is worth asking again.")),
)


@dataclass(frozen=True)
class Field:
    """A field of a JSON answer."""

    name: str
    what: str | Promise


FIELDS = (
    Field("membership", _("The plan's label.")),
    Field("credits", _("The plan's allowance in a cycle, not a balance.")),
    Field("prepaidCredits", _("Bought credits that are left; no cycle resets them.")),
    Field("app_usage, api_usage", _("Counters of the calendar month or of periodStartUnix.")),
    Field("billingCycle.periodStartUnix", _("The window's first second.")),
    Field("billingCycle.periodEndUnix", _("The second before the next renewal.")),
    Field("billingCycle.appUsage, apiUsage", _("Credits used in the window.")),
    Field("billingCycle.includedCredits", _("The allowance of the window.")),
    Field("billingCycle.usedIncludedCredits", _("appUsage + apiUsage, without prepaid ones.")),
    Field("billingCycle.remainingIncludedCredits", _("Left of the allowance, never below 0.")),
    Field("billingCycle.stripeBillingSynced", _("false: the window is the UTC month for now.")),
    Field("billingCycles[]", _("With listBillingCycles: windows with their counters.")),
    Field("virtualKey", _("Ours: cap, used, remaining, periodEndUnix of your key.")),
    Field("sinceReading", _("Ours: credits charged through this site since asOfUnix.")),
)
