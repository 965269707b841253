"""How the credits taken of a budget come about."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from dashboard.lib.explanation import Explanation, Operand
from dashboard.removals.budgets import FIELDS, BudgetUse, uses
from dashboard.removals.models import Budget, Charged, Removal, Subject
from dashboard.teams.models import Membership


def budget(membership: Membership, pk: UUID, *, at: datetime) -> Explanation:
    """Explain the use of a budget that this person may see; raise Http404."""
    found = get_object_or_404(Budget.objects.seen_by(membership), pk=pk)
    return use_of(found, uses([found], at=at)[0], slug=membership.team.slug)


def use_of(found: Budget, use: BudgetUse, *, slug: str) -> Explanation:
    """Explain the use of a budget."""
    certain, open_ = _counted(use)
    url = reverse("removals:index", args=[slug])
    return Explanation(
        _("Budget of %(name)s, this cycle") % {"name": found.name},
        _(
            "One credit for each picture taken in the cycle that has cost one, may have, or still "
            "may: it is reserved before the picture is sent, and given back when it certainly "
            "cost nothing."
        ),
        use.taken,
        (
            Operand(_("Pictures that cost a credit"), certain, url),
            Operand(_("On their way, or with an unknown outcome"), open_, f"{url}?state=unknown"),
        ),
        _("Only what went through this dashboard counts: RemBG's own counters hold the rest too."),
    )


def _counted(use: BudgetUse) -> tuple[int, int]:
    """Return how many removals certainly cost a credit, and how many others are counted."""
    mine = Q(**{FIELDS[Subject(use.budget.kind)]: use.budget.subject}, team=use.budget.team_id)
    period = use.period
    counting = Removal.objects.counting(since=period.start_at, until=period.end_at).filter(mine)
    counts = counting.aggregate(
        every=Count("pk"), certain=Count("pk", filter=Q(charged=Charged.YES))
    )
    return counts["certain"], counts["every"] - counts["certain"]
