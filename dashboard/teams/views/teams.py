"""The door, and the list of a person's teams."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from dashboard.teams.access import LAST_TEAM, PersonRequest, signed_in
from dashboard.teams.audit import address_of, record
from dashboard.teams.forms import TeamForm
from dashboard.teams.founding import found
from dashboard.teams.models import Membership


@require_safe
@signed_in
def home(request: PersonRequest) -> HttpResponse:
    """Open the team that the person saw last, else the first, else the list."""
    slugs = [mine.team.slug for mine in Membership.objects.of(request.user)]
    if not slugs:
        return redirect("teams:index")
    last = request.session.get(LAST_TEAM)
    return redirect("overview:team", last if last in slugs else slugs[0])


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def index(request: PersonRequest) -> HttpResponse:
    """List a person's teams; start another."""
    form = TeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        at = timezone.now()
        team = found(form.cleaned_data["name"], owner=request.user, at=at)
        record(
            team,
            "team.created",
            at=at,
            user=request.user,
            subject=team.name,
            address=address_of(request),
        )
        messages.success(request, _("Team created."))
        return redirect("overview:team", team.slug)
    memberships = Membership.objects.of(request.user)
    return render(request, "teams/index.html", {"form": form, "memberships": memberships})
