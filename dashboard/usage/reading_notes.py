"""Readings and keys in words: what is odd about a number, and how a key stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from dashboard.keys.wording import explain_question
from dashboard.rembg.errors import WrongAnswer
from dashboard.usage.polling.schedule import OURS
from dashboard.usage.standing import Standing

PROBLEMS = {
    "not_json": gettext_lazy("The answer was not JSON."),
    "not_an_object": gettext_lazy("Where an object belongs, there was something else."),
    "not_a_list": gettext_lazy("Where a list belongs, there was something else."),
    "duplicate_key": gettext_lazy("A field came twice; the last one counts."),
    "duplicate_cycle": gettext_lazy("A cycle was listed twice; the last one counts."),
    "status": gettext_lazy("The answer came with an error status."),
    "missing": gettext_lazy("A field is missing."),
    "null": gettext_lazy("A field is empty."),
    "text_number": gettext_lazy("A number came as text."),
    "text_flag": gettext_lazy("A yes or no came as text."),
    "not_a_number": gettext_lazy("A field is not a whole number."),
    "not_a_text": gettext_lazy("A field is not a text."),
    "not_a_flag": gettext_lazy("A field is neither yes nor no."),
    "negative": gettext_lazy("A number is below zero, which means nothing here."),
    "too_big": gettext_lazy("A number is larger than any account has."),
    "too_many": gettext_lazy("The list is longer than 500 cycles; the rest was not read."),
    "used_negative": gettext_lazy(
        "RemBG says that more is left than the plan includes. Both are shown as they came; "
        "what was used is counted from app and API."
    ),
    "less_left": gettext_lazy(
        "RemBG says that less is left than was included less what was used. Both are shown as they "
        "came; until they agree, nobody is warned and nothing is forecast."
    ),
    "more_left": gettext_lazy(
        "RemBG says that more is left than was included less what was used. Both are shown as they "
        "came."
    ),
    "ends_before_start": gettext_lazy("A window ends before it starts."),
    "far_year": gettext_lazy("A date is far away from today."),
    "overlap": gettext_lazy("Two windows share days."),
    "fell": gettext_lazy(
        "It counts fewer credits than the reading before it: an old answer, or a correction. It is "
        "believed once four readings in a row say so."
    ),
    "old_window": gettext_lazy(
        "It is about an earlier cycle than the reading before it: an old answer, as it seems. It "
        "is believed once four readings in a row say so."
    ),
    "other_window": gettext_lazy(
        "It names a cycle that cannot be while the known one runs: another account's, or the "
        "renewal has moved. It is believed once a second reading says so."
    ),
    "gap": gettext_lazy("Between two windows there are days that neither covers."),
}
DEGRADED = gettext_lazy(
    "RemBG does that when an account is out of credits, and charges for it. The account is not "
    "chosen by itself until a reading shows credits, or somebody says that it is well."
)
# They say how upstream writes, or what a list is like; the numbers shown are not touched by them.
HARMLESS = frozenset({"text_number", "text_flag", "overlap", "gap", "duplicate_cycle"})


@dataclass(frozen=True)
class Note:
    """Something that a reader of the numbers has to know."""

    kind: str
    title: str
    text: str


def problem_sentences(problems: Iterable[Mapping[str, str]]) -> list[str]:
    """Return what was odd about a reading, a sentence each, with the field and its value."""
    return [
        " ".join(
            part
            for part in (
                str(PROBLEMS.get(one["code"], one["code"])),
                f"({one['field']}: {one['value']})" if one["field"] and one["value"] else "",
                f"({one['field']})" if one["field"] and not one["value"] else "",
            )
            if part
        )
        for one in problems
    ]


def notes(standing: Standing) -> list[Note]:
    """Return what has to be said about an account's numbers, the gravest first."""
    found: list[Note] = []
    if standing.last_error or standing.failed_at:
        found.append(Note("warn", _("The last reading failed."), failure(standing)))
    if standing.doubted_at:
        words = _(
            "The newest answer counts less than the one before it, or names another cycle. It may "
            "be an old answer or another account's: the numbers stay as they are until more "
            "readings confirm it."
        )
        found.append(Note("info", _("An answer waits to be confirmed."), words))
    told = [one for one in standing.problems if one["code"] not in HARMLESS]
    if told:
        sentences = " ".join(problem_sentences(told))
        found.append(Note("info", _("RemBG's answer was odd."), sentences))
    if standing.clock_skew_seconds:
        minutes = round(abs(standing.clock_skew_seconds) / 60)
        words = _("RemBG's clock differs from ours by %(minutes)s minutes; ours is used.")
        found.append(Note("info", _("The clocks differ."), words % {"minutes": minutes}))
    return found


def failure(standing: Standing) -> str:
    """Return why the last reading failed and what to do, empty where nothing is known of it."""
    if standing.last_error in OURS:
        return standing.last_message
    if standing.last_error:
        return str(explain_question(standing.last_error))
    return str(explain_question(WrongAnswer.code)) if standing.failed_at else ""
