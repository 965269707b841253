"""The home page of a team."""

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from dashboard.keys.locks import locked
from dashboard.overview import summary
from dashboard.overview.concerns import concerns
from dashboard.overview.summary import account_cards
from dashboard.removals import budgets
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.models import Team
from dashboard.usage.standing import standings, total

# More accounts than this are read faster in a table.
MOST_CARDS = 6


@require_safe
@team_view()
def team(request: TeamRequest, team: Team) -> HttpResponse:
    """Show how much is left, until when, and what needs a person."""
    at = timezone.now()
    accounts = standings(team, at=at)
    sums = total(accounts)
    removals, unknown = summary.recent_removals(team, at=at)
    cards = account_cards(team, accounts, at=at)
    mine = request.membership
    strained = budgets.strained(mine, at=at)
    context = {
        "answer": summary.summary_sentence(sums, accounts),
        "total": sums,
        "cards": cards,
        "as_table": len(cards) > MOST_CARDS,
        "concerns": concerns(mine, cards, unknown, strained, locked=locked(), at=at),
        "removals": removals,
    }
    return render(request, "overview/team.html", context)
