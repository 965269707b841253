"""Why a removal cannot be done, beside RemBG's own reasons.

NotSent (of dashboard.rembg.errors: no byte left, no credit)
├── NoKey         the team has no RemBG key at all
├── KeysRefused   RemBG refuses every key that could be used (F15, F16)
├── Degraded      every account that could pay answered with small pictures (contract 1)
├── KeysLocked    no key opens with the configured encryption key (K15)
├── NoSpace       no room for a result (R5, U41)
├── PictureGone   the picture is not where it was kept
├── Parked        the worker ended three times while it held this picture (R15)
├── Busy          as many pictures wait as a team may have waiting (R17)
└── OverBudget    a member, a virtual key or a tag has used up its budget (R7)

PictureRefused (of dashboard.rembg.errors: no credit)
└── SeveralImages (U36), ImageAsText, OtherField (U47)

OutcomeUnknown (of dashboard.rembg.errors: bytes left, nobody can tell whether a credit did)
└── ProcessEnded  our own process ended, or lost its database, before it wrote the outcome down (R1)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from dashboard.rembg import filenames
from dashboard.rembg.errors import (
    AccountRefused,
    NotSent,
    OutcomeUnknown,
    PictureRefused,
    Unverified,
)
from dashboard.rembg.errors import gettext_noop as _
from dashboard.rembg.errors.base import PAUSE


class SeveralImages(PictureRefused):
    """U36: more than one file; a credit for which of them?"""

    code = "several_images"
    sentence = "Please send one image per request."
    to_program = _("Send one request a picture.")


class ImageAsText(PictureRefused):
    """U47: the bytes came, but as a text field without a file's name."""

    code = "image_as_text"
    sentence = "The image was sent as a text field. Please send it as a file, with a filename."
    to_program = _("Send it as a file part, with a filename.")


class OtherField(PictureRefused):
    """U47: a file came, but in a field of another name."""

    code = "other_field"
    to_program = _("Name the field image.")

    @classmethod
    def named(cls, name: str) -> OtherField:
        """Return the error that says which field was found."""
        found = filenames.display(name, 40) if name.strip() else ""
        return cls(f"A file was found in the field '{found}'. The field must be named 'image'.")


class NoKey(NotSent):
    """The team has no RemBG key at all."""

    code = "no_key"
    sentence = "This team has no RemBG key yet. An admin can add one on the keys page."
    http_status = 503
    pause = PAUSE
    to_person = ""
    to_program = _("An admin adds a RemBG key.")


class KeysRefused(NotSent):
    """RemBG refuses every key that could be used; members need not know how (F15)."""

    code = "keys_refused"
    sentence = "The team's RemBG key was refused. An admin sees on the keys page what to do."
    to_person = _("Ask an admin of the team.")
    to_program = _("An admin looks at the keys page: it says what to do.")
    group = "way"

    @classmethod
    def of(cls, error: AccountRefused) -> KeysRefused:
        """Return what a member may know of a refusal; an address to verify is no secret (F16)."""
        unverified = (
            "RemBG refused the team's key: the e-mail address of its account is not verified. "
            "An admin sees on the keys page what to do."
        )
        return cls(unverified if isinstance(error, Unverified) else "", status=error.status)


class Degraded(NotSent):
    """Every account that could pay answered as one without credits does: with a small picture."""

    code = "degraded"
    sentence = (
        "RemBG answered with small pictures, as it does for an account that is out of credits. An "
        "admin sees on the account's page what to do."
    )
    http_status = 503
    to_person = ""
    to_program = _("An admin looks at the account's page: it says what to do.")


class KeysLocked(NotSent):
    """No key opens with the configured encryption key (K15)."""

    code = "keys_locked"
    sentence = "Keys are locked: encryption key does not match. Whoever runs this site can fix it."
    http_status = 503
    pause = PAUSE
    to_person = ""
    to_program = _("Whoever runs this site restores the encryption key.")


class NoSpace(NotSent):
    """The disk has no room for a result (R5)."""

    code = "no_space"
    sentence = "The server has no free space for more pictures. Whoever runs it can make room."
    http_status = 507
    to_person = ""
    to_program = _("Whoever runs this site makes room.")


class PictureGone(NotSent):
    """The picture is not where it was kept."""

    code = "picture_gone"
    sentence = "The stored picture is not there any more. Please upload it again."
    to_person = _("Upload the picture again.")
    runs_again = False


class Parked(NotSent):
    """The worker ended three times while it held this picture (R15)."""

    code = "parked"
    sentence = "The worker stopped three times at this picture, so it was set aside."
    to_person = _("Save the picture anew in another program, then upload that file.")
    runs_again = False


class ProcessEnded(OutcomeUnknown):
    """Our own process ended, or lost its database, before it wrote the outcome down (R1)."""

    code = "process_ended"
    sentence = (
        "This site's own process stopped before it could write down what came of the picture. "
        "It is not known whether a credit was used."
    )


class Busy(NotSent):
    """As many pictures wait as a team may have waiting (R17)."""

    code = "busy"
    sentence = "This team has too many pictures waiting. Please try again in a few minutes."
    http_status = 429
    pause = PAUSE
    to_program = _("Send fewer pictures at once, and this one again in a moment.")


@dataclass(frozen=True)
class BudgetRefusal:
    """Which budget refused: of a `member`, a `key` or a `tag`, its credits, and until when."""

    kind: str
    name: str
    hard: int
    ends_at: datetime

    @property
    def sentence(self) -> str:
        """Say it to a program."""
        whose = {"key": "The budget of this key", "tag": f"The budget of the tag '{self.name}'"}
        renewal = f"{self.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        credits = "1 credit" if self.hard == 1 else f"{self.hard} credits"
        return (
            f"{whose.get(self.kind, 'Your budget')} for this cycle is used up: {credits}."
            f" It starts anew at {renewal}; an owner or admin of the team can raise it."
        )


class OverBudget(NotSent):
    """A member, a virtual key or a tag has used up its budget of the cycle (R7)."""

    code = "over_budget"
    sentence = "The budget for this cycle is used up. An owner or admin of the team can raise it."
    http_status = 429
    to_person = ""
    to_program = _("An owner or admin raises it, or wait for the next cycle.")
    group = "limit"

    refusal: BudgetRefusal | None = None

    @classmethod
    def by(cls, refusal: BudgetRefusal) -> OverBudget:
        """Return the error that names the budget."""
        error = cls(refusal.sentence)
        error.refusal = refusal
        return error
