"""The error table of the RemBG API, word for word, and the refusals made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True)
class Problem:
    """One sentence about one request parameter; `field` is empty when none is to blame."""

    message: str
    field: str = ""


class Refusal(Exception):
    """A request that is answered with an error and costs nothing."""

    def __init__(
        self, status: int, problems: Sequence[Problem], *, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(status)
        self.status = status
        self.problems = tuple(problems)
        self.headers = headers

    def document(self) -> dict[str, Any]:
        """The JSON body: one sentence, or RemBG's list when several fields are wrong."""
        if len(self.problems) == 1:
            return {"error": self.problems[0].message, "status": self.status}
        details = [{"field": each.field, "message": each.message} for each in self.problems]
        return {
            "error": "Multiple validation errors",
            "details": details,
            "status": self.status,
        }


@dataclass(frozen=True)
class Row:
    """A row of RemBG's error reference; `sample` fills the template as the reference prints it."""

    id: str
    status: int
    template: str
    sample: dict[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return self.template.format(**self.sample)

    def problem(self, parameter: str, **values: object) -> Problem:
        return Problem(self.template.format(**values), parameter)

    def refusal(self, **values: object) -> Refusal:
        return Refusal(self.status, [Problem(self.template.format(**(values or self.sample)))])


NO_IMAGE = Row(
    "no_image",
    400,
    "No image file provided. Please include an 'image' field in your form data.",
)
NO_FILE = Row("no_file", 400, "No file selected. Please choose an image file to upload.")
FILE_TYPE = Row(
    "file_type",
    400,
    "File type '{extension}' is not supported. Allowed formats: webp, bmp, png, jpg, jpeg",
    {"extension": ".exe"},
)
SIGNATURE = Row(
    "signature", 400, "File does not appear to be a valid image (invalid file signature)"
)
EMPTY_FILE = Row("empty_file", 400, "Uploaded file is empty (0 bytes).")
FILE_SIZE = Row(
    "file_size",
    400,
    "File size ({megabytes:.1f} MB) exceeds the maximum allowed size of 50 MB.",
    {"megabytes": 55.2},
)
TOO_WIDE = Row(
    "too_wide",
    400,
    "Image width ({pixels}px) exceeds the maximum allowed width of 10000px.",
    {"pixels": 12000},
)
TOO_TALL = Row(
    "too_tall",
    400,
    "Image height ({pixels}px) exceeds the maximum allowed height of 10000px.",
    {"pixels": 15000},
)
SIZE_TYPE = Row(
    "size_type",
    400,
    "'{name}' must be an integer, got: '{text}'",
    {"name": "w", "text": "abc"},
)
SIZE_MIN = Row(
    "size_min", 400, "'{name}' must be at least 1, got: {value}", {"name": "w", "value": -5}
)
SIZE_MAX = Row(
    "size_max",
    400,
    "'{name}' must be at most 10000, got: {value}",
    {"name": "w", "value": 15000},
)
ANGLE_TYPE = Row("angle_type", 400, "'angle' must be a number, got: '{text}'", {"text": "ninety"})
ANGLE_RANGE = Row(
    "angle_range",
    400,
    "'angle' must be between -360 and 360 degrees, got: {value}",
    {"value": 500.0},
)
FORMAT = Row(
    "format",
    400,
    "Invalid format '{text}'. Allowed formats: PNG, JPEG, WEBP, BMP",
    {"text": "gif"},
)
BG_COLOR = Row(
    "bg_color",
    400,
    "Invalid color format '{text}'. Use hex format: #RGB, #RGBA, #RRGGBB, or #RRGGBBAA",
    {"text": "#12345"},
)
MASK_BG = Row(
    "mask_bg",
    400,
    "Cannot use 'mask=true' together with 'bg_color'. Choose one or the other.",
)
TWO_CREDENTIALS = Row(
    "two_credentials", 400, "This is a mistake: Cannot use both API key and user token"
)
BAD_KEY = Row("bad_key", 401, "invalid api key")
UNVERIFIED = Row("unverified", 403, "Email address not verified \u2013 please check your inbox")
RATE_SHORT = Row(
    "rate_short", 429, "You're making requests too quickly, Please Upgrade or slow down."
)
RATE_DAILY = Row(
    "rate_daily", 429, "You've reached your daily limit. Please sign up for more access."
)
RATE_MONTHLY = Row(
    "rate_monthly",
    429,
    "You've reached your monthly limit. Consider purchasing more credits.",
)

TABLE = {
    row.id: row
    for row in (
        NO_IMAGE,
        NO_FILE,
        FILE_TYPE,
        SIGNATURE,
        EMPTY_FILE,
        FILE_SIZE,
        TOO_WIDE,
        TOO_TALL,
        SIZE_TYPE,
        SIZE_MIN,
        SIZE_MAX,
        ANGLE_TYPE,
        ANGLE_RANGE,
        FORMAT,
        BG_COLOR,
        MASK_BG,
        TWO_CREDENTIALS,
        BAD_KEY,
        UNVERIFIED,
        RATE_SHORT,
        RATE_DAILY,
        RATE_MONTHLY,
    )
}

# Where the table is silent; the contract has no sentence for these.
NOT_BOOLEAN = Row("not_boolean", 400, "'{name}' must be true or false, got: '{text}'")
NOT_WHOLE = Row(
    "not_whole", 400, "'{name}' must be an integer between {least} and {most}, got: '{text}'"
)
TRAILER = Row("trailer", 400, "The file holds more than 1 MB behind the end of its picture.")
PERIOD_CONFLICT = Row(
    "period_conflict", 400, "Cannot use 'periodStartUnix' together with 'year' or 'month'."
)


def plain(status: int, message: str = "") -> Refusal:
    """A refusal of the server itself (404, 413 and the like), in the same JSON form."""
    return Refusal(status, [Problem(message or HTTPStatus(status).phrase)])


def busy(message: str) -> Refusal:
    """A refusal for the moment: the same call works in a few seconds."""
    return Refusal(503, [Problem(message)], headers=(("Retry-After", "1"),))


def echo(text: str) -> str:
    """What was sent, safe to quote in a sentence: at most 20 characters, none of them invisible."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text[:20])
