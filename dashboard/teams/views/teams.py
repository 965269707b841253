"""A person's teams, and a team's own pages: its settings, access tokens and audit trail."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from dashboard.teams.access import LAST_TEAM, PersonRequest, TeamRequest, signed_in, team_view
from dashboard.teams.audit import address_of, record, record_for
from dashboard.teams.forms import AuditFilterForm, SettingsForm, TeamForm, TokenForm
from dashboard.teams.models import AccessToken, Membership, Role, Team
from dashboard.teams.roster import found_team

PAGE = 50


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
        team = found_team(form.cleaned_data["name"], owner=request.user, at=at)
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


@require_http_methods(["GET", "HEAD", "POST"])
@team_view()
def settings(request: TeamRequest, team: Team) -> HttpResponse:
    """Show a team's settings; admins change them."""
    if request.method != "POST":
        return _page(request, team)
    if not request.membership.may(Role.ADMIN):
        raise PermissionDenied
    before = {name: getattr(team, name) for name in SettingsForm.Meta.fields}
    form = SettingsForm(request.POST, instance=team)
    if not form.is_valid():
        # The form has put its values into the team that the frame shows.
        team.refresh_from_db()
        return _page(request, team, status=422, form=form)
    form.save()
    changes = {name: [before[name], form.cleaned_data[name]] for name in form.changed_data}
    record_for(request, "team.settings_changed", at=timezone.now(), subject=team.name, **changes)
    messages.success(request, _("Settings saved."))
    return redirect("teams:settings", team.slug)


@require_POST
@team_view()
def issue_token(request: TeamRequest, team: Team) -> HttpResponse:
    """Issue an access token to the person who asks; its secret is shown once (K12)."""
    form = TokenForm(request.POST, membership=request.membership)
    if not form.is_valid():
        return _page(request, team, status=422, token_form=form)
    at = timezone.now()
    token, secret = AccessToken.objects.issue(
        request.membership, label=form.cleaned_data["label"], at=at, days=form.cleaned_data["days"]
    )
    record_for(request, "token.issued", at=at, subject=str(token))
    return _page(request, team, token=token, secret=secret)


@require_POST
@team_view()
def revoke_token(request: TeamRequest, team: Team, pk: int) -> HttpResponse:
    """End one's own access token; admins end anybody's."""
    token = get_object_or_404(AccessToken.objects.seen_by(request.membership), pk=pk)
    at = timezone.now()
    if token.revoke(at=at):
        record_for(request, "token.revoked", at=at, subject=str(token))
    messages.success(request, _("Token revoked."))
    return redirect("teams:settings", team.slug)


def _page(request: TeamRequest, team: Team, *, status: int = 200, **more: Any) -> HttpResponse:
    mine = request.membership
    tokens = AccessToken.objects.active(at=timezone.now()).seen_by(mine).newest_first()
    context = {
        "form": SettingsForm(instance=team),
        "token_form": TokenForm(membership=mine),
        "tokens": tokens,
        "may_change": mine.may(Role.ADMIN),
    }
    return render(request, "teams/settings.html", {**context, **more}, status=status)


@require_safe
@team_view(role=Role.ADMIN)
def audit(request: TeamRequest, team: Team) -> HttpResponse:
    """Show who did what, the newest first; one action of it where one is chosen."""
    form = AuditFilterForm(request.GET, team=team)
    action = form.cleaned_data["action"] if form.is_valid() else ""
    entries = team.audit_entries.of_action(action).newest_first()
    page = Paginator(entries, PAGE).get_page(request.GET.get("page"))
    return render(request, "teams/audit.html", {"form": form, "page": page, "action": action})
