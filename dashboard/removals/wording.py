"""What a removal is called on a page: what was asked, how far it is, what it cost, what to do."""

from __future__ import annotations

from datetime import datetime
from math import ceil

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from dashboard.rembg import errors
from dashboard.rembg.parameters import Parameters
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.errors import OverBudget
from dashboard.removals.models import Charged, Phase, Removal, RemovalRow, State, Subject

# Formats without transparency; RemBG puts the subject on white (contract 1).
FLAT = ("jpeg", "bmp")


def asked_sentence(asked: Parameters) -> str:
    """Say in one line what was asked of RemBG: "PNG, 800 px wide, on white"."""
    parts = [asked.format.upper(), _size(asked), _ground(asked)]
    if asked.angle:
        parts.append(_("turned by %(angle)s°") % {"angle": f"{asked.angle:g}"})
        if not asked.expand:
            parts.append(_("corners cropped"))
    return ", ".join(parts)


def phase_sentence(removal: Removal, *, at: datetime) -> str:
    """Say how far a removal is."""
    if removal.state == State.QUEUED and removal.error and removal.not_before_at > at:
        seconds = ceil((removal.not_before_at - at).total_seconds())
        return _("Waiting to try again in %(seconds)s s: %(reason)s") % {
            "seconds": seconds,
            "reason": removal.message,
        }
    if removal.state == State.QUEUED:
        return _("Safe with us. Waiting for its turn")
    if removal.state == State.SENDING and removal.phase:
        return str(Phase(removal.phase).label)
    return str(State(removal.state).label)


def cost_sentence(removal: Removal | RemovalRow) -> str:
    """Say what a removal cost; "" while it runs."""
    if not removal.is_final:
        return ""
    if removal.charged == Charged.UNKNOWN:
        return _("Maybe 1 credit")
    return str(Charged(removal.charged).label)


def safe_sentence(removal: Removal) -> str:
    """Say what is certain about the credit of a removal that did not work."""
    if removal.charged == Charged.NO:
        return _("No credit was spent.")
    if removal.charged == Charged.YES:
        return _("One credit was spent.")
    return _("The account's usage will tell whether it cost one.")


def next_step(removal: Removal) -> str:
    """Say what a person can do about a removal that did not work."""
    leaf = errors.named(removal.error)
    first = _(leaf.to_person) if leaf.to_person else ""
    if not leaf.runs_again:
        return first
    if leaf.to_person is None and removal.state != State.UNKNOWN:
        return _("Change what is asked, or choose another picture.")
    return " ".join(filter(None, (first, _again(removal))))


def _again(removal: Removal) -> str:
    """Say how the same picture may be sent once more; what is not kept cannot be run again here."""
    may_cost = removal.state == State.UNKNOWN
    if removal.can_run_again and may_cost:
        return _("Run it again if you need the picture now; that may cost a second credit.")
    if removal.can_run_again:
        return _("Then run it again.")
    if may_cost:
        return _(
            "It cannot be run again here, as its picture is not kept. Sending it anew may cost a "
            "second credit."
        )
    return _("It cannot be run again here, as its picture is not kept: send it anew then.")


def refusal(error: errors.RembgError) -> str:
    """Say why a picture was not taken."""
    found = error.refusal if isinstance(error, OverBudget) else None
    if found is None:
        return error.message
    facts = {"hard": _number(found.hard), "day": _day(found.ends_at), "tag": found.name}
    if found.kind == Subject.TAG:
        return (
            ngettext(
                "The budget of the tag “%(tag)s” is used up: %(hard)s credit this cycle. It "
                "starts anew on %(day)s; an owner or admin of the team can raise it.",
                "The budget of the tag “%(tag)s” is used up: %(hard)s credits this cycle. It "
                "starts anew on %(day)s; an owner or admin of the team can raise it.",
                found.hard,
            )
            % facts
        )
    return (
        ngettext(
            "Your budget is used up: %(hard)s credit this cycle. It starts anew on %(day)s; an "
            "owner or admin of the team can raise it.",
            "Your budget is used up: %(hard)s credits this cycle. It starts anew on %(day)s; an "
            "owner or admin of the team can raise it.",
            found.hard,
        )
        % facts
    )


def budget_line(use: BudgetUse) -> str:
    """Say how a person's own budget stands."""
    facts = {
        "taken": _number(use.taken),
        "soft": _number(use.budget.soft or 0),
        "hard": _number(use.budget.hard or 0),
        "left": _number(use.remaining or 0),
        "day": _day(use.period.end_at),
    }
    return _budget_words(use) % facts


def _budget_words(use: BudgetUse) -> str:
    soft, hard = use.budget.soft or 0, use.budget.hard
    if hard is None:
        return _soft_words(use, soft)
    if use.is_spent:
        return ngettext(
            "Your budget is used up: %(taken)s of %(hard)s credit. It starts anew on %(day)s; an "
            "owner or admin of the team can raise it.",
            "Your budget is used up: %(taken)s of %(hard)s credits. It starts anew on %(day)s; an "
            "owner or admin of the team can raise it.",
            hard,
        )
    if use.is_warning:
        return ngettext(
            "%(taken)s of %(hard)s credit of your budget used. Once it is used up, no more "
            "pictures are taken until %(day)s.",
            "%(taken)s of %(hard)s credits of your budget used. Once the other %(left)s are, no "
            "more pictures are taken until %(day)s.",
            hard,
        )
    return ngettext(
        "%(taken)s of %(hard)s credit of your budget used until %(day)s.",
        "%(taken)s of %(hard)s credits of your budget used until %(day)s.",
        hard,
    )


def _soft_words(use: BudgetUse, soft: int) -> str:
    if use.is_warning:
        return ngettext(
            "%(taken)s credit used this cycle; your budget is %(soft)s until %(day)s. "
            "Nothing is refused.",
            "%(taken)s credits used this cycle; your budget is %(soft)s until %(day)s. "
            "Nothing is refused.",
            use.taken,
        )
    return ngettext(
        "%(taken)s of %(soft)s credit of your budget used until %(day)s.",
        "%(taken)s of %(soft)s credits of your budget used until %(day)s.",
        soft,
    )


def _number(count: int) -> str:
    return str(number_format(count, force_grouping=True))


def _day(moment: datetime) -> str:
    return str(date_format(timezone.localtime(moment), "j M"))


def _size(asked: Parameters) -> str:
    sides = {"w": asked.w, "h": asked.h}
    if asked.w and asked.h:
        if asked.exact_resize:
            return _("exactly %(w)s × %(h)s px") % sides
        return _("within %(w)s × %(h)s px") % sides
    if asked.w:
        return _("%(w)s px wide") % sides
    return _("%(h)s px high") % sides if asked.h else _("same size")


def _ground(asked: Parameters) -> str:
    if asked.mask:
        return _("mask only")
    if asked.bg_color:
        return _("on %(colour)s") % {"colour": _COLOURS.get(asked.bg_color, asked.bg_color)}
    return _("on white") if asked.format in FLAT else _("transparent")


_COLOURS: dict[str, str | Promise] = {
    "#ffffff": gettext_lazy("white"),
    "#f2f2f2": gettext_lazy("light grey"),
    "#000000": gettext_lazy("black"),
}
