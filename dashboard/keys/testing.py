"""Trying a key out: one question to RemBG, which costs nothing."""

from datetime import datetime

from django.utils.translation import gettext as _

from dashboard.keys import limits, locks
from dashboard.keys.models import ApiKey
from dashboard.keys.wording import Advice, explain, explain_question
from dashboard.lib.sealing import SealError
from dashboard.rembg import errors
from dashboard.rembg.errors import RembgError


def test_key(key: ApiKey, *, at: datetime) -> Advice | None:
    """Ask RemBG with this key, note what it says of the key, and return what went wrong, if any.

    A refusal counts towards the pause (F15), a good answer ends it. Where RemBG was not reached or
    made no sense, nothing was learnt about the key, and nothing is noted.
    """
    try:
        answer = key.client().usage()
    except SealError:
        locks.alarm(key, at=at)
        return Advice(_("The key does not open"), locks.unreadable(key) or "", "")
    except errors.AccountRefused as error:
        key.note_refused(error, at=at)
        return explain(error)
    except errors.Limited as error:
        limits.note_limited(key, error, at=at)
        return explain(error)
    except RembgError as error:
        return _nothing_learnt(error)
    if not answer.is_usable:
        return _nothing_learnt(errors.WrongAnswer(status=answer.status))
    key.note_accepted(at=at)
    return None


def _nothing_learnt(error: RembgError) -> Advice:
    """Say what went wrong, of a question that costs nothing whatever became of it."""
    found = explain_question(error, by_hand=True)
    reason = _("Nothing was learnt about the key. Asking costs no credit.")
    return Advice(found.title, reason, found.next_step)


# Its name is for people; pytest is not to collect it.
test_key.__test__ = False  # type: ignore[attr-defined]
