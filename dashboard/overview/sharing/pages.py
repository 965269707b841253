"""A team's own list of what it shares; admins make links and end them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.overview.models import Share, issue
from dashboard.overview.sharing.forms import ShareForm, WantedForm
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.models import Role, Team


@require_http_methods(["GET", "HEAD", "POST"])
@team_view(role=Role.ADMIN)
def sharing(request: TeamRequest, team: Team) -> HttpResponse:
    """Show what is shared; a POST shares something more, and shows its address once."""
    at = timezone.now()
    if request.method != "POST":
        wanted = WantedForm(request.GET)
        initial = {"what": wanted.cleaned_data["what"]} if wanted.is_valid() else {}
        return _page(request, team, ShareForm(team=team, at=at, initial=initial))
    form = ShareForm(request.POST, team=team, at=at)
    if not form.is_valid():
        return _page(request, team, form, status=422)
    shows, account = form.chosen
    label, days = form.cleaned_data["label"], form.cleaned_data["days"]
    share, secret = issue(
        team, shows=shows, account=account, label=label, days=days, by=request.user, at=at
    )
    expires = share.expires_at
    record_for(request, "share.created", at=at, subject=str(share), label=label, expires_at=expires)
    fresh = ShareForm(team=team, at=at)
    return _page(request, team, fresh, share=share, address=address_of(share, secret))


@require_POST
@team_view(role=Role.ADMIN)
def revoke(request: TeamRequest, team: Team, pk: UUID) -> HttpResponse:
    """End a link; whoever opens it again finds nothing."""
    share = get_object_or_404(team.shares.select_related("account"), pk=pk)
    at = timezone.now()
    if share.revoke(at=at):
        record_for(request, "share.revoked", at=at, subject=str(share), label=share.label)
    messages.success(request, _("Link revoked."))
    return redirect("overview:sharing", team.slug)


def address_of(share: Share, secret: str) -> str:
    """Return the address that opens a share."""
    name = "overview:badge" if share.shows == Share.Shows.BADGE else "overview:shared"
    return f"{settings.SITE_URL}{reverse(name, args=[secret])}"


def _page(
    request: TeamRequest, team: Team, form: ShareForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    shares = team.shares.live(at=form.at).newest_first().select_related("account", "created_by")
    context = {"form": form, "shares": shares, **more}
    return render(request, "shared/list.html", context, status=status)
