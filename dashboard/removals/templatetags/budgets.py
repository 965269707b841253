"""What members may spend, for templates of floors below that know no budgets."""

from typing import Any

from django import template
from django.utils import timezone

from dashboard.removals import budgets, wording
from dashboard.removals.budgets import Use
from dashboard.removals.models import Budget
from dashboard.teams.models import Membership, Role

register = template.Library()
register.filter("budget_line", wording.budget_line)


@register.simple_tag
def member_uses(seen_by: Membership) -> dict[int, Use]:
    """Return each member's use of a budget by their user's id: an admin sees all, others theirs."""
    found = Budget.objects.of_members(seen_by.team).bounded()
    if not seen_by.may(Role.ADMIN):
        found = found.filter(subject=str(seen_by.user_id))
    return {int(use.budget.subject): use for use in budgets.uses(found, at=timezone.now())}


@register.filter
def of_person(uses: dict[int, Use], user_id: Any) -> Use | None:
    """Return the use of this person."""
    return uses.get(user_id)
