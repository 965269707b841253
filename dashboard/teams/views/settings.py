"""A team's settings, and the access tokens of its people."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.forms import SettingsForm, TokenForm
from dashboard.teams.models import AccessToken, Role, Team


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
