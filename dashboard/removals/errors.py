"""Why a removal cannot be done, beside RemBG's own reasons.

NotSent (of dashboard.rembg.errors: no byte left, no credit)
├── NoKey         the team has no RemBG key at all
├── KeysRefused   RemBG refuses every key that could be used (F15, F16)
├── KeysLocked    no key opens with the configured encryption key (K15)
├── NoSpace       no room for a result (R5, U41)
├── PictureGone   the picture is not where it was kept
├── Parked        the worker ended three times while it held this picture (R15)
└── Busy          as many pictures wait as a team may have waiting (R17)
"""

from dashboard.rembg.errors import NotSent


class NoKey(NotSent):
    """The team has no RemBG key at all."""

    code = "no_key"
    sentence = "This team has no RemBG key yet. An admin can add one on the keys page."


class KeysRefused(NotSent):
    """RemBG refuses every key that could be used; members need not know how (F15)."""

    code = "keys_refused"
    sentence = "The team's RemBG key was refused. An admin sees on the keys page what to do."


class KeysLocked(NotSent):
    """No key opens with the configured encryption key (K15)."""

    code = "keys_locked"
    sentence = "Keys are locked: encryption key does not match. Whoever runs this site can fix it."


class NoSpace(NotSent):
    """The disk has no room for a result (R5)."""

    code = "no_space"
    sentence = "The server has no free space for more pictures. Whoever runs it can make room."


class PictureGone(NotSent):
    """The picture is not where it was kept."""

    code = "picture_gone"
    sentence = "The stored picture is not there any more. Please upload it again."


class Parked(NotSent):
    """The worker ended three times while it held this picture (R15)."""

    code = "parked"
    sentence = "The worker stopped three times at this picture, so it was set aside."


class Busy(NotSent):
    """As many pictures wait as a team may have waiting (R17)."""

    code = "busy"
    sentence = "This team has too many pictures waiting. Please try again in a few minutes."
