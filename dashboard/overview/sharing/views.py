"""What a team shares: the list, and the forms by which admins make links and end them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST

from dashboard.keys.models import Account
from dashboard.overview.models import Share, issue
from dashboard.overview.sharing.charts import CHARTS
from dashboard.teams.access import TeamRequest, team_view
from dashboard.teams.audit import record_for
from dashboard.teams.models import Role, Team

DAYS = [
    (1, _("1 day")),
    (7, _("7 days")),
    (30, _("30 days")),
    (90, _("90 days")),
    (365, _("1 year")),
]
MOST_SHARES = 100  # live ones a team
SEPARATOR = ":"


class WantedForm(forms.Form):
    """What a page's "Share" button asks to be chosen."""

    what = forms.CharField(required=False, max_length=60)


class ShareForm(forms.Form):
    """A new share: what it shows, a label for the team's own list, and for how long."""

    what = forms.ChoiceField(label=_("What it shows"))
    label = forms.CharField(
        label=_("Label"),
        max_length=80,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(label=_("Expires after"), choices=DAYS, coerce=int, initial=30)

    def __init__(self, *args: Any, team: Team, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team, self.at = team, at
        accounts = team.accounts.active().order_by("label", "pk")
        self.accounts = {str(account.pk): account for account in accounts}
        self.fields["what"].choices = self._choices()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Refuse more than a team can keep an eye on."""
        if Share.objects.live(at=self.at).filter(team=self.team).count() >= MOST_SHARES:
            raise forms.ValidationError(
                _("There are %(most)s links already. Revoke one of them first."),
                params={"most": MOST_SHARES},
            )
        return self.cleaned_data

    @property
    def chosen(self) -> tuple[str, Account | None]:
        """Return what is to be shown, and whose."""
        shows, _separator, account = self.cleaned_data["what"].partition(SEPARATOR)
        return shows, self.accounts.get(account)

    def _choices(self) -> list[tuple[Any, Any]]:
        every, shows = list(self.accounts.items()), Share.Shows
        charts = [
            (f"{kind}{SEPARATOR}{pk}", f"{account}: {kind.label}")
            for pk, account in every
            for kind in CHARTS
        ]
        badges = [(f"{shows.BADGE}{SEPARATOR}{pk}", str(account)) for pk, account in every]
        return [
            (shows.OVERVIEW.value, _("Overview: totals and accounts")),
            (_("Charts"), charts),
            (_("Badges"), [(shows.BADGE.value, _("All accounts")), *badges]),
        ]


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
    messages.success(request, gettext("Link revoked."))
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
