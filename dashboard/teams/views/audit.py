"""The audit trail: a list that is only ever added to."""

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.forms import AuditFilterForm
from dashboard.teams.models import Role, Team

PAGE = 50


@require_safe
@team_view(role=Role.ADMIN)
def audit(request: TeamRequest, team: Team) -> HttpResponse:
    """Show who did what, the newest first; one action of it where one is chosen."""
    form = AuditFilterForm(request.GET, team=team)
    action = form.cleaned_data["action"] if form.is_valid() else ""
    entries = team.audit_entries.of_action(action).newest_first()
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    return render(request, "teams/audit.html", {"form": form, "page": page, "action": action})
