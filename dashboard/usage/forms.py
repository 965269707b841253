"""What people say about accounts and the keys to them."""

from __future__ import annotations

from datetime import date
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from dashboard.keys.forms import ApiKeyForm, SecretForm
from dashboard.keys.models import Account
from dashboard.teams.models import Team
from dashboard.usage.models import Kind

NEW = "new"
SPANS = ("cycle", "30", "90", "48")
FIRST_YEAR, LAST_YEAR = 2000, 2200


class AddKeyForm(ApiKeyForm):
    """A new key, and the account that it belongs to."""

    account = forms.ChoiceField(
        label=_("Account"),
        help_text=_("Two keys of one RemBG account answer the same numbers: file them together."),
    )
    account_label = forms.CharField(
        label=_("Name of the new account"),
        max_length=80,
        required=False,
        help_text=_("Left empty, it is called like the key."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    anyway = forms.BooleanField(
        label=_("Keep the key although RemBG did not accept it"),
        required=False,
        widget=forms.HiddenInput,
    )

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, team=team, **kwargs)
        accounts = team.accounts.active().order_by("label", "pk")
        self.accounts = {str(account.pk): account for account in accounts}
        known = [(pk, account.label) for pk, account in self.accounts.items()]
        self.fields["account"].choices = [(NEW, _("A new account")), *known]  # type: ignore[attr-defined]
        self.fields["account"].initial = NEW
        if not known:
            self.fields["account"].widget = forms.HiddenInput()
        self.order_fields(["label", "secret", "account", "account_label", "anyway"])

    @property
    def chosen_account(self) -> Account | None:
        """Return the account named, None for a new one."""
        return self.accounts.get(self.cleaned_data["account"])

    def clean(self) -> dict[str, Any]:
        """Refuse a new account's name that another active account of the team has."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        label = data.get("account_label") or data.get("label")
        taken = {account.label for account in self.accounts.values()}
        if data.get("account") == NEW and label in taken:
            self.add_error("account_label", _("The team has an account with this name already."))
        return data

    def offer_anyway(self) -> None:
        """Let the key be kept although RemBG refused it."""
        self.fields["anyway"].widget = forms.CheckboxInput()


class ReplaceKeyForm(SecretForm):
    """Another secret for a key."""

    confirmed = forms.BooleanField(
        label=_("It is a key of the same RemBG account"), required=False, widget=forms.HiddenInput
    )

    def ask_to_confirm(self) -> None:
        """Let a person say what the numbers cannot."""
        self.fields["confirmed"].widget = forms.CheckboxInput()


class AccountLabelForm(forms.Form):
    """An account's label, unlike those of the team's other active accounts."""

    label = forms.CharField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["label"].initial = account.label
        self.account = account

    def clean_label(self) -> str:
        """Refuse a label that another account has."""
        label: str = self.cleaned_data["label"]
        others = Account.objects.active().filter(team=self.account.team_id, label=label)
        if others.exclude(pk=self.account.pk).exists():
            raise forms.ValidationError(_("The team has an account with this name already."))
        return label


class PickForm(forms.Form):
    """Which window, and which kind of cycles, to show; both may be left out."""

    cycle = forms.RegexField(regex=r"^-?\d{1,12}-(stripe|calendar)$", required=False)
    kind = forms.ChoiceField(choices=Kind, required=False)


class SpanForm(forms.Form):
    """Which stretch to show by the day, or which day by the hour; all may be left out."""

    span = forms.ChoiceField(choices=[(one, one) for one in SPANS], required=False)
    day = forms.DateField(input_formats=["%Y-%m-%d"], required=False)
    kind = forms.ChoiceField(choices=Kind, required=False)

    def clean_day(self) -> date | None:
        """Refuse days next to which there is no other."""
        day: date | None = self.cleaned_data["day"]
        if day and not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise forms.ValidationError(_("There is nothing to see in that year."))
        return day


class ColumnForm(forms.Form):
    """Which column of a stretch is to be explained: the unix second at which it begins."""

    column = forms.IntegerField(min_value=0, max_value=7_289_654_400, required=False)


class AccountsForm(forms.Form):
    """Which accounts to compare; none means the first ones."""

    account = forms.TypedMultipleChoiceField(coerce=UUID, required=False)

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = cast(forms.TypedMultipleChoiceField, self.fields["account"])
        field.choices = [(str(pk), pk) for pk in team.accounts.values_list("pk", flat=True)]


class CompareForm(forms.Form):
    """How many of the last cycles to compare with."""

    COUNTS = (1, 3, 6, 12)
    USUAL = 3

    last = forms.TypedChoiceField(
        choices=[(count, count) for count in COUNTS], coerce=int, required=False
    )
