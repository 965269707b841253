"""What people ask of statements, and say about prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from typing import Any

from django import forms
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from dashboard.keys.models import Account
from dashboard.keys.pricing import PLACES, CreditPrice
from dashboard.lib import currencies
from dashboard.teams.models import Team


class StatementsForm(forms.Form):
    """Whose statements."""

    account = forms.UUIDField(required=False)

    def __init__(self, *args: Any, accounts: Sequence[Account], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        wanted = self.cleaned_data.get("account") if self.is_valid() else None
        found = [one for one in accounts if one.pk == wanted]
        self.chosen = next(iter([*found, *accounts]), None)


class MonthForm(forms.Form):
    """Which month's statement: "2026-10"."""

    month = forms.DateField(required=False, input_formats=["%Y-%m"])


class PriceForm(forms.Form):
    """What a credit of an account, or of all accounts, costs, and from which day on."""

    account = forms.ModelChoiceField(
        label=_("Account"),
        queryset=Account.objects.none(),
        required=False,
        empty_label=_("All accounts without a price of their own"),
    )
    amount = forms.DecimalField(
        label=_("Price of a credit"), min_value=0, max_digits=12, decimal_places=PLACES
    )
    currency = forms.ChoiceField(
        label=_("Currency"), choices=[(code, code) for code in currencies.CODES]
    )
    from_on = forms.DateField(
        label=_("Holds from"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, team: Team, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team
        accounts = team.accounts.order_by(F("archived_at").asc(nulls_first=True), "label", "pk")
        self.fields["account"].queryset = accounts  # type: ignore[attr-defined]
        newest = CreditPrice.objects.of_team(team).order_by("-set_at", "-pk").first()
        self.initial = {
            "account": newest.account_id if newest else None,
            "currency": newest.currency if newest else "EUR",
            "from_on": at.astimezone(team.zone).date().replace(day=1),
            **self.initial,
        }

    def clean_from_on(self) -> datetime:
        """Return the first moment of that day where the team is."""
        day = self.cleaned_data["from_on"]
        return datetime.combine(day, time.min, tzinfo=self.team.zone).astimezone(UTC)
