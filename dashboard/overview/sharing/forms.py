"""What to share, and for how long."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.overview.models import Share
from dashboard.overview.sharing.charts import CHARTS
from dashboard.teams.models import Team

DAYS = [
    (1, _("1 day")),
    (7, _("7 days")),
    (30, _("30 days")),
    (90, _("90 days")),
    (365, _("1 year")),
]
MOST = 100  # live ones a team
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
        if Share.objects.live(at=self.at).filter(team=self.team).count() >= MOST:
            raise forms.ValidationError(
                _("There are %(most)s links already. Revoke one of them first."),
                params={"most": MOST},
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
