"""The picture that came back: is it whole, is it what was asked for, is it degraded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from dashboard.rembg import errors, parameters, pictures, wording
from dashboard.rembg.headers import AnswerHead
from dashboard.rembg.parameters import Parameters
from dashboard.rembg.pictures import Picture

# The service answers an empty account with a picture within 460 x 460 px, for inputs whose longer
# side is over 468 px and no size asked for (contract 1, observed).
DEGRADED_SIDE, DEGRADED_FROM = 460, 468
HEAD = 1024 * 1024  # Bytes in which a header must say the sides.
GENERIC_TYPES = frozenset({"", "application/octet-stream", "binary/octet-stream"})
OTHER_TYPES = {"jpeg": {"image/jpg", "image/pjpeg"}, "bmp": {"image/x-ms-bmp", "image/x-bmp"}}


@dataclass(frozen=True)
class Notice:
    """Something about a success that people must see."""

    code: str
    message: str


@dataclass(frozen=True)
class AnswerVerdict:
    """The sides of the answer in pixels, and what is odd about it."""

    width: int
    height: int
    notices: tuple[Notice, ...]


@dataclass(frozen=True)
class Removed:
    """A picture that came back, whole and of the format asked for; it cost a credit.

    Sides in pixels, `size` in bytes, `seconds` from the first byte out to the last byte in.
    """

    content_type: str
    size: int
    width: int
    height: int
    seconds: float
    notices: tuple[Notice, ...] = ()
    request_id: str = ""
    clock_skew: int | None = None

    @property
    def is_degraded(self) -> bool:
        """Whether it is the small picture of an account that has run out (contract 1)."""
        return any(notice.code == "degraded" for notice in self.notices)

    @classmethod
    def of(
        cls,
        verdict: AnswerVerdict,
        head: AnswerHead,
        *,
        asked: Parameters,
        size: int,
        seconds: float,
    ) -> Removed:
        """Put together what the answer's header, its picture and our clock say."""
        return cls(
            content_type=parameters.CONTENT_TYPES[asked.format],
            size=size,
            width=verdict.width,
            height=verdict.height,
            seconds=seconds,
            notices=verdict.notices,
            request_id=head.request_id,
            clock_skew=head.clock_skew,
        )


def is_expected_type(content_type: str, asked: Parameters) -> bool:
    """Tell whether an answer so labelled can be a picture of the format asked for."""
    label = content_type.split(";")[0].strip().lower()
    expected = parameters.CONTENT_TYPES[asked.format]
    return label == expected or label in GENERIC_TYPES | OTHER_TYPES.get(asked.format, set())


def judge(
    file: BinaryIO, *, asked: Parameters, source: Picture, secrets: tuple[str, ...]
) -> AnswerVerdict:
    """Look at an answer's header and end; raise WrongAnswer (F10) or CutPicture (F8)."""
    file.seek(0)
    beginning = file.read(HEAD)
    seen = pictures.head(beginning)
    if seen is None or seen[0] != asked.format:
        raise errors.WrongAnswer(status=200, body_head=wording.head(beginning, secrets=secrets))
    if not pictures.complete(file):
        raise errors.CutPicture(status=200)
    _, width, height = seen
    return AnswerVerdict(width, height, _notices(width, height, asked, source))


def _notices(width: int, height: int, asked: Parameters, source: Picture) -> tuple[Notice, ...]:
    """Say whether the answer is degraded, or else of another size than asked for (F12)."""
    small = max(width, height) <= DEGRADED_SIDE
    large = max(source.width, source.height) > DEGRADED_FROM
    if small and large and not (asked.w or asked.h):
        return (
            Notice(
                "degraded",
                f"RemBG returned a small picture ({width} × {height} px). "
                "The account may be out of credits.",
            ),
        )
    if _is_size_as_asked(width, height, asked, source):
        return ()
    return (Notice("size", f"RemBG returned another size than expected: {width} × {height} px."),)


def _is_size_as_asked(width: int, height: int, asked: Parameters, source: Picture) -> bool:
    if asked.angle:
        return True  # A turned picture's corners make its size a matter of rounding.
    if asked.exact_resize and asked.w and asked.h:
        return (width, height) == (asked.w, asked.h)
    if asked.w and asked.h:
        return (width <= asked.w and height <= asked.h) and (width == asked.w or height == asked.h)
    if asked.w or asked.h:
        return width == asked.w or height == asked.h
    return sorted((width, height)) == sorted((source.width, source.height))
