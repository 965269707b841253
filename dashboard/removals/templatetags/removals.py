"""What a removal is called, and what members may spend, for templates."""

from typing import Any

from django import template
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _

from dashboard.removals import budgets, wording
from dashboard.removals.budgets import BudgetUse
from dashboard.removals.models import Budget, Removal, RemovalRow, Source, State
from dashboard.teams.models import Membership, Role

register = template.Library()
register.filter("budget_line", wording.budget_line)

BADGES = {
    State.QUEUED: "neutral",
    State.LEASED: "busy",
    State.SENDING: "busy",
    State.DONE: "ok",
    State.FAILED: "bad",
    State.UNKNOWN: "warn",
}


@register.filter
def asked(removal: Removal | RemovalRow) -> str:
    """Say what was asked."""
    return wording.asked_sentence(removal.asked)


@register.filter
def phase(removal: Removal) -> str:
    """Say how far it is."""
    return wording.phase_sentence(removal, at=timezone.now())


@register.filter
def cost(removal: Removal | RemovalRow) -> str:
    """Say what it cost."""
    return wording.cost_sentence(removal)


@register.filter
def safe_part(removal: Removal) -> str:
    """Say what is certain about the credit."""
    return wording.safe_sentence(removal)


@register.filter
def next_step(removal: Removal) -> str:
    """Say what to do."""
    return wording.next_step(removal)


@register.filter
def state(removal: Removal | RemovalRow) -> str:
    """Name its state."""
    return str(State(removal.state).label)


@register.filter
def source(removal: Removal | RemovalRow) -> str:
    """Name where it came from."""
    return str(Source(removal.source).label)


@register.filter
def badge(removal: Removal | RemovalRow) -> str:
    """Return the kind of badge for its state."""
    return BADGES[State(removal.state)]


@register.filter
def original_facts(removal: Removal) -> str:
    """Say what was sent: "JPEG, 1200 × 800 px, 2.4 MB"."""
    kind = removal.picture_type.rsplit("/", 1)[-1]
    return _facts(kind, removal.shown_width, removal.shown_height, removal.picture_bytes)


@register.filter
def result_facts(removal: Removal) -> str:
    """Say what came back: "PNG, 1200 × 800 px, 1.1 MB"."""
    kind = removal.result_type.rsplit("/", 1)[-1]
    return _facts(kind, removal.result_width, removal.result_height, removal.result_bytes)


@register.filter
def transfer(progress: dict[str, Any]) -> str:
    """Say how far a transfer is: "1.2 MB of 2.4 MB, 800 KB/s"."""
    text = filesizeformat(progress["loaded"])
    if progress["total"]:
        text = _("%(loaded)s of %(total)s") % {
            "loaded": text,
            "total": filesizeformat(progress["total"]),
        }
    if progress["rate"]:
        text += _(", %(size)s a second") % {"size": filesizeformat(progress["rate"])}
    return text


@register.simple_tag
def member_uses(seen_by: Membership) -> dict[int, BudgetUse]:
    """Return each member's use of a budget by their user's id: an admin sees all, others theirs."""
    found = Budget.objects.of_members(seen_by.team).bounded()
    if not seen_by.may(Role.ADMIN):
        found = found.filter(subject=str(seen_by.user_id))
    return {int(use.budget.subject): use for use in budgets.uses(found, at=timezone.now())}


@register.filter
def of_person(uses: dict[int, BudgetUse], user_id: Any) -> BudgetUse | None:
    """Return the use of this person."""
    return uses.get(user_id)


def _facts(kind: str, width: int | None, height: int | None, size: int | None) -> str:
    return f"{kind.upper()}, {width} × {height} px, {filesizeformat(size or 0)}"
